//! Programs as ELF files: what a linker makes of position-independent code.
//!
//! ```text
//!   file                       memory, at any base
//!   +-----------------+
//!   | file header     |  64-bit, little-endian, x86-64, ET_DYN, entry point
//!   | program headers |  one for each segment, 56 bytes
//!   +-----------------+        +-----------------+ vaddr + base
//!   | PT_LOAD         |  --->  | file's bytes    |
//!   |                 |        | zeros           | up to vaddr + memsz
//!   +-----------------+        +-----------------+
//!   | PT_DYNAMIC      |  where the relocations are
//!   | R_X86_64_RELATIVE: "the word at r_offset is base + r_addend"
//!   +-----------------+
//! ```
//!
//! [`Image::parse`] takes a file from anybody: every number in it is a claim until
//! it was checked against the file's length and the room for programs. What it
//! accepts has segments that lie on pages of their own, within that room, none
//! both writable and executable, and relocations that lie within the segments.
//!
//! Sections, symbols, shared libraries and thread-local storage are not for us.
//! (System V ABI, "ELF Header", "Program Header", "Dynamic Section"; AMD64
//! supplement 1.0, 4.4.1 "Relocation Types".)

mod bytes;
mod dynamic;
mod error;
mod format;

pub use dynamic::Relocation;
pub use error::ElfError;

use crate::address_space::MAX_CODE_BYTES;
use arrayvec::ArrayVec;
use bytes::{u16_at, u32_at, u64_at};
use core::ops::Range;
use format::{header, program_header};
use m1_memory::layout::PAGE_BYTES;
use m1_memory::paging::access::Use;

/// Most segments that are loaded.
pub const MAX_SEGMENTS: usize = 8;

/// A file that can be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image<'a> {
    file: &'a [u8],
    entry: u64,
    segments: ArrayVec<Segment, MAX_SEGMENTS>,
    /// The table of relocations, a whole number of them.
    relocations: &'a [u8],
}

/// A piece of a program in memory. Addresses count from the program's base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its first byte, on a page boundary.
    pub start: u64,
    /// Its size in memory; not 0.
    pub bytes: u64,
    /// What may be done with it.
    pub usage: Use,
    /// Its first bytes in the file; the others are zero.
    file: Range<usize>,
}

impl Segment {
    /// One past its last byte.
    pub fn end(&self) -> u64 {
        self.start + self.bytes
    }

    /// Whether `bytes` at `address` lie in it.
    fn holds(&self, address: u64, bytes: u64) -> bool {
        address >= self.start && address.checked_add(bytes).is_some_and(|end| end <= self.end())
    }
}

impl<'a> Image<'a> {
    /// Checks a file, all of it that matters for loading.
    ///
    /// # Errors
    /// See [`ElfError`]: the first thing that is wrong.
    pub fn parse(file: &'a [u8]) -> Result<Self, ElfError> {
        check_header(file)?;
        let entry = u64_at(file, header::ENTRY)?;
        let mut image = Self { file, entry, segments: ArrayVec::new(), relocations: &[] };
        let mut dynamic = None;
        for program_header in program_headers(file)? {
            match u32_at(program_header, program_header::TYPE)? {
                program_header::LOAD => image.add_segment(program_header)?,
                program_header::DYNAMIC => dynamic = Some(file_range(file, program_header)?),
                program_header::INTERPRETER => {
                    return Err(ElfError::Unsupported { what: "a dynamic linker" });
                }
                program_header::THREAD_LOCAL => {
                    return Err(ElfError::Unsupported { what: "thread-local storage" });
                }
                _ => {} // notes, stack flags and the like say nothing that we need
            }
        }
        let executable =
            |segment: &Segment| segment.usage == Use::ReadExecute && segment.holds(image.entry, 1);
        if !image.segments.iter().any(executable) {
            return Err(ElfError::Entry { address: image.entry });
        }
        if let Some(table) = dynamic {
            image.relocations = dynamic::relocations(&image, &file[table])?;
        }
        Ok(image)
    }

    /// Where it is entered, counted from its base.
    pub fn entry(&self) -> u64 {
        self.entry
    }

