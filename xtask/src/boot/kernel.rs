//! A kernel file as it is booted: without what only debuggers read.
//!
//! Symbols and debug information are most of a kernel's file, and firmware reads
//! files slowly. Loaders need the headers and the segments alone, so what lies
//! behind the last segment is left out. The file that cargo wrote keeps all of it,
//! for explaining addresses.

use anyhow::{Context, Result, ensure};
use object::LittleEndian;
use object::elf::{FileHeader64, SymbolSection};
use object::pod::from_bytes_mut;
use object::read::elf::{FileHeader, ProgramHeader};
use std::path::Path;

/// Reads the kernel at `path` and leaves out what no loader reads.
///
/// # Errors
/// It cannot be read, or is not a 64-bit ELF file with segments.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let elf = std::fs::read(path)
        .with_context(|| format!("cannot read the kernel {}", path.display()))?;
    without_sections(elf).with_context(|| format!("the kernel {}", path.display()))
}

fn without_sections(mut elf: Vec<u8>) -> Result<Vec<u8>> {
    let endian = LittleEndian;
    let header = FileHeader64::<LittleEndian>::parse(&*elf).context("is not an ELF file")?;
    let segments = header.program_headers(endian, &*elf).context("has no program headers")?;
    let ends = segments.iter().map(|segment| segment.p_offset(endian) + segment.p_filesz(endian));
    let end = usize::try_from(ends.max().context("has no segment")?)?;
    ensure!(end <= elf.len(), "is shorter than its segments");
    elf.truncate(end);
    if let Ok((header, _)) = from_bytes_mut::<FileHeader64<LittleEndian>>(&mut elf) {
        header.e_shoff.set(endian, 0);
        header.e_shnum.set(endian, 0);
        header.e_shstrndx.set(endian, SymbolSection(0));
    }
    Ok(elf)
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::{Object, ObjectSegment};

    #[test]
    fn segments_stay_and_sections_go() {
        // This very test is an ELF file with symbols and debug information.
        let path = std::env::current_exe().expect("a path");
        let whole = std::fs::read(&path).expect("readable");
        let stripped = read(&path).expect("an ELF file");
        assert!(stripped.len() < whole.len());
        let (before, after) = (
            object::File::parse(&*whole).expect("ELF"),
            object::File::parse(&*stripped).expect("ELF"),
        );
        assert_eq!(after.sections().count(), 0);
        assert_eq!(before.entry(), after.entry());
        let contents = |file: &object::File| {
            file.segments()
                .map(|segment| segment.data().expect("data").to_vec())
                .collect::<Vec<_>>()
        };
        // The first segment may begin with the file header, which did change.
        assert_eq!(contents(&before)[1..], contents(&after)[1..]);
    }

    #[test]
    fn what_is_no_kernel_is_refused() {
        let error = without_sections(b"#!/bin/sh\n".to_vec()).expect_err("no ELF file");
        assert_eq!(error.to_string(), "is not an ELF file");
    }
}
