//! Relocations of a position-independent kernel.
//!
//! A static PIE needs `R_X86_64_RELATIVE` alone: store the load offset plus
//! the addend (System V ABI, AMD64 supplement, sec. 4.4.1 "Relocation Types").
//! All relocations are checked when the plan is made.

use elf::{
    abi,
    dynamic::DynamicTable,
    endian::LittleEndian,
    file::Class,
    relocation::{Rela, RelaIterator},
};
use x86_64::VirtAddr;

use crate::{
    image::{Elf, Segment},
    image_error::ImageError,
};

/// Size of an `Elf64_Rela`.
const RELA_SIZE: u64 = 24;

/// A checked table of relocations, possibly empty.
#[derive(Clone, Debug)]
pub struct Relocations<'a> {
    table: &'a [u8],
    slide: u64,
}

impl<'a> Relocations<'a> {
    /// Finds and checks the relocations of `elf`, whose segments lie `slide`
    /// above the addresses it states.
    ///
    /// # Errors
    /// The first relocation or table that cannot be applied.
    pub fn find(elf: &Elf<'a>, slide: u64, segments: &[Segment<'a>]) -> Result<Self, ImageError> {
        let empty = Self { table: &[], slide };
        let mut headers = elf.segments().into_iter().flat_map(|table| table.iter());
        let Some(header) = headers.find(|header| header.p_type == abi::PT_DYNAMIC) else {
            return Ok(empty);
        };
        let bytes = elf.segment_data(&header).map_err(|_| ImageError::Malformed)?;
        let (mut address, mut size) = (None, 0);
        for entry in DynamicTable::new(LittleEndian, Class::ELF64, bytes).iter() {
            match entry.d_tag {
                abi::DT_NULL => break,
                abi::DT_RELA => address = Some(entry.d_ptr()),
                abi::DT_RELASZ => size = entry.d_val(),
                abi::DT_RELAENT if entry.d_val() != RELA_SIZE => {
                    let (found, expected) = (entry.d_val(), RELA_SIZE);
                    return Err(ImageError::EntrySize { found, expected });
                }
                tag @ (abi::DT_RELSZ | abi::DT_PLTRELSZ | DT_RELRSZ) if entry.d_val() > 0 => {
                    return Err(ImageError::RelocationTable { tag });
                }
                _ => {}
            }
        }
        let Some(address) = address.filter(|_| size > 0) else {
            return Ok(empty);
        };
        let table = file_bytes(segments, address.wrapping_add(slide), size)?;
        let relocations = Self { table, slide };
        for rela in relocations.entries() {
            let target = rela.r_offset.wrapping_add(slide);
            let is_ours = segments.iter().any(|segment| segment.holds(target, 8));
            if rela.r_type != abi::R_X86_64_RELATIVE || !is_ours {
                return Err(ImageError::Relocation { kind: rela.r_type, target });
            }
        }
        Ok(relocations)
    }

    /// What to store where.
    pub fn iter(&self) -> impl Iterator<Item = (VirtAddr, u64)> {
        self.entries().map(|rela| {
            let target = VirtAddr::new(rela.r_offset.wrapping_add(self.slide));
            (target, self.slide.wrapping_add_signed(rela.r_addend))
        })
    }

    fn entries(&self) -> impl Iterator<Item = Rela> {
        RelaIterator::new(LittleEndian, Class::ELF64, self.table)
    }
}

/// `DT_RELRSZ` (generic ABI, "Dynamic Section"), which the `elf` crate lacks.
const DT_RELRSZ: i64 = 35;

/// `size` bytes at `address` that come from the file.
fn file_bytes<'a>(
    segments: &[Segment<'a>],
    address: u64,
    size: u64,
) -> Result<&'a [u8], ImageError> {
    let holder = segments.iter().find(|segment| segment.holds(address, size));
    holder
        .and_then(|segment| {
            let start = usize::try_from(address - segment.start.as_u64()).ok()?;
            segment.data.get(start..start.checked_add(usize::try_from(size).ok()?)?)
        })
        .ok_or(ImageError::Malformed)
}
