//! The toolchain that builds for bare metal, and the roads to it: targets that
//! are installed, [`rustup`], or [`staged`].

mod debian;
mod rustup;
mod staged;

use crate::{ui, workspace::Workspace};
use anyhow::Result;
use std::{
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    process::Command,
};

pub use debian::{CLIPPY as STAGED_CLIPPY, PACKAGES as STAGED_PACKAGES};
pub use rustup::{host_rustc, missing_targets};
pub use staged::describe as describe_staged;

/// What kernels are compiled for.
pub const KERNEL_TARGET: &str = "x86_64-unknown-none";
/// What the loader's UEFI front end is compiled for.
pub const UEFI_TARGET: &str = "x86_64-unknown-uefi";
/// Both.
pub const TARGETS: [&str; 2] = [KERNEL_TARGET, UEFI_TARGET];

/// Where the bare-metal targets come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Choice {
    /// What is installed, else rustup, else staged
    Auto,
    /// Only rustup's targets
    Rustup,
    /// Targets built once from Debian's rustc-web, cargo-web and rust-web-src
    Staged,
}

/// A toolchain that can build for the bare-metal targets.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// The road it came by.
    pub road: Road,
    /// The cargo to call.
    cargo: PathBuf,
    /// Environment that this cargo needs.
    environment: Vec<(&'static str, OsString)>,
    /// Where its output goes.
    pub target: PathBuf,
}

/// How a toolchain came by its bare-metal targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Road {
    /// The toolchain that runs xtask has them.
    Installed,
    /// They were built from Debian's sources.
    Staged,
}

impl fmt::Display for Road {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Installed => "installed",
            Self::Staged => "staged",
        })
    }
}

impl Toolchain {
    /// Makes sure of a toolchain, by the first road that is open.
    pub fn prepare(choice: Choice, workspace: &Workspace) -> Result<Self> {
        if ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"].iter().any(|name| is_set(name)) {
            ui::note(
                "RUSTFLAGS from the environment are left out: they would replace the flags in \
                 .cargo/config.toml, without which no kernel boots",
            );
        }
        match choice {
            Choice::Staged => staged::prepare(workspace),
            Choice::Rustup => rustup::prepare().map(|()| Self::installed(workspace)),
            Choice::Auto => match rustup::prepare() {
                Ok(()) => Ok(Self::installed(workspace)),
                Err(error) => {
                    ui::note(format_args!("{error:#}; trying Debian's compiler instead"));
                    staged::prepare(workspace)
                }
            },
        }
    }

    /// The toolchain that runs xtask.
    pub fn installed(workspace: &Workspace) -> Self {
        Self {
            road: Road::Installed,
            cargo: std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()).into(),
            environment: Vec::new(),
            target: workspace.target.clone(),
        }
    }

    /// A call of this toolchain's cargo in the workspace.
    pub fn cargo(&self, workspace: &Workspace) -> Command {
        self.call(Command::new(&self.cargo), workspace)
    }

    /// A call of `cargo clippy` in the workspace. Rustup's does not read libraries
    /// that Debian's compiler built, but cargo would find it first.
    pub fn clippy(&self, workspace: &Workspace) -> Command {
        let program = match self.road {
            Road::Installed => Command::new(&self.cargo),
            Road::Staged => Command::new(STAGED_CLIPPY),
        };
        let mut command = self.call(program, workspace);
        command.arg("clippy");
        command
    }

    fn call(&self, mut command: Command, workspace: &Workspace) -> Command {
        command.current_dir(&workspace.root);
        // Either would replace the flags in .cargo/config.toml, and kernels linked
        // without those do not boot.
        command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        // Kernels are built in real stable mode, whatever the environment says.
        command.env_remove("RUSTC_BOOTSTRAP");
        if self.road == Road::Staged {
            clean_of_rustup(&mut command);
        }
        command.envs(self.environment.iter().cloned());
        command
    }
}

/// Removes what rustup's cargo left in the environment for programs it runs.
fn clean_of_rustup(command: &mut Command) {
    for name in ["RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH", "RUSTC", "RUSTDOC", "CARGO"] {
        command.env_remove(name);
    }
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// Whether `sysroot` has a compiled `core` for `target`.
fn has_target(sysroot: &Path, target: &str) -> bool {
    let folder = sysroot.join("lib/rustlib").join(target).join("lib");
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    let is_core = |name: OsString| {
        let name = name.to_string_lossy();
        name.starts_with("libcore-") && name.ends_with(".rlib")
    };
    entries.flatten().any(|entry| is_core(entry.file_name()))
}
