//! What is in a kernel file: its segments with their permissions, its sections, and
//! its largest symbols.

pub mod phases;
pub mod text;

use anyhow::{Context, Result};
use object::{
    Object, ObjectSection, ObjectSegment, ObjectSymbol, SectionFlags, SegmentFlags, SymbolKind, elf,
};
use serde::Serialize;
use std::path::Path;

/// How many symbols are told of unless more are asked for.
pub const SYMBOLS: usize = 15;

/// A kernel file, as [`read`] finds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kernel {
    pub entry: u64,
    pub segments: Vec<Segment>,
    pub sections: Vec<Section>,
    /// The largest first.
    pub symbols: Vec<Symbol>,
}

/// A part of the file that loaders map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Segment {
    pub address: u64,
    pub bytes_in_memory: u64,
    pub bytes_in_file: u64,
    /// `r-x`
    pub permissions: String,
    /// Writable, or executable, but not both.
    pub w_xor_x: bool,
}

/// A section that takes memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Section {
    pub name: String,
    pub address: u64,
    pub bytes: u64,
    /// Whether its contents are in the file; else it is zeroed memory.
    pub in_file: bool,
    /// As its own flags say; the segment's are what is mapped.
    pub permissions: String,
}

/// A function or a static.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Symbol {
    pub name: String,
    pub section: String,
    pub address: u64,
    pub bytes: u64,
}

impl Kernel {
    /// Whether every segment keeps to W^X.
    pub fn keeps_w_xor_x(&self) -> bool {
        self.segments.iter().all(|segment| segment.w_xor_x)
    }

    /// Bytes of memory that the sections take.
    pub fn bytes(&self) -> u64 {
        self.sections.iter().map(|section| section.bytes).sum()
    }
}

/// Looks into the kernel at `path`, for its `count` largest symbols.
pub fn read(path: &Path, count: usize) -> Result<Kernel> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = object::File::parse(bytes.as_slice())
        .with_context(|| format!("{} is no ELF file", path.display()))?;
    let segments = file.segments().map(|segment| segment_of(&segment)).collect();
    let mut sections: Vec<Section> = file.sections().filter_map(|one| section_of(&one)).collect();
    sections.sort_by_key(|section| section.address);
    let mut symbols = symbols(&file);
    symbols.truncate(count);
    Ok(Kernel { entry: file.entry(), segments, sections, symbols })
}

fn segment_of<'data>(segment: &impl ObjectSegment<'data>) -> Segment {
    let flags = match segment.flags() {
        SegmentFlags::Elf { p_flags, .. } => p_flags.0,
        _ => 0,
    };
    let (readable, writable, executable) =
        (flags & elf::PF_R.0 != 0, flags & elf::PF_W.0 != 0, flags & elf::PF_X.0 != 0);
    Segment {
        address: segment.address(),
        bytes_in_memory: segment.size(),
        bytes_in_file: segment.file_range().1,
        permissions: permissions(readable, writable, executable),
        w_xor_x: !(writable && executable),
    }
}

/// A section, if it takes memory.
fn section_of<'data>(section: &impl ObjectSection<'data>) -> Option<Section> {
    let SectionFlags::Elf { sh_flags, .. } = section.flags() else { return None };
    let flag = |bit: elf::SectionFlags| sh_flags.0 & bit.0 != 0;
    (flag(elf::SHF_ALLOC) && section.size() > 0).then(|| Section {
        name: section.name().unwrap_or("?").to_owned(),
        address: section.address(),
        bytes: section.size(),
        in_file: section.file_range().is_some(),
        permissions: permissions(true, flag(elf::SHF_WRITE), flag(elf::SHF_EXECINSTR)),
    })
}

fn permissions(readable: bool, writable: bool, executable: bool) -> String {
    let letter = |there: bool, letter: char| if there { letter } else { '-' };
    [letter(readable, 'r'), letter(writable, 'w'), letter(executable, 'x')].iter().collect()
}

/// Functions and statics with a size, the largest first.
fn symbols(file: &object::File) -> Vec<Symbol> {
    let of_interest = |kind| matches!(kind, SymbolKind::Text | SymbolKind::Data);
    let mut symbols: Vec<Symbol> = file
        .symbols()
        .filter(|symbol| symbol.size() > 0 && of_interest(symbol.kind()))
        .filter_map(|symbol| {
            let section = file.section_by_index(symbol.section_index()?).ok()?;
            Some(Symbol {
                name: demangled(symbol.name().ok()?),
                section: section.name().ok()?.to_owned(),
                address: symbol.address(),
                bytes: symbol.size(),
            })
        })
        .collect();
    symbols.sort_by(|a, b| b.bytes.cmp(&a.bytes).then(a.address.cmp(&b.address)));
    // Identical functions are folded: one address, several names.
    symbols.dedup_by_key(|symbol| symbol.address);
    symbols
}

fn demangled(name: &str) -> String {
    let name = addr2line::demangle_auto(name.into(), None);
    crate::symbolise::without_hash(&name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This test program is an ELF file with sections and symbols.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_program_is_looked_into() {
        let own = std::env::current_exe().expect("own path");
        let kernel = read(&own, 5).expect("an ELF file");
        let text = kernel.sections.iter().find(|section| section.name == ".text").expect("code");
        assert_eq!((text.permissions.as_str(), text.in_file), ("r-x", true));
        let bss = kernel.sections.iter().find(|section| section.name == ".bss").expect("bss");
        assert_eq!((bss.permissions.as_str(), bss.in_file), ("rw-", false));
        assert!(kernel.keeps_w_xor_x() && kernel.bytes() > text.bytes);
        assert_eq!(kernel.symbols.len(), 5);
        assert!(kernel.symbols.is_sorted_by_key(|symbol| std::cmp::Reverse(symbol.bytes)));
    }

    #[test]
    fn a_writable_and_executable_segment_is_named() {
        let segment = |permissions: &str| Segment {
            address: 0,
            bytes_in_memory: 1,
            bytes_in_file: 1,
            permissions: permissions.into(),
            w_xor_x: !permissions.ends_with("wx"),
        };
        let kernel = |segments| Kernel { entry: 0, segments, sections: vec![], symbols: vec![] };
        assert!(kernel(vec![segment("r-x"), segment("rw-")]).keeps_w_xor_x());
        let broken = kernel(vec![segment("r-x"), segment("rwx")]);
        assert!(!broken.keeps_w_xor_x());
        assert!(text::render("m9", &broken).contains("W^X is broken"));
    }
}
