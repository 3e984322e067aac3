//! The third road: `core`, `alloc` and `compiler_builtins` for the bare-metal
//! targets, built once from the sources that Debian packages beside its compiler.
//!
//! ```text
//! target/staged-<key>/sysroot/    bin/rustc                 calls Debian's rustc with this sysroot
//!                                 lib/rustlib/<target>/lib  what was built
//!                                 lib/rustlib/<host>        links to the host's own
//! target/staged-<key>/target/     what kernels compile to
//! ```
//!
//! Building the libraries needs `RUSTC_BOOTSTRAP`; everything after that is real
//! stable Rust. The key changes with the compiler and the sources, because cargo
//! does not notice when a sysroot does.

use super::{
    Road, TARGETS, Toolchain, clean_of_rustup,
    debian::{CARGO, Debian, RUSTC, missing_packages},
    has_target,
};
use crate::{
    packages::{self, LLD},
    process,
    qemu::find_in_path,
    ui,
    workspace::Workspace,
};
use anyhow::{Context, Result, ensure};
use std::{
    fs::{self, File, TryLockError},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// How long the host's compiler may take to say where its linker is.
const PROBE_LIMIT: Duration = Duration::from_secs(20);
/// How long the libraries may take to compile: fifty times what they do.
const BUILD_LIMIT: Duration = Duration::from_secs(40 * 60);

/// What the road would use, without installing or building anything.
///
/// # Errors
/// If packages are missing or too old.
pub fn describe(workspace: &Workspace) -> Result<String> {
    let missing = missing_packages().len();
    ensure!(missing == 0, "{missing} of Debian's packages for it are not installed");
    let debian = Debian::examine(workspace)?;
    let built = match debian.folder(workspace)?.join("sysroot").is_dir() {
        true => "built",
        false => "not yet built",
    };
    Ok(format!("{}, core and alloc {built}", debian.version.lines().next().unwrap_or(RUSTC)))
}

/// Makes sure of a staged toolchain.
pub fn prepare(workspace: &Workspace) -> Result<Toolchain> {
    let debian = Debian::find(workspace)?;
    let folder = debian.folder(workspace)?;
    let sysroot = folder.join("sysroot");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    if !sysroot.is_dir() {
        let _lock = lock(&folder)?;
        // Another xtask may have built it while we waited.
        if !sysroot.is_dir() {
            ui::step("building core and alloc for bare metal (once)", || {
                debian.stage(&folder, &sysroot)
            })?;
        }
    }
    Ok(Toolchain {
        road: Road::Staged,
        cargo: CARGO.into(),
        environment: vec![
            ("RUSTC", sysroot.join("bin/rustc").into()),
            ("CARGO", CARGO.into()),
            // Clippy's driver takes the place of rustc and looks here.
            ("SYSROOT", sysroot.into()),
        ],
        target: folder.join("target"),
    })
}

impl Debian {
    /// Builds a sysroot beside its place and then moves it there.
    fn stage(&self, folder: &Path, sysroot: &Path) -> Result<()> {
        let work = tempfile::Builder::new().prefix("staging-").tempdir_in(folder)?;
        let staged = work.path().join("sysroot");
        let libraries = self.compile(work.path())?;
        for target in TARGETS {
            let place = staged.join("lib/rustlib").join(target).join("lib");
            fs::create_dir_all(&place)?;
            let built = libraries.join(target).join("release/deps");
            for entry in fs::read_dir(&built)? {
                let path = entry?.path();
                let name = path.file_name().unwrap_or_default();
                if is_library(&name.to_string_lossy()) {
                    fs::copy(&path, place.join(name))?;
                }
            }
            ensure!(has_target(&staged, target), "cargo built no `core` for {target}");
        }
        self.link_host(&staged)?;
        write_wrapper(&staged.join("bin/rustc"))?;
        fs::rename(&staged, sysroot).context("cannot move the finished sysroot to its place")
    }

    /// Compiles the libraries for all targets; returns cargo's output folder.
    fn compile(&self, work: &Path) -> Result<PathBuf> {
        let package = work.join("package");
        fs::create_dir_all(package.join("src"))?;
        fs::write(
            package.join("Cargo.toml"),
            "[package]\nname = \"stage\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n",
        )?;
        fs::write(package.join("src/lib.rs"), "#![no_std]\n")?;
        let output = work.join("target");
        let mut command = Command::new(CARGO);
        clean_of_rustup(&mut command);
        command.current_dir(&package).args(["build", "--release", "--target-dir"]).arg(&output);
        for target in TARGETS {
            command.args(["--target", target]);
        }
        // As rustup's own: memcpy and its like are in compiler_builtins.
        command.arg("-Zbuild-std=core,alloc,compiler_builtins");
        command.arg("-Zbuild-std-features=compiler-builtins-mem");
        command.env("RUSTC", RUSTC).env("RUSTC_BOOTSTRAP", "1");
        // With bitcode, link-time optimisation works as with rustup's.
        command.env("RUSTFLAGS", "-Cembed-bitcode=yes").env_remove("CARGO_ENCODED_RUSTFLAGS");
        let finished = process::capture(&mut command, BUILD_LIMIT)?;
        ensure!(
            finished.success(),
            "cannot build core and alloc from Debian's sources:\n{}",
            finished.stderr.trim_end()
        );
        Ok(output)
    }

    /// The host's libraries, for build scripts and procedural macros, and the
    /// linker, which Debian's compiler does not bring along.
    fn link_host(&self, staged: &Path) -> Result<()> {
        let host = staged.join("lib/rustlib").join(&self.host);
        fs::create_dir_all(host.join("bin"))?;
        symlink(self.sysroot.join("lib/rustlib").join(&self.host).join("lib"), host.join("lib"))?;
        symlink(find_linker()?, host.join("bin/rust-lld"))?;
        Ok(())
    }
}

/// A linker that can stand in for `rust-lld`: rustup's own, or LLVM's.
fn find_linker() -> Result<PathBuf> {
    if let Some(linker) = rustup_linker() {
        return Ok(linker);
    }
    if find_in_path("lld").is_none() {
        packages::install(&[LLD], "linking kernels")?;
    }
    find_in_path("lld").context("the package lld brought no program `lld`")
}

fn rustup_linker() -> Option<PathBuf> {
    let mut command = Command::new(super::host_rustc());
    command.args(["--print", "target-libdir"]);
    let finished = process::capture(&mut command, PROBE_LIMIT).ok()?;
    let linker = Path::new(finished.stdout.trim()).parent()?.join("bin/rust-lld");
    linker.is_file().then_some(linker)
}

/// A `rustc` that looks for the bare-metal targets in the folder it lies in, and
/// for the host's where they always are.
fn write_wrapper(path: &Path) -> Result<()> {
    let script = format!(
        "#!/bin/sh\n\
         # Debian's rustc, with this folder's libraries for the bare-metal targets.\n\
         for argument do\n    \
             case $argument in\n        \
                 {targets}) exec {RUSTC} --sysroot \"${{0%/*}}/..\" \"$@\" ;;\n    \
             esac\n\
         done\n\
         exec {RUSTC} \"$@\"\n",
        targets = TARGETS.map(|target| format!("{target}|--target={target}")).join("|"),
    );
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, script)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// Whether a file of cargo's output belongs into a sysroot. Our own empty package
/// goes by the name `stage`.
fn is_library(name: &str) -> bool {
    let library = name.strip_prefix("lib").is_some_and(|rest| !rest.starts_with("stage-"));
    library && (name.ends_with(".rlib") || name.ends_with(".rmeta"))
}

/// Keeps other xtasks from building the same stage.
fn lock(folder: &Path) -> Result<File> {
    let file = File::create(folder.join("lock"))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            ui::note("another xtask is building core and alloc; waiting for it");
            file.lock()?;
        }
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_libraries_go_into_a_sysroot() {
        assert!(is_library("libcore-c4825aa09f7c8bd0.rlib"));
        assert!(is_library("liballoc-0b442ac65c464713.rmeta"));
        assert!(!is_library("libstage-4296b121ce83f04f.rlib"));
        assert!(!is_library("core-c4825aa09f7c8bd0.d"));
    }

    #[test]
    fn the_wrapper_adds_its_sysroot_for_bare_metal_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let wrapper = folder.path().join("bin/rustc");
        write_wrapper(&wrapper).expect("a script");
        // The script with `echo` in place of the compiler shows what it would call.
        let script = fs::read_to_string(&wrapper).expect("a script");
        fs::write(&wrapper, script.replace(RUSTC, "echo")).expect("a script");
        let call = |arguments: &[&str]| {
            let output = Command::new(&wrapper).args(arguments).output().expect("a shell");
            String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
        };
        let sysroot = format!("--sysroot {}/bin/..", folder.path().display());
        assert_eq!(call(&["a b", "--crate-type", "bin"]), "a b --crate-type bin");
        for target in TARGETS {
            let expected = format!("{sysroot} x --target {target}");
            assert_eq!(call(&["x", "--target", target]), expected);
        }
    }
}