    /// Its segments, lowest address first; no two share a page.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// A segment's bytes in the file; those that follow in memory are zero.
    pub fn contents(&self, segment: &Segment) -> &'a [u8] {
        self.file.get(segment.file.clone()).unwrap_or_default()
    }

    /// The words that depend on the base; each lies in a segment.
    pub fn relocations(&self) -> impl Iterator<Item = Relocation> {
        dynamic::entries(self.relocations)
    }

    /// The part of the file that is loaded to `bytes` at `address`.
    fn loaded(&self, address: u64, bytes: u64) -> Option<&'a [u8]> {
        let segment = self.segments.iter().find(|segment| segment.holds(address, bytes))?;
        let start = usize::try_from(address - segment.start).ok()?;
        let end = start.checked_add(usize::try_from(bytes).ok()?)?;
        self.contents(segment).get(start..end)
    }

    fn add_segment(&mut self, program_header: &[u8]) -> Result<(), ElfError> {
        let start = u64_at(program_header, program_header::ADDRESS)?;
        let bytes = u64_at(program_header, program_header::MEMORY_BYTES)?;
        let flags = u32_at(program_header, program_header::FLAGS)?;
        let file = file_range(self.file, program_header)?;
        let usage = match (flags & program_header::WRITE, flags & program_header::EXECUTE) {
            (0, 0) => Use::Read,
            (0, _) => Use::ReadExecute,
            (_, 0) => Use::ReadWrite,
            _ => return Err(ElfError::WritableCode { address: start }),
        };
        if file.len() as u64 > bytes {
            return Err(ElfError::MoreThanMemory { address: start, bytes });
        }
        if bytes == 0 {
            return Ok(());
        }
        if !start.is_multiple_of(PAGE_BYTES) {
            return Err(ElfError::Misaligned { address: start });
        }
        if start.checked_add(bytes).is_none_or(|end| end > MAX_CODE_BYTES) {
            return Err(ElfError::OutOfRange { address: start, bytes });
        }
        let pages_end = |segment: &Segment| segment.end().next_multiple_of(PAGE_BYTES);
        if self.segments.last().is_some_and(|last| start < pages_end(last)) {
            return Err(ElfError::Overlap { address: start });
        }
        let segment = Segment { start, bytes, usage, file };
        self.segments.try_push(segment).map_err(|_| ElfError::TooManySegments)
    }
}

fn check_header(file: &[u8]) -> Result<(), ElfError> {
    if file.get(..header::MAGIC.len()) != Some(&header::MAGIC) {
        return Err(ElfError::NotElf);
    }
    let byte = |offset: usize| file.get(offset).copied().unwrap_or_default();
    if (byte(header::CLASS), byte(header::DATA)) != (header::CLASS_64, header::LITTLE_ENDIAN) {
        return Err(ElfError::Unsupported { what: "another word size or byte order" });
    }
    match u16_at(file, header::MACHINE)? {
        header::X86_64 => {}
        machine => return Err(ElfError::Machine { machine }),
    }
    match u16_at(file, header::TYPE)? {
        header::POSITION_INDEPENDENT => Ok(()),
        found => Err(ElfError::FixedPlace { found }),
    }
}

fn program_headers(file: &[u8]) -> Result<impl Iterator<Item = &[u8]>, ElfError> {
    let start = u64_at(file, header::TABLE)?;
    let entry_bytes = u16_at(file, header::ENTRY_BYTES)?;
    if usize::from(entry_bytes) != program_header::BYTES {
        return Err(ElfError::HeaderSize { bytes: entry_bytes });
    }
    let bytes = u64::from(u16_at(file, header::ENTRIES)?) * u64::from(entry_bytes);
    let table = bytes::range(file, start, bytes)?;
    Ok(file[table].chunks_exact(program_header::BYTES))
}

/// Where a program header's bytes are in the file.
fn file_range(file: &[u8], program_header: &[u8]) -> Result<Range<usize>, ElfError> {
    let offset = u64_at(program_header, program_header::OFFSET)?;
    bytes::range(file, offset, u64_at(program_header, program_header::FILE_BYTES)?)
}

#[cfg(test)]
pub(crate) mod tests;
