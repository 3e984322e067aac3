//! A program's bytes into its address space.

use super::error::SpaceError;
use super::place::{Content, Part};
use super::user_half::UserHalf;
use super::{CODE, MAX_CODE_BYTES};
use crate::program::{Image, Program};
use m1_memory::frames::FrameAllocator;
use m1_memory::layout::PAGE_BYTES;
use m1_memory::paging::access::Access;
use m1_memory::physical::PhysicalMemory;
use x86_64::VirtAddr;

/// Loads `program`; returns where it starts.
pub fn load<M: PhysicalMemory, F: FrameAllocator>(
    user: &mut UserHalf<M, F>,
    program: &Program,
) -> Result<VirtAddr, SpaceError> {
    match program.image() {
        Image::Flat(code) => load_flat(user, code),
    }
}

/// Flat code is one piece that begins at [`CODE`] and is entered there.
fn load_flat<M: PhysicalMemory, F: FrameAllocator>(
    user: &mut UserHalf<M, F>,
    code: &[u8],
) -> Result<VirtAddr, SpaceError> {
    let bytes = code.len();
    if bytes as u64 > MAX_CODE_BYTES {
        return Err(SpaceError::TooLarge { bytes });
    }
    let end = CODE + (bytes as u64).next_multiple_of(PAGE_BYTES);
    user.map_pages(CODE..end, Access::USER_CODE, |page, target| {
        let from = &code[((page - CODE) as usize).min(bytes)..];
        let count = from.len().min(target.len());
        target[..count].copy_from_slice(&from[..count]);
    })?;
    let part = Part { start: CODE, end, content: Content::Code };
    user.parts.try_push(part).map_err(|_| SpaceError::TooLarge { bytes })?;
    Ok(CODE)
}
