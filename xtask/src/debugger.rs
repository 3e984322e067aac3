//! GDB, and what it needs to understand a kernel.

use crate::{packages, qemu, toolchain::host_rustc};
use anyhow::{Context, Result, bail};
use std::{
    ffi::OsString,
    fmt::Write,
    os::fd::OwnedFd,
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

/// The commands of our own, below the workspace's root.
const COMMANDS: &str = "xtask/gdb/myria.py";
/// What makes GDB show Rust's types, below rustc's sysroot.
const PRINTERS: &str = "lib/rustlib/etc/gdb_load_rust_pretty_printers.py";

/// The debugger to call: `MYRIA_GDB` or what the system has.
pub fn program() -> OsString {
    std::env::var_os("MYRIA_GDB").unwrap_or_else(|| "gdb".into())
}

/// The debugger's file; None if there is none.
pub fn find_program() -> Option<PathBuf> {
    qemu::find_in_path(program())
}

/// Why there is no debugger, and what helps.
pub fn missing() -> String {
    let program = program();
    match std::env::var_os("MYRIA_GDB") {
        Some(_) => format!("MYRIA_GDB is {}, which is no program", program.display()),
        None => format!("there is no gdb; to get it: {}", packages::hint(&[packages::GDB])),
    }
}

/// Makes sure of a debugger, as of other packages.
///
/// # Errors
/// There is none, and what to type to get it.
pub fn ensure() -> Result<()> {
    if find_program().is_some() {
        return Ok(());
    }
    if std::env::var_os("MYRIA_GDB").is_some() {
        bail!("{}", missing());
    }
    packages::install(&[packages::GDB], "debugging a kernel")
}

/// A socket for QEMU to listen on, in the file system.
///
/// # Errors
/// The system's.
pub fn local_socket(path: &Path) -> Result<Arc<OwnedFd>> {
    let listener = UnixListener::bind(path)
        .with_context(|| format!("cannot make a socket at {}", path.display()))?;
    Ok(Arc::new(listener.into()))
}

/// The pretty-printers that come with the compiler; None where they do not.
pub fn printers() -> Option<PathBuf> {
    let mut command = Command::new(host_rustc());
    let output = command.args(["--print", "sysroot"]).output().ok()?;
    let sysroot = String::from_utf8(output.stdout).ok()?;
    Some(Path::new(sysroot.trim()).join(PRINTERS)).filter(|file| file.is_file())
}

/// What a session begins with.
pub struct Session<'a> {
    /// Where the sources are.
    pub root: &'a Path,
    /// Where the machine waits.
    pub socket: &'a Path,
    /// Rust's pretty-printers.
    pub printers: Option<&'a Path>,
    /// Commands to execute, after which the session ends.
    pub batch: Option<&'a Path>,
}

impl Session<'_> {
    /// The commands that lead to the kernel's first instruction.
    pub fn commands(&self) -> String {
        let mut text = String::new();
        let mut add = |line: std::fmt::Arguments| {
            // Writing to a string never fails.
            let _ = writeln!(text, "{line}");
        };
        add(format_args!("set confirm off"));
        add(format_args!("set debuginfod enabled off"));
        add(format_args!("set disassembly-flavor intel"));
        add(format_args!("set print asm-demangle on"));
        // The table of threads is larger than GDB's limit for a value.
        add(format_args!("set max-value-size unlimited"));
        add(format_args!("directory {}", self.root.display()));
        if let Some(printers) = self.printers {
            add(format_args!("source {}", printers.display()));
        }
        add(format_args!("source {}", self.root.join(COMMANDS).display()));
        if self.batch.is_some() {
            add(format_args!("set pagination off"));
            add(format_args!("set width 0"));
        }
        add(format_args!("target remote {}", self.socket.display()));
        // In hardware: the loader has not put the kernel there yet. At the
        // instruction itself, not behind what the compiler puts first.
        add(format_args!("thbreak *kernel_entry"));
        add(format_args!("continue"));
        if let Some(batch) = self.batch {
            let batch = batch.display().to_string();
            // GDB itself ends with success whatever happens in a file.
            add(format_args!("python"));
            add(format_args!("try:"));
            add(format_args!("    gdb.execute('source ' + {batch:?})"));
            add(format_args!("except gdb.error as error:"));
            add(format_args!("    print('error:', error)"));
            add(format_args!("    gdb.execute('quit 1')"));
            // Else the machine would run on. QEMU may end before it has answered.
            add(format_args!("try:"));
            add(format_args!("    gdb.execute('kill')"));
            add(format_args!("except gdb.error:"));
            add(format_args!("    pass"));
            add(format_args!("end"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_begins_at_the_kernel_s_first_instruction() {
        let session = Session {
            root: Path::new("/w"),
            socket: Path::new("/t/gdb"),
            printers: None,
            batch: Some(Path::new("/t/it's")),
        };
        let commands = session.commands();
        let order = [
            "source /w/xtask/gdb/myria.py",
            "target remote /t/gdb",
            "thbreak *kernel_entry",
            "continue",
        ];
        let places: Vec<_> = order.iter().map(|line| commands.find(line).expect("there")).collect();
        assert!(places.is_sorted(), "{commands}");
        assert!(commands.contains("gdb.execute('source ' + \"/t/it's\")"), "{commands}");
    }
}
