//! One run of QEMU, start to end.
//!
//! - [`command`]: the machine as QEMU options
//! - [`session`]: the running process, its channels and its limits
//! - [`monitor`]: QEMU's machine protocol: why it ended, the registers
//! - [`interrupt_log`]: the exceptions in a `-d int,cpu_reset` log

pub mod command;
pub mod interrupt_log;
pub mod monitor;
pub mod session;

use std::{ffi::OsString, path::PathBuf};

/// The emulator to call: `MYRIA_QEMU` or what the system has.
pub fn program() -> OsString {
    std::env::var_os("MYRIA_QEMU").unwrap_or_else(|| "qemu-system-x86_64".into())
}

/// Whether [`program`] exists.
pub fn find_program() -> Option<PathBuf> {
    find_in_path(&program())
}

/// The file that calling `name` would run.
pub fn find_in_path(name: &std::ffi::OsStr) -> Option<PathBuf> {
    let as_path = PathBuf::from(name);
    if as_path.components().count() > 1 {
        return as_path.is_file().then_some(as_path);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
