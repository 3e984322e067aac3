//! The checked-in files, `book/captured/m0/transcript.txt` and so on.
//!
//! ```text
//! # M0: what it prints on the serial port. Written by `cargo xtask bless`.
//! # …
//! # ANCHOR: captured
//! …
//! # ANCHOR_END: captured
//! ```
//!
//! The book includes what stands between the anchors
//! (`{{#include captured/m0/transcript.txt:captured}}`).

use super::{
    capture::{CPU, MEMORY},
    record::Part,
};
use crate::{process, qemu, workspace::Milestone};
use anyhow::{Context, Result, bail, ensure};
use gimli::Reader;
use object::{Object, ObjectSection};
use std::{
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    rc::Rc,
    time::Duration,
};
use tempfile::NamedTempFile;

const BEGIN: &str = "# ANCHOR: captured\n";
const END: &str = "# ANCHOR_END: captured\n";

/// How long the emulator may take to say its version.
const PROBE_LIMIT: Duration = Duration::from_secs(20);

/// The programs that a capture depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tools {
    /// `rustc 1.95.0`
    pub compiler: String,
    /// `QEMU emulator version 7.2.22`
    pub emulator: String,
}

impl Tools {
    /// Those of a kernel file, and of this machine.
    pub fn of(kernel: &Path) -> Result<Self> {
        Ok(Self { compiler: compiler(kernel)?, emulator: emulator()? })
    }
}

/// The folder of all captured files, below the workspace's root.
pub fn folder(root: &Path) -> PathBuf {
    root.join("book/captured")
}

/// The file of one part, below `folder`.
pub fn path(folder: &Path, milestone: &Milestone, part: Part) -> PathBuf {
    folder.join(&milestone.name).join(part.file())
}

/// The captured text in a file.
///
/// # Errors
/// If there is none; the error says how to make it.
pub fn read(path: &Path) -> Result<String> {
    let renewed = "`cargo xtask bless` writes it";
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read {}; {renewed}", path.display()))?;
    let body = body(&text)
        .with_context(|| format!("{} has lost its anchors; {renewed}", path.display()))?;
    Ok(body.to_owned())
}

/// The tools that a file says it was made with; `None` if it does not say.
pub fn tools(path: &Path) -> Option<Tools> {
    let text = std::fs::read_to_string(path).ok()?;
    let after = |before: &str, end: &str| {
        let (_, rest) = text.split_once(before)?;
        Some(rest.split_once(end)?.0.to_owned())
    };
    Some(Tools { compiler: after("# Compiled by ", ". ")?, emulator: after("loader in ", ":\n")? })
}

fn body(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(BEGIN)?;
    rest.strip_suffix(END)
}

/// Writes the file of a milestone's boot.
pub fn write(
    path: &Path,
    milestone: &Milestone,
    part: Part,
    text: &str,
    tools: &Tools,
) -> Result<()> {
    write_body(path, &heading(milestone, part, tools), text)
}

/// Writes a file, whole or not at all: `heading`, and `text` between anchors.
pub fn write_body(path: &Path, heading: &str, text: &str) -> Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    let folder = path.parent().with_context(cannot)?;
    std::fs::create_dir_all(folder).with_context(cannot)?;
    let mut file = NamedTempFile::new_in(folder).with_context(cannot)?;
    file.write_all(format!("{heading}{BEGIN}{text}{END}").as_bytes()).with_context(cannot)?;
    world_readable(file.as_file()).with_context(cannot)?;
    file.persist(path).with_context(cannot)?;
    Ok(())
}

/// Temporary files are for their owner alone; checked-in ones are not.
fn world_readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

fn heading(milestone: &Milestone, part: Part, tools: &Tools) -> String {
    let Tools { compiler, emulator } = tools;
    format!(
        "# {}: {}. Written by `cargo xtask bless`.\n\
         # A boot by the project's loader in {emulator}:\n\
         # -machine q35 -cpu {CPU} -m {MEMORY} -icount shift=0,sleep=off\n\
         # Compiled by {compiler}. Another compiler gives other times, other places in the\n\
         # image and in RAM, and other sizes of these; `cargo xtask test transcripts`\n\
         # compares all the rest.\n",
        milestone.name.to_uppercase(),
        part.title(),
    )
}

/// What the kernel's debug information says of its compiler.
fn compiler(kernel: &Path) -> Result<String> {
    let bytes = std::fs::read(kernel)
        .with_context(|| format!("cannot read the kernel {}", kernel.display()))?;
    let elf = object::File::parse(bytes.as_slice())?;
    let section = |id: gimli::SectionId| -> Result<_, gimli::Error> {
        let data = elf.section_by_name(id.name()).and_then(|section| section.data().ok());
        Ok(gimli::EndianRcSlice::new(Rc::from(data.unwrap_or_default()), gimli::LittleEndian))
    };
    let debug = gimli::Dwarf::load(section)?;
    let mut units = debug.units();
    while let Some(header) = units.next()? {
        let unit = debug.unit(header)?;
        let mut entries = unit.entries();
        let Some(entry) = entries.next_dfs()? else { continue };
        let Some(producer) = entry.attr_value(gimli::DW_AT_producer) else { continue };
        // Assembly was not written by rustc.
        if let Some(number) = release(&debug.attr_string(&unit, producer)?.to_string_lossy()?) {
            return Ok(format!("rustc {number}"));
        }
    }
    bail!("the kernel does not say which rustc compiled it")
}

/// The number in `clang LLVM (rustc version 1.95.0 (59807616e 2026-04-14))`.
fn release(producer: &str) -> Option<&str> {
    let (_, version) = producer.split_once("rustc version ")?;
    version.split([' ', ')']).next()
}

fn emulator() -> Result<String> {
    let mut command = Command::new(qemu::program());
    command.arg("--version");
    let finished = process::capture(&mut command, PROBE_LIMIT).context("cannot run QEMU")?;
    ensure!(finished.success(), "QEMU does not tell its version: {}", finished.stderr.trim());
    let line = finished.stdout.lines().next().unwrap_or_default();
    // Behind it stands the package it came in.
    Ok(line.split(" (").next().unwrap_or(line).replace("emulator version ", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_, milestone) = Milestone::from_package("m0-boot").expect("a milestone");
        let file = path(folder.path(), &milestone, Part::Transcript);
        let tools = Tools { compiler: "rustc 1.2.3".into(), emulator: "QEMU 4.5".into() };
        let text = "one\n✓ two\n";
        write(&file, &milestone, Part::Transcript, text, &tools).expect("written");
        assert_eq!(read(&file).expect("read"), text);
        assert_eq!(super::tools(&file), Some(tools));
        let whole = std::fs::read_to_string(&file).expect("read");
        assert!(whole.starts_with("# M0: what it prints"), "{whole}");
        assert!(whole.contains("rustc 1.2.3") && whole.contains("QEMU 4.5"), "{whole}");
    }

    #[test]
    fn the_compiler_is_found_in_debug_information() {
        let producer = "clang LLVM (rustc version 1.95.0 (59807616e 2026-04-14))";
        assert_eq!(release(producer), Some("1.95.0"));
        assert_eq!(release("GNU AS 2.40"), None);
        let own = compiler(&std::env::current_exe().expect("own path")).expect("a compiler");
        assert!(own.starts_with("rustc 1."), "{own}");
    }

    #[test]
    fn a_missing_or_broken_file_says_what_to_do() {
        let missing = read(Path::new("/nonexistent/x.txt")).expect_err("missing");
        assert!(missing.to_string().contains("cargo xtask bless"), "{missing}");
        assert_eq!(body("# ANCHOR: captured\nx"), None);
    }
}
