//! The command line and the files.

use limine::{file::File, memory_map::EntryType};

use crate::{
    requests::{self, EXECUTABLE_CMDLINE, EXECUTABLE_FILE, MODULES},
    run::check,
};

/// What `guest.toml` puts at the end of the command line.
const EXTRA: &str = " extra=a=b";

/// What `guest.toml` gives as modules: path, command line, contents.
const EXPECTED: [(&str, &str, &[u8]); 2] = [
    ("/boot/greeting.txt", "a b", b"hello"),
    ("/boot/second", "", b"The second module.\nWith two lines.\n"),
];

pub fn command_line() {
    let file = requests::cmdline().unwrap_or("");
    check!("file-command-line", file.ends_with(EXTRA), "`{file}` does not end with `{EXTRA}`");
    if requests::is_myria() {
        let line = EXECUTABLE_CMDLINE.get_response().and_then(|it| it.cmdline().to_str().ok());
        check!("myria-command-line", line == Some(file), "{line:?} instead of `{file}`");
    }
}

pub fn modules() {
    let modules = MODULES.get_response().map_or(&[][..], |response| response.modules());
    check!("count", modules.len() == EXPECTED.len(), "{} modules", modules.len());
    for (module, (path, cmdline, contents)) in modules.iter().zip(EXPECTED) {
        let found = (module.path().to_str(), module.string().to_str());
        check!("path", found.0 == Ok(path), "{:?} instead of {path}", found.0);
        check!("command-line", found.1 == Ok(cmdline), "{:?} instead of {cmdline}", found.1);
        check!("contents", bytes(module) == contents, "{} other bytes", module.size());
        check_alignment(module);
        check_place("place", module);
    }
}

pub fn no_modules() {
    let count = MODULES.get_response().map(|response| response.modules().len());
    check!("no-response", count.is_none(), "{count:?} modules");
}

pub fn executable_file() {
    let Some(response) = EXECUTABLE_FILE.get_response() else {
        return check!("executable-file-answered", false, "no response");
    };
    let file = response.file();
    let path = file.path().to_str();
    check!("path", path == Ok("/boot/kernel"), "{path:?} instead of /boot/kernel");
    check!("magic", bytes(file).starts_with(b"\x7fELF"), "the file is no ELF");
    let end = end_of_segments(bytes(file));
    check!("size", end == Some(file.size()), "{} bytes instead of {end:?}", file.size());
    check_alignment(file);
    // Limine keeps this file in memory of its own.
    if requests::is_myria() {
        check_place("myria-place", file);
    }
}

/// Where the last segment of an ELF file ends: what is booted holds nothing behind
/// it. `None` if the headers do not fit into the file.
fn end_of_segments(elf: &[u8]) -> Option<u64> {
    let long = |at: usize| elf.get(at..)?.first_chunk().map(|it| u64::from_le_bytes(*it));
    let short = |at: usize| elf.get(at..)?.first_chunk().map(|it| u16::from_le_bytes(*it));
    // e_phoff, e_phentsize, e_phnum; then p_offset and p_filesz of each.
    let (table, entry_bytes, entries) = (long(0x20)?, short(0x36)?, short(0x38)?);
    let entries = (0..entries).map(|index| table as usize + usize::from(index * entry_bytes));
    entries.map(|entry| Some(long(entry + 0x08)? + long(entry + 0x20)?)).max()?
}

fn check_alignment(file: &File) {
    let address = file.addr() as u64;
    check!("alignment", address.is_multiple_of(4096), "at {address:#x}");
}

fn check_place(name: &str, file: &File) {
    let address = file.addr();
    let kind = requests::entry_of_direct(address, file.size()).map(|entry| entry.entry_type);
    let is_kept = kind == Some(EntryType::EXECUTABLE_AND_MODULES);
    check!(name, is_kept, "{address:?} is not in executable-and-modules memory");
}

fn bytes(file: &File) -> &[u8] {
    // SAFETY: the loader says that these bytes are the file, and nothing
    // writes to them.
    unsafe { core::slice::from_raw_parts(file.addr(), file.size() as usize) }
}
