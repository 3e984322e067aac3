//! A program's bytes into its address space.

use super::error::SpaceError;
use super::place::{Content, Part};
use super::user_half::UserHalf;
use super::{CODE, MAX_CODE_BYTES};
use crate::elf::{self, ElfError};
use crate::program::{Image, Program};
use m1_memory::frames::FrameAllocator;
use m1_memory::layout::PAGE_BYTES;
use m1_memory::paging::access::{Access, Owner, Use};
use m1_memory::physical::PhysicalMemory;
use x86_64::VirtAddr;

/// Loads `program`; returns where it starts.
pub fn load<M: PhysicalMemory, F: FrameAllocator>(
    user: &mut UserHalf<M, F>,
    program: &Program,
) -> Result<VirtAddr, SpaceError> {
    match program.image() {
        Image::Flat(code) => load_flat(user, code),
        Image::Elf(file) => load_elf(user, file),
    }
}

/// Flat code is one piece that begins at [`CODE`] and is entered there.
fn load_flat<M: PhysicalMemory, F: FrameAllocator>(
    user: &mut UserHalf<M, F>,
    code: &[u8],
) -> Result<VirtAddr, SpaceError> {
    if code.len() as u64 > MAX_CODE_BYTES {
        return Err(SpaceError::TooLarge { bytes: code.len() });
    }
    load_piece(user, CODE, code.len() as u64, Use::ReadExecute, code)?;
    Ok(CODE)
}

/// An ELF file's segments, from [`CODE`] on, relocated to there.
fn load_elf<M: PhysicalMemory, F: FrameAllocator>(
    user: &mut UserHalf<M, F>,
    file: &[u8],
) -> Result<VirtAddr, SpaceError> {
    let image = elf::Image::parse(file).map_err(SpaceError::Elf)?;
    for segment in image.segments() {
        let (start, contents) = (CODE + segment.start, image.contents(segment));
        load_piece(user, start, segment.bytes, segment.usage, contents)?;
    }
    for relocation in image.relocations() {
        // A value may be an offset rather than an address, so it may wrap.
        let value = CODE.as_u64().wrapping_add(relocation.value);
        user.store(CODE + relocation.target, value)?;
    }
    Ok(CODE + image.entry())
}

/// `contents` and then zeros, `bytes` in all, at `start`.
fn load_piece<M: PhysicalMemory, F: FrameAllocator>(
    user: &mut UserHalf<M, F>,
    start: VirtAddr,
    bytes: u64,
    usage: Use,
    contents: &[u8],
) -> Result<(), SpaceError> {
    let end = start + bytes.next_multiple_of(PAGE_BYTES);
    user.map_pages(start..end, Access { usage, owner: Owner::User }, |page, target| {
        let done = ((page - start) as usize).min(contents.len());
        let count = (contents.len() - done).min(target.len());
        target[..count].copy_from_slice(&contents[done..done + count]);
    })?;
    let content = match usage {
        Use::ReadExecute => Content::Code,
        Use::Read => Content::Constants,
        Use::ReadWrite => Content::Data,
    };
    let full = |_| SpaceError::Elf(ElfError::TooManySegments);
    user.parts.try_push(Part { start, end, content }).map_err(full)
}
