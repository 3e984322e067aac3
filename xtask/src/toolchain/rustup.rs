//! The first two roads: targets that are there, and targets that rustup adds.

use super::{TARGETS, has_target};
use crate::{process, qemu::find_in_path, ui};
use anyhow::{Context, Result, bail, ensure};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// How long rustup may take to download two targets.
const RUSTUP_LIMIT: Duration = Duration::from_secs(300);
/// How long the compiler may take to say where it lives.
const RUSTC_LIMIT: Duration = Duration::from_secs(20);

/// Makes sure that the toolchain that runs xtask has the bare-metal targets.
pub fn prepare() -> Result<()> {
    let missing = missing_targets()?;
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(" ");
    if find_in_path("rustup").is_none() {
        bail!("the targets {missing} are not installed, and there is no rustup to add them");
    }
    ui::step(format_args!("rustup target add {missing}"), || {
        let mut command = Command::new("rustup");
        command.args(["target", "add"]).args(missing.split(' '));
        let finished = process::capture(&mut command, RUSTUP_LIMIT).context("cannot run rustup")?;
        if !finished.success() {
            let reason = finished.stderr.lines().rfind(|line| !line.trim().is_empty());
            bail!("rustup cannot add {missing}: {}", reason.unwrap_or("it gave no reason").trim());
        }
        Ok(())
    })?;
    let still = missing_targets()?;
    ensure!(
        still.is_empty(),
        "rustup added {missing}, but rustc does not find {}",
        still.join(" ")
    );
    Ok(())
}

/// The bare-metal targets that the toolchain lacks.
pub fn missing_targets() -> Result<Vec<&'static str>> {
    let mut command = Command::new(host_rustc());
    command.args(["--print", "sysroot"]);
    let finished = process::capture(&mut command, RUSTC_LIMIT).context("cannot run rustc")?;
    ensure!(finished.success(), "rustc cannot say where it lives: {}", finished.stderr.trim());
    let sysroot = PathBuf::from(finished.stdout.trim());
    Ok(TARGETS.into_iter().filter(|target| !has_target(&sysroot, target)).collect())
}

/// The compiler beside the cargo that runs xtask: no detour through rustup.
pub fn host_rustc() -> PathBuf {
    if let Some(rustc) = std::env::var_os("RUSTC") {
        return rustc.into();
    }
    let beside = std::env::var_os("CARGO").map(|cargo| Path::new(&cargo).with_file_name("rustc"));
    beside.filter(|rustc| rustc.is_file()).unwrap_or_else(|| "rustc".into())
}
