//! Limine's own tool, `limine`, which makes a disk image bootable by BIOS.

use super::BIOS_CD;
use crate::{process, qemu::find_in_path};
use anyhow::{Context, Result, ensure};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// The tool's file name.
const NAME: &str = "limine";
/// How long compiling it may take; it is one file of C.
const BUILD_LIMIT: Duration = Duration::from_secs(120);
/// How long it may take to write a boot sector.
const INSTALL_LIMIT: Duration = Duration::from_secs(30);

/// The tool in the release's `folder`, or else on the path.
///
/// One on the path may belong to another version, so it counts only where the
/// release lies in the system's own folder.
pub fn find(folder: &Path) -> Option<PathBuf> {
    let beside = folder.join(NAME);
    if beside.is_file() {
        return Some(beside);
    }
    folder.starts_with("/usr").then(|| find_in_path(NAME)).flatten()
}

/// Compiles the tool from the source that comes with a release.
///
/// # Errors
/// There is no C compiler, or it fails.
pub fn build(folder: &Path) -> Result<()> {
    let compiler = find_in_path("cc").context("there is no C compiler (cc)")?;
    let mut command = Command::new(compiler);
    command.current_dir(folder).args(["-O2", "-w", "-o", NAME, "limine.c"]);
    let finished = process::capture(&mut command, BUILD_LIMIT)?;
    ensure!(finished.success(), "cc failed: {}", last_line(&finished.stderr));
    Ok(())
}

/// Writes Limine's boot code into the image `image`.
///
/// # Errors
/// The tool refuses the image.
pub fn install(tool: &Path, image: &Path) -> Result<()> {
    let mut command = Command::new(tool);
    command.arg("bios-install").arg(image);
    let finished = process::capture(&mut command, INSTALL_LIMIT)
        .with_context(|| format!("cannot start {}", tool.display()))?;
    ensure!(
        finished.success(),
        "{} bios-install failed: {}",
        tool.display(),
        last_line(&finished.stderr)
    );
    Ok(())
}

/// Whether a release's `folder` has what a boot by BIOS needs.
pub fn boots_by_bios(folder: &Path) -> bool {
    [BIOS_CD, super::BIOS_SYSTEM].iter().all(|name| folder.join(name).is_file())
}

fn last_line(text: &str) -> &str {
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it gave no reason")
}
