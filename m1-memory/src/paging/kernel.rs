//! The kernel's own page tables, once they are loaded.
//!
//! [`build`] makes them, [`load`] puts them into CR3. After that the kernel maps
//! and unmaps pages of its half with [`map`], [`unmap`] and their kin; each does
//! its own flush and gives back the tables that became empty:
//!
//! ```text
//!   lock -> change the entries -> flush -> give back tables -> unlock
//! ```
//!
//! All PML4 entries of the kernel's half hang in the tree from the start and
//! stay, so a copy of them, as M2 makes one for every process, sees every later
//! mapping of the kernel too. Interrupt handlers must not map: the lock is not
//! taken with interrupts off. Fault reports ask with [`try_translate`].

use super::access::Access;
use super::audit::{self, Summary, Violation};
pub use super::build::build;
use super::entry::Level;
use super::flush::Flush;
use super::mapper::{Mapper, Mapping, PagingError, Translation};
use super::ram;
use super::walk::MappedRegion;
use crate::frames::{FrameAllocator, KernelFrames};
use crate::layout::PAGE_BYTES;
use crate::physical::DirectMap;
use crate::regions;
use arrayvec::ArrayVec;
use core::ops::Range;
use m0_boot::memory_map::MemoryMap;
use spin::Mutex;
use x86_64::registers::control::Cr3;
use x86_64::structures::paging::PhysFrame;
use x86_64::{PhysAddr, VirtAddr};

/// The kernel's tables, once [`load`] has run.
static KERNEL: Mutex<Option<Mapper<DirectMap>>> = Mutex::new(None);

/// The memory map that the tables were built from, for the audit.
static RAM: Mutex<Option<MemoryMap>> = Mutex::new(None);

/// Remembers what the direct map has to hold.
pub(super) fn expect_ram(map: &MemoryMap) {
    *RAM.lock() = Some(map.clone());
}

/// Switches to `tables` and keeps them as the kernel's.
///
/// # Safety
/// They map the running code, its stack and everything it uses, where the tables
/// loaded now map it. The CPU's NX bit is enabled.
pub unsafe fn load(tables: Mapper<DirectMap>) {
    let (_, flags) = Cr3::read();
    let root = tables.root();
    *KERNEL.lock() = Some(tables);
    // SAFETY: the tables are complete (caller's contract).
    unsafe { Cr3::write(root, flags) };
    for region in super::build::regions() {
        if let Err(error) = regions::add(region) {
            log::error!("{error}"); // fault reports will not name it
        }
    }
    log::info!("on page tables of our own, root {:#x}", root.start_address().as_u64());
}

/// The PML4 whose upper half every address space shares.
pub fn root() -> Option<PhysFrame> {
    KERNEL.lock().as_ref().map(Mapper::root)
}

/// Maps one page of the kernel's half to `frame`.
///
/// # Errors
/// See [`PagingError`]; before [`load`], everything is "not mapped".
pub fn map(address: VirtAddr, frame: PhysFrame, access: Access) -> Result<(), PagingError> {
    with(address, |tables| {
        let physical = frame.start_address();
        tables.map(address, physical, Level::Pt, access, &mut KernelFrames)?.now();
        Ok(())
    })
}

/// Unmaps one page of the kernel's half; its frame is the caller's.
///
/// # Errors
/// See [`PagingError`].
///
/// # Safety
/// Nothing uses the page any more.
pub unsafe fn unmap(address: VirtAddr) -> Result<PhysFrame, PagingError> {
    with(address, |tables| {
        let (frame, flush) = tables.unmap(address)?;
        flush.now();
        tables.release_tables(&mut KernelFrames);
        Ok(frame)
    })
}

/// Changes what may be done with one page of the kernel's half, splitting a
/// large page that it lies in.
///
/// # Errors
/// See [`PagingError`].
///
/// # Safety
/// Nothing uses the page in a way that the new access forbids.
pub unsafe fn protect(address: VirtAddr, access: Access) -> Result<(), PagingError> {
    with(address, |tables| {
        tables.protect_page(address, Level::Pt, access, &mut KernelFrames)?.now();
        Ok(())
    })
}

/// Moves one page of the kernel's half to `frame` and returns its old frame.
///
/// # Errors
/// See [`PagingError`].
///
/// # Safety
/// `frame` holds what the users of the page expect there.
pub unsafe fn remap(address: VirtAddr, frame: PhysFrame) -> Result<PhysFrame, PagingError> {
    with(address, |tables| {
        let physical = frame.start_address();
        let (old, flush) = tables.remap(address, physical, Level::Pt, &mut KernelFrames)?;
        flush.now();
        Ok(PhysFrame::containing_address(old.physical))
    })
}

/// Splits the page that holds `address` into pages of 4 KiB around it; nothing
/// that uses it notices.
///
/// # Errors
/// See [`PagingError`].
pub fn split(address: VirtAddr) -> Result<(), PagingError> {
    with(address, |tables| {
        tables.split(address, Level::Pt, &mut KernelFrames)?.now();
        Ok(())
    })
}

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

/// Maps each page of `range` to a frame of its own, or none of them. What the
/// frames hold is whatever was there.
///
/// # Errors
/// See [`PagingError`].
pub fn populate(range: Range<VirtAddr>, access: Access) -> Result<(), PagingError> {
    with(range.start, |tables| {
        let bytes = length(&range)?;
        for done in (0..bytes).step_by(PAGE_BYTES as usize) {
            if let Err(error) = populate_page(tables, range.start + done, access) {
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

/// What an address is mapped to, if it is.
pub fn translate(address: VirtAddr) -> Option<Translation> {
    KERNEL.lock().as_ref()?.translate(address)
}

/// As [`translate`], for fault reports: the outer None says that the tables were
/// just being changed.
pub fn try_translate(address: VirtAddr) -> Option<Option<Translation>> {
    Some(KERNEL.try_lock()?.as_ref()?.translate(address))
}

/// Calls `visit` for each mapped region.
pub fn for_each_region(visit: impl FnMut(MappedRegion)) {
    if let Some(tables) = KERNEL.lock().as_ref() {
        tables.for_each_region(visit);
    }
}

/// Calls `visit` for each mapped page of whatever size.
pub fn for_each_page(visit: impl FnMut(Mapping)) {
    if let Some(tables) = KERNEL.lock().as_ref() {
        tables.for_each_page(visit);
    }
}

/// Checks the kernel's tables against the rules in [`audit`] and the direct map
/// against the memory map.
///
/// # Errors
/// The first violation.
pub fn audit() -> Result<Summary, Violation> {
    let (tables, ram) = (KERNEL.lock(), RAM.lock());
    let (Some(tables), Some(ram)) = (tables.as_ref(), ram.as_ref()) else {
        return Ok(Summary::default());
    };
    let summary = audit::audit(tables)?;
    let direct_map_bytes = audit::audit_direct_map(tables, ram::ranges(ram))?;
    Ok(Summary { direct_map_bytes, ..summary })
}

fn populate_page(
    tables: &mut Mapper<DirectMap>,
    address: VirtAddr,
    access: Access,
) -> Result<(), PagingError> {
    let frame = KernelFrames.allocate().map_err(PagingError::Frames)?;
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

#[inline]
fn with<T>(
    address: VirtAddr,
    action: impl FnOnce(&mut Mapper<DirectMap>) -> Result<T, PagingError>,
) -> Result<T, PagingError> {
    KERNEL.lock().as_mut().map_or(Err(PagingError::NotMapped { address }), action)
}
