//! The kernel's frames: the one allocator over the loader's memory map, behind
//! a lock.
//!
//! Interrupt handlers must not allocate frames: the lock is not taken with
//! interrupts off.

use super::allocator::{ChunkFrames, Plan, Statistics};
use super::census::{Census, FrameRegion};
use super::error::FrameError;
use super::purpose::{Purpose, Usage};
use crate::layout::PAGE_BYTES;
use crate::physical::{DirectMap, PhysicalMemory};
use core::fmt;
use core::mem::MaybeUninit;
use core::ops::Range;
use m0_boot::memory_map::{Kind, MemoryMap};
use spin::Mutex;
use x86_64::PhysAddr;
use x86_64::structures::paging::PhysFrame;

/// What a freed frame holds in debug builds, so that a use after free shows.
const JUNK: u8 = 0xdd;

struct Kernel {
    frames: ChunkFrames<'static>,
    memory: DirectMap,
}

static KERNEL: Mutex<Option<Kernel>> = Mutex::new(None);

/// Why there is no frame allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitError {
    /// No usable region has room for the allocator's own tables.
    NoRoom {
        /// Bytes that would be needed in one piece.
        bytes: u64,
    },
    /// The memory map contradicts itself.
    Map(FrameError),
}

impl fmt::Display for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoom { bytes } => {
                let kib = bytes / 1024;
                write!(f, "no usable region of {kib} KiB for the frame tables; add memory")
            }
            Self::Map(error) => write!(f, "the memory map contradicts itself: {error}"),
        }
    }
}

/// Builds the kernel's allocator over all usable RAM of `map`, with records for
/// the loader's memory too. Its tables lie in that RAM, in the highest region
/// with room for them, and are reserved there.
///
/// # Errors
/// See [`InitError`].
pub fn init(map: &MemoryMap, memory: DirectMap) -> Result<(), InitError> {
    let ours = |kind| matches!(kind, Kind::Usable | Kind::BootloaderReclaimable);
    let regions = map.iter().filter(|region| ours(region.kind));
    let plan = Plan::new(regions.map(|region| region.start..region.end));
    let home = home_for(plan.bytes(), map).ok_or(InitError::NoRoom { bytes: plan.bytes() })?;
    // SAFETY: a usable region is RAM that nobody uses and that the direct map
    // holds; reserved below, these frames are never given out.
    let storage = unsafe {
        let first = memory.pointer(home.start).cast::<MaybeUninit<u64>>();
        core::slice::from_raw_parts_mut(first, plan.words())
    };
    let frames = ChunkFrames::new(plan, storage);
    let mut frames = frames.ok_or(InitError::NoRoom { bytes: plan.bytes() })?;
    for region in map.of_kind(Kind::Usable) {
        frames.manage(region.start, region.end).map_err(InitError::Map)?;
    }
    frames.reserve(home.start, home.end).map_err(InitError::Map)?;
    let (total, table) = (frames.statistics().total, plan.bytes().div_ceil(1024));
    *KERNEL.lock() = Some(Kernel { frames, memory });
    log::info!("{total} frames of {PAGE_BYTES} bytes, described in {table} KiB");
    Ok(())
}

/// Whole frames for `bytes`, at the end of the highest usable region with room.
fn home_for(bytes: u64, map: &MemoryMap) -> Option<Range<PhysAddr>> {
    let bytes = bytes.next_multiple_of(PAGE_BYTES);
    let ends = map.of_kind(Kind::Usable).filter_map(|region| {
        let end = region.end.align_down(PAGE_BYTES);
        let start = end.as_u64().checked_sub(bytes)?;
        (start >= region.start.as_u64()).then(|| PhysAddr::new_truncate(start)..end)
    });
    ends.last()
}

/// Adds the loader's own memory to the allocator: its page tables, its GDT, its
/// stack and its answers. Returns how many bytes that gave.
///
/// # Safety
/// The kernel uses none of them any more: it runs on its own page tables, GDT
/// and stack, and keeps no reference to an answer.
pub unsafe fn reclaim_loader(map: &MemoryMap) -> u64 {
    let mut frames = 0;
    for region in map.of_kind(Kind::BootloaderReclaimable) {
        match with(|kernel| kernel.frames.manage(region.start, region.end)) {
            Ok(new) => frames += new,
            Err(error) => log::error!("memory of the loader stays unused: {error}"),
        }
    }
    let bytes = frames * PAGE_BYTES;
    log::info!("{} KiB of the loader's memory reclaimed", bytes / 1024);
    bytes
}

/// Takes one frame.
///
/// # Errors
/// [`FrameError::OutOfMemory`].
pub fn allocate_for(purpose: Purpose) -> Result<PhysFrame, FrameError> {
    with(|kernel| kernel.frames.allocate_for(purpose))
}

/// Gives one frame back.
///
/// # Errors
/// See [`ChunkFrames::free`].
///
/// # Safety
/// Nothing uses the frame any more.
pub unsafe fn free(frame: PhysFrame) -> Result<(), FrameError> {
    with(|kernel| {
        kernel.frames.free(frame)?;
        // SAFETY: the allocator accepted the frames as its own; nobody has them now.
        unsafe { spoil(kernel.memory, frame, 1) };
        Ok(())
    })
}

