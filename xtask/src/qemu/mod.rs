//! One run of QEMU, start to end.
//!
//! - [`command`]: the machine as QEMU options
//! - [`display`]: whether it has a screen, and who sees it
//! - [`session`]: the running process and its limits
//! - [`channels`]: what it says
//! - [`plain`]: serial output without control sequences
//! - [`monitor`]: QEMU's machine protocol: why it ended, the registers
//! - [`interrupt_log`]: the exceptions in a `-d int,cpu_reset` log

pub mod channels;
pub mod command;
pub mod display;
pub mod interrupt_log;
pub mod monitor;
pub mod plain;
pub mod session;

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

/// The emulator to call: `MYRIA_QEMU` or what the system has.
pub fn program() -> OsString {
    std::env::var_os("MYRIA_QEMU").unwrap_or_else(|| "qemu-system-x86_64".into())
}

/// The emulator's file; `None` if there is none.
pub fn find_program() -> Option<PathBuf> {
    find_in_path(program())
}

/// The file that calling `name` would run.
pub fn find_in_path(name: impl AsRef<OsStr>) -> Option<PathBuf> {
    let name = Path::new(name.as_ref());
    if name.components().count() > 1 {
        return name.is_file().then(|| name.to_owned());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
