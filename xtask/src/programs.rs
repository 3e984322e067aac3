//! The user programs: built for ring 3, handed to kernels as the loader's modules.
//!
//! Kernels are linked at a fixed place, programs are not: the kernel loads them
//! where it likes. So they are compiled by the same toolchain for the same target,
//! but with flags of their own in place of those in `.cargo/config.toml`.

use crate::{
    boot::{Module, kernel},
    build::{self, Builder},
    toolchain::KERNEL_TARGET,
};
use anyhow::{Result, ensure};

/// The package whose binaries are the programs.
pub const PACKAGE: &str = "user";

/// Where they lie below `/boot`: out of the way of other files' names.
const FOLDER: &str = "programs";

/// Position-independent code, linked as a file that says so (`-pie`, and no
/// dynamic linker), with frame pointers for backtraces, as kernels have them.
const FLAGS: [&str; 4] = [
    "-Crelocation-model=pie",
    "-Cforce-frame-pointers=yes",
    "-Clink-arg=-pie",
    "-Clink-arg=--no-dynamic-linker",
];

/// What separates flags in `CARGO_ENCODED_RUSTFLAGS`.
const SEPARATOR: &str = "\x1f";

/// Builds all programs, always optimised, and packs each without what only
/// debuggers read.
pub fn build(builder: &Builder) -> Result<Vec<Module>> {
    let mut command = builder.toolchain.cargo(builder.workspace);
    command.args(["build", "--release", "--package", PACKAGE, "--bins"]);
    command.args(["--target", KERNEL_TARGET, "--target-dir"]).arg(&builder.toolchain.target);
    // Replaces the flags for kernels.
    command.env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join(SEPARATOR));
    let mut built = build::executables(command, "the user programs")?;
    ensure!(!built.is_empty(), "the package {PACKAGE} has no programs");
    built.sort_by(|one, other| one.target.cmp(&other.target));
    let modules = built.into_iter().map(|program| {
        let name = format!("{FOLDER}/{}", program.target);
        let contents = kernel::read(&program.path)?;
        Ok(Module { name, cmdline: String::new(), contents })
    });
    modules.collect()
}

/// The programs, for a kernel that takes them; else nothing.
pub fn build_for(package: &str, builder: &Builder) -> Result<Vec<Module>> {
    match builder.workspace.takes_programs(package) {
        true => build(builder),
        false => Ok(Vec::new()),
    }
}