/// A run of `count` frames, aligned to its size. `count` is a power of two.
///
/// # Errors
/// [`FrameError::OutOfMemory`] or [`FrameError::BadRun`].
pub fn allocate_run(count: u64) -> Result<PhysFrame, FrameError> {
    allocate_run_for(count, Purpose::Other)
}

/// As [`allocate_run`], for a purpose.
///
/// # Errors
/// As there.
pub fn allocate_run_for(count: u64, purpose: Purpose) -> Result<PhysFrame, FrameError> {
    with(|kernel| kernel.frames.allocate_run_for(count, purpose))
}

/// As [`allocate_run_for`], all of it below an address: for devices that reach
/// no further.
///
/// # Errors
/// As there.
pub fn allocate_below(
    limit: PhysAddr,
    count: u64,
    purpose: Purpose,
) -> Result<PhysFrame, FrameError> {
    with(|kernel| kernel.frames.allocate_below(limit, count, purpose))
}

/// Gives back a run.
///
/// # Errors
/// See [`ChunkFrames::free_run`]; then nothing was freed.
///
/// # Safety
/// Nothing uses the frames any more.
pub unsafe fn free_run(first: PhysFrame, count: u64) -> Result<(), FrameError> {
    with(|kernel| {
        kernel.frames.free_run(first, count)?;
        // SAFETY: the allocator accepted the frames as its own; nobody has them now.
        unsafe { spoil(kernel.memory, first, count) };
        Ok(())
    })
}

/// Sets aside every frame that a range touches.
///
/// # Errors
/// See [`ChunkFrames::reserve`].
pub fn reserve(start: PhysAddr, end: PhysAddr) -> Result<(), FrameError> {
    with(|kernel| kernel.frames.reserve(start, end))
}

/// Makes a reserved range free.
///
/// # Errors
/// See [`ChunkFrames::unreserve`].
///
/// # Safety
/// Nothing uses the frames any more.
pub unsafe fn unreserve(start: PhysAddr, end: PhysAddr) -> Result<(), FrameError> {
    with(|kernel| kernel.frames.unreserve(start, end))
}

/// Figures about the kernel's frames; all zero before [`init`].
pub fn statistics() -> Statistics {
    with(|kernel| Ok(kernel.frames.statistics())).unwrap_or_default()
}

/// The kernel's frames by kind, counted anew.
pub fn census() -> Census {
    with(|kernel| Ok(kernel.frames.census())).unwrap_or_default()
}

/// What is known about a frame.
pub fn usage(frame: PhysFrame) -> Usage {
    with(|kernel| Ok(kernel.frames.usage(frame))).unwrap_or(Usage::Foreign)
}

/// Calls `visit` for each region of managed frames, lowest first. The allocator
/// is locked meanwhile: `visit` must not take or free frames.
pub fn for_each_region(visit: impl FnMut(FrameRegion)) {
    if let Some(kernel) = KERNEL.lock().as_ref() {
        kernel.frames.for_each_region(visit);
    }
}

/// Logs the figures in one line.
pub fn log_statistics() {
    let Statistics { total, used, peak } = statistics();
    let kib = |frames| frames * PAGE_BYTES / 1024;
    log::info!(
        "{used} of {total} in use ({} of {} KiB), peak {peak}: {}",
        kib(used),
        kib(total),
        census()
    );
}

/// Overwrites frames that were just freed, in debug builds.
///
/// # Safety
/// The frames are RAM that `memory` reaches, and nobody's.
unsafe fn spoil(memory: impl PhysicalMemory, first: PhysFrame, count: u64) {
    if cfg!(debug_assertions) {
        for number in 0..count {
            let bytes = memory.pointer(first.start_address() + number * PAGE_BYTES);
            // SAFETY: the caller's contract.
            unsafe { bytes.write_bytes(JUNK, PAGE_BYTES as usize) };
        }
    }
}

fn with<T>(action: impl FnOnce(&mut Kernel) -> Result<T, FrameError>) -> Result<T, FrameError> {
    match KERNEL.lock().as_mut() {
        Some(kernel) => action(kernel),
        None => Err(FrameError::OutOfMemory),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy)]
    struct Buffer(*mut u8);

    // SAFETY: the test's buffer is as long as the addresses it uses.
    unsafe impl PhysicalMemory for Buffer {
        fn pointer(&self, address: PhysAddr) -> *mut u8 {
            self.0.wrapping_add(address.as_u64() as usize)
        }
    }

    #[test]
    fn freed_frames_are_filled_with_junk_and_no_others() {
        let mut bytes = vec![1; 4 * PAGE_BYTES as usize];
        let first = PhysFrame::containing_address(PhysAddr::new(PAGE_BYTES));
        // SAFETY: frames 1 and 2 lie within the buffer.
        unsafe { spoil(Buffer(bytes.as_mut_ptr()), first, 2) };
        let junk = if cfg!(debug_assertions) { JUNK } else { 1 };
        for (page, expected) in bytes.chunks(PAGE_BYTES as usize).zip([1, junk, junk, 1]) {
            assert!(page.iter().all(|&byte| byte == expected));
        }
    }
}
