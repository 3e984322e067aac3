//! The dynamic section: a list of tags and values that says where the
//! relocations are. In a program without libraries they are all of one kind.

use super::bytes::u64_at;
use super::{ElfError, Image};

/// A word that depends on where the program lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// The word, counted from the program's base; a multiple of 8.
    pub target: u64,
    /// Its value, counted from the program's base; may wrap.
    pub value: u64,
}

/// `d_tag` values.
mod tag {
    pub const END: u64 = 0;
    pub const LIBRARY: u64 = 1;
    pub const PLT_BYTES: u64 = 2;
    pub const RELA: u64 = 7;
    pub const RELA_BYTES: u64 = 8;
    pub const RELA_ENTRY_BYTES: u64 = 9;
    pub const REL_BYTES: u64 = 18;
    pub const RELR_BYTES: u64 = 35;
}

/// A tag and a value, eight bytes each.
const TAG_BYTES: usize = 16;
/// `r_offset`, `r_info`, `r_addend`.
const RELOCATION_BYTES: usize = 24;
/// `r_info` of R_X86_64_RELATIVE, which has no symbol.
const RELATIVE: u64 = 8;
/// What is relocated.
const WORD_BYTES: u64 = 8;

/// The table of relocations that `dynamic`, the section's bytes, tells of.
pub fn relocations<'a>(image: &Image<'a>, dynamic: &[u8]) -> Result<&'a [u8], ElfError> {
    let (mut address, mut bytes) = (0, 0);
    for entry in dynamic.chunks_exact(TAG_BYTES) {
        let (tag, value) = (u64_at(entry, 0)?, u64_at(entry, TAG_BYTES / 2)?);
        match (tag, value) {
            (tag::END, _) => break,
            (tag::RELA, _) => address = value,
            (tag::RELA_BYTES, _) => bytes = value,
            (tag::RELA_ENTRY_BYTES, _) if value != RELOCATION_BYTES as u64 => {
                return Err(ElfError::RelocationTable { address, bytes: value });
            }
            (tag::LIBRARY, _) => return Err(ElfError::Unsupported { what: "shared libraries" }),
            (tag::PLT_BYTES | tag::REL_BYTES | tag::RELR_BYTES, 1..) => {
                return Err(ElfError::Unsupported { what: "another form of relocations" });
            }
            _ => {} // symbols, strings, hashes, flags: nothing that loading needs
        }
    }
    if bytes == 0 {
        return Ok(&[]);
    }
    let table = image.loaded(address, bytes);
    let table = table.filter(|table| table.len().is_multiple_of(RELOCATION_BYTES));
    let table = table.ok_or(ElfError::RelocationTable { address, bytes })?;
    table.chunks_exact(RELOCATION_BYTES).try_for_each(|entry| check(image, entry))?;
    Ok(table)
}

fn check(image: &Image, entry: &[u8]) -> Result<(), ElfError> {
    let (target, info) = (u64_at(entry, 0)?, u64_at(entry, 8)?);
    if info != RELATIVE {
        return Err(ElfError::RelocationKind { target, info });
    }
    // An aligned word lies in one page.
    let inside = image.segments.iter().any(|segment| segment.holds(target, WORD_BYTES));
    if !inside || !target.is_multiple_of(WORD_BYTES) {
        return Err(ElfError::RelocationTarget { target });
    }
    Ok(())
}

/// The entries of a table that was checked.
pub fn entries(table: &[u8]) -> impl Iterator<Item = Relocation> {
    table.chunks_exact(RELOCATION_BYTES).filter_map(|entry| {
        let (target, value) = (u64_at(entry, 0).ok()?, u64_at(entry, 16).ok()?);
        Some(Relocation { target, value })
    })
}
