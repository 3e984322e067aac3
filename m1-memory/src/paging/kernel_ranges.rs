//! Whole ranges of the kernel's half, all or nothing, on the loaded tables.
//!
//! [`populate`] and [`vacate`] bring and take the frames too, as heap and stacks
//! need it; the others map memory that the caller has. What [`vacate`] frees, it
//! frees batch by batch, each after its flush:
//!
//! ```text
//!   unmap 64 pages -> one flush -> free 64 frames -> unmap the next 64 …
//! ```

use super::access::Access;
use super::entry::Level;
use super::flush::Flush;
use super::kernel::with;
use super::mapper::{Mapper, Mapping, PagingError};
use crate::frames::{FrameAllocator, KernelFrames, Purpose};
use crate::layout::PAGE_BYTES;
use crate::physical::DirectMap;
use arrayvec::ArrayVec;
use core::ops::Range;
use x86_64::structures::paging::PhysFrame;
use x86_64::{PhysAddr, VirtAddr};

/// Maps `range` of the kernel's half to the memory from `physical` on, or none of
/// it. Large pages are used where they fit.
///
/// # Errors
/// See [`PagingError`].
pub fn map_range(
    range: Range<VirtAddr>,
    physical: PhysAddr,
    access: Access,
) -> Result<(), PagingError> {
    with(range.start, |tables| {
        let (bytes, frames) = (length(&range)?, &mut KernelFrames);
        tables.map_range(range.start, physical, bytes, Level::Pd, access, frames)?.now();
        Ok(())
    })
}

/// Maps each page of `range` to a frame of its own, taken for `purpose`, or none of them. What the
/// frames hold is whatever was there.
///
/// # Errors
/// See [`PagingError`].
pub fn populate(
    range: Range<VirtAddr>,
    access: Access,
    purpose: Purpose,
) -> Result<(), PagingError> {
    with(range.start, |tables| {
        let bytes = length(&range)?;
        for done in (0..bytes).step_by(PAGE_BYTES as usize) {
            if let Err(error) = populate_page(tables, range.start + done, access, purpose) {
                vacate_in(tables, range.start, done)?;
                return Err(error);
            }
        }
        Ok(())
    })
}

/// Unmaps all of `range`, pages of 4 KiB as [`populate`] made them, and frees the
/// frames behind it, or does nothing.
///
/// # Errors
/// A hole in the range or a large page.
///
/// # Safety
/// Nothing uses the pages any more, nor their frames by another address.
pub unsafe fn vacate(range: Range<VirtAddr>) -> Result<(), PagingError> {
    with(range.start, |tables| {
        let bytes = length(&range)?;
        for done in (0..bytes).step_by(PAGE_BYTES as usize) {
            tables.leaf(range.start + done, Level::Pt)?;
        }
        vacate_in(tables, range.start, bytes)
    })
}

/// Unmaps `range` of the kernel's half, or nothing, calling `visit` with each
/// page. Its memory is the caller's.
///
/// # Errors
/// See [`PagingError`].
///
/// # Safety
/// Nothing uses the pages any more, and `visit` does not free what is behind
/// them: the flush comes afterwards.
pub unsafe fn unmap_range(
    range: Range<VirtAddr>,
    visit: impl FnMut(Mapping),
) -> Result<(), PagingError> {
    with(range.start, |tables| {
        let bytes = length(&range)?;
        tables.unmap_range(range.start, bytes, &mut KernelFrames, visit)?.now();
        tables.release_tables(&mut KernelFrames);
        Ok(())
    })
}

/// Changes what may be done with all of `range`, or with none of it.
///
/// # Errors
/// See [`PagingError`].
///
/// # Safety
/// Nothing uses the pages in a way that the new access forbids.
pub unsafe fn protect_range(range: Range<VirtAddr>, access: Access) -> Result<(), PagingError> {
    with(range.start, |tables| {
        let bytes = length(&range)?;
        tables.protect_range(range.start, bytes, access, &mut KernelFrames)?.now();
        Ok(())
    })
}

fn populate_page(
    tables: &mut Mapper<DirectMap>,
    address: VirtAddr,
    access: Access,
    purpose: Purpose,
) -> Result<(), PagingError> {
    let frame = KernelFrames.allocate_for(purpose).map_err(PagingError::Frames)?;
    match tables.map(address, frame.start_address(), Level::Pt, access, &mut KernelFrames) {
        Ok(flush) => {
            flush.now();
            Ok(())
        }
        Err(error) => {
            give_back(frame);
            Err(error)
        }
    }
}

/// Unmaps and frees pages of 4 KiB, of which none is missing, some at a time: a
/// frame is free only after the flush.
fn vacate_in(
    tables: &mut Mapper<DirectMap>,
    start: VirtAddr,
    bytes: u64,
) -> Result<(), PagingError> {
    const BATCH: usize = 64;
    let mut done = 0;
    while done < bytes {
        let batch = (bytes - done).min(BATCH as u64 * PAGE_BYTES);
        let mut pages = ArrayVec::<PhysFrame, BATCH>::new();
        let mut flush = Flush::NOTHING;
        for offset in (done..done + batch).step_by(PAGE_BYTES as usize) {
            let (frame, changed) = tables.unmap(start + offset)?;
            flush = flush.join(changed);
            pages.push(frame);
        }
        flush.now();
        tables.release_tables(&mut KernelFrames);
        pages.into_iter().for_each(give_back);
        done += batch;
    }
    Ok(())
}

fn give_back(frame: PhysFrame) {
    // SAFETY: the frame was allocated for a page that is not mapped any more.
    if let Err(error) = unsafe { KernelFrames.free(frame) } {
        log::error!("the frame of a page could not be freed: {error}");
    }
}

fn length(range: &Range<VirtAddr>) -> Result<u64, PagingError> {
    let (start, end) = (range.start, range.end);
    let bytes = end.as_u64().checked_sub(start.as_u64());
    let bytes = bytes.filter(|bytes| bytes % PAGE_BYTES == 0 && start.is_aligned(PAGE_BYTES));
    bytes.ok_or(PagingError::BadRange { start, bytes: bytes.unwrap_or(0) })
}
