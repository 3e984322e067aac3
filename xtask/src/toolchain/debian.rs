//! Debian's compiler: where it is, whether it will do, and what identifies it.

use super::clean_of_rustup;
use crate::{
    packages::{self, CARGO_WEB, Package, RUST_WEB_SRC, RUSTC_WEB},
    process,
    workspace::Workspace,
};
use anyhow::{Context, Result, ensure};
use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

pub const RUSTC: &str = "/usr/bin/rustc";
pub const CARGO: &str = "/usr/bin/cargo";
/// What `cargo clippy` is with this toolchain.
pub const CLIPPY: &str = "/usr/bin/cargo-clippy";
/// The sources, below the sysroot.
const SOURCES: &str = "lib/rustlib/src/rust/library";
/// Changes whenever the way to build a stage does.
const RECIPE: &str = "1";
/// How long the compiler may take to describe itself.
const PROBE_LIMIT: Duration = Duration::from_secs(20);

/// What the road needs from the system.
pub const PACKAGES: [Package; 3] = [RUSTC_WEB, CARGO_WEB, RUST_WEB_SRC];

/// The packages of [`PACKAGES`] that are not there, by the files they bring.
pub fn missing_packages() -> Vec<Package> {
    let sources = Path::new("/usr").join(SOURCES).join("core");
    let files = [Path::new(RUSTC), Path::new(CARGO), &sources];
    let missing = PACKAGES.into_iter().zip(files).filter(|(_, file)| !file.exists());
    missing.map(|(package, _)| package).collect()
}

/// Debian's compiler.
pub struct Debian {
    /// What `rustc -vV` prints.
    pub version: String,
    pub sysroot: PathBuf,
    /// The host's target triple.
    pub host: String,
}

impl Debian {
    /// Finds the compiler and its sources, or installs them.
    pub fn find(workspace: &Workspace) -> Result<Self> {
        let missing = missing_packages();
        if !missing.is_empty() {
            packages::install(&missing, "building without rustup's targets")?;
        }
        Self::examine(workspace)
    }

    /// Asks the compiler, which is installed, about itself.
    pub fn examine(workspace: &Workspace) -> Result<Self> {
        let version = ask_rustc(&["-vV"])?;
        let field = |name: &str| version.lines().find_map(|line| line.strip_prefix(name));
        let host = field("host: ").context("rustc -vV names no host")?.to_owned();
        let release = field("release: ").context("rustc -vV names no release")?;
        workspace.check_compiler(release).with_context(|| format!("{RUSTC} is too old"))?;
        let sysroot = PathBuf::from(ask_rustc(&["--print", "sysroot"])?.trim());
        let sources = sysroot.join(SOURCES);
        ensure!(sources.join("core").is_dir(), "there are no sources in {}", sources.display());
        Ok(Self { version, sysroot, host })
    }

    /// Where everything that this compiler builds goes.
    pub fn folder(&self, workspace: &Workspace) -> Result<PathBuf> {
        Ok(workspace.target.join(format!("staged-{:016x}", self.key()?)))
    }

    /// Identifies everything that goes into a stage.
    fn key(&self) -> Result<u64> {
        let sources = self.sysroot.join(SOURCES);
        let lock = sources.join("Cargo.lock");
        let versions =
            fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
        let mut hasher = DefaultHasher::new();
        // The sources' real folder carries their release.
        let folder = sources.canonicalize()?;
        (RECIPE, &self.version, folder, versions).hash(&mut hasher);
        Ok(hasher.finish())
    }
}

fn ask_rustc(arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(RUSTC);
    clean_of_rustup(&mut command);
    command.args(arguments);
    let finished = process::capture(&mut command, PROBE_LIMIT)
        .with_context(|| format!("cannot run {RUSTC}"))?;
    ensure!(finished.success(), "{RUSTC} failed: {}", finished.stderr.trim());
    Ok(finished.stdout)
}
