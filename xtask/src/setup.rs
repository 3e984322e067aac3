//! Set-up that is part of a command: what a run needs is there afterwards.

use crate::{firmware, packages, qemu};
use anyhow::{Result, ensure};

/// Makes sure of QEMU and, where needed, of UEFI firmware.
///
/// An emulator named by `MYRIA_QEMU` is the user's own affair.
pub fn emulator(with_firmware: bool) -> Result<()> {
    let mut missing = Vec::new();
    if std::env::var_os("MYRIA_QEMU").is_none() && qemu::find_program().is_none() {
        missing.push(packages::QEMU);
    }
    if with_firmware && firmware::find()?.is_none() {
        missing.push(packages::OVMF);
    }
    if missing.is_empty() {
        return Ok(());
    }
    packages::install(&missing, "booting a kernel")?;
    ensure!(
        !with_firmware || firmware::find()?.is_some(),
        "the firmware's package is installed, but its files are in none of the usual places; set \
         MYRIA_OVMF_CODE and MYRIA_OVMF_VARS"
    );
    Ok(())
}
