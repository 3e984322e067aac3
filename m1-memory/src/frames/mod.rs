//! Physical frames: who owns which 4 KiB of RAM.
//!
//! [`bitmap::BitmapFrames`] is the algorithm, plain data that host tests can
//! exercise; this module holds the kernel's one instance behind a lock and
//! builds it from the loader's memory map. Interrupt handlers must not allocate
//! frames: the lock is not taken with interrupts off.

pub mod bitmap;

use crate::layout::PAGE_BYTES;
use crate::physical::{DirectMap, PhysicalMemory};
use bitmap::{BitmapFrames, FrameError, Statistics};
use core::fmt;
use m0_boot::memory_map::{Kind, MemoryMap, Region};
use spin::Mutex;
use x86_64::PhysAddr;
use x86_64::structures::paging::PhysFrame;

/// A source of frames.
///
/// # Safety
/// A frame that `allocate` returns is RAM that nobody else uses until it is
/// given back with `free`.
pub unsafe trait FrameAllocator {
    /// Takes one frame; its content is whatever was there.
    ///
    /// # Errors
    /// [`FrameError::OutOfMemory`].
    fn allocate(&mut self) -> Result<PhysFrame, FrameError>;

    /// Gives one frame back.
    ///
    /// # Errors
    /// The frame was not allocated from here, or is free already.
    ///
    /// # Safety
    /// Nothing uses the frame any more.
    unsafe fn free(&mut self, frame: PhysFrame) -> Result<(), FrameError>;
}

/// The kernel's frames.
static FRAMES: Mutex<Option<BitmapFrames<'static>>> = Mutex::new(None);

/// The kernel's allocator as a value to hand to functions; every copy is the
/// same allocator.
#[derive(Clone, Copy, Debug, Default)]
pub struct KernelFrames;

// SAFETY: all copies share `FRAMES`, whose bitmap gives each frame out once.
unsafe impl FrameAllocator for KernelFrames {
    fn allocate(&mut self) -> Result<PhysFrame, FrameError> {
        with(BitmapFrames::allocate)
    }

    unsafe fn free(&mut self, frame: PhysFrame) -> Result<(), FrameError> {
        with(|frames| frames.free(frame))
    }
}

/// Why there is no frame allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitError {
    /// No usable region has room for the allocator's own bitmaps.
    NoRoom {
        /// Bytes that would be needed in one piece.
        bytes: u64,
    },
}

impl fmt::Display for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::NoRoom { bytes } = self;
        write!(f, "no usable region of {} KiB for the frame bitmaps; add memory", bytes / 1024)
    }
}

/// Builds the kernel's allocator over all usable RAM of `map`.
///
/// # Errors
/// [`InitError::NoRoom`].
pub fn init(map: &MemoryMap, memory: DirectMap) -> Result<(), InitError> {
    let usable_end = map.of_kind(Kind::Usable).chain(map.of_kind(Kind::BootloaderReclaimable));
    let end = usable_end.map(|region| region.end).max().unwrap_or(PhysAddr::zero());
    let bytes = (BitmapFrames::words_for(end) * size_of::<u64>()) as u64;
    let bytes = bytes.next_multiple_of(PAGE_BYTES);
    let home = map
        .of_kind(Kind::Usable)
        .find(|region| region.size_bytes() >= bytes)
        .ok_or(InitError::NoRoom { bytes })?
        .start;
    // SAFETY: a usable region is RAM that nobody uses, it is in the direct map,
    // and from here on these frames are never handed out.
    let words = unsafe {
        let pointer = memory.pointer(home).cast::<u64>();
        core::ptr::write_bytes(pointer, 0, bytes as usize / size_of::<u64>());
        core::slice::from_raw_parts_mut(pointer, bytes as usize / size_of::<u64>())
    };
    let mut frames = BitmapFrames::new(words);
    for region in map.of_kind(Kind::Usable) {
        let start = if region.start == home { home + bytes } else { region.start };
        frames.manage(start, region.end);
    }
    *FRAMES.lock() = Some(frames);
    Ok(())
}

/// Adds the loader's own memory to the allocator: its page tables, its GDT, its
/// stack and its answers. Returns how many bytes that gave.
///
/// # Safety
/// The kernel uses none of them any more: it runs on its own page tables, GDT
/// and stack, and keeps no reference to an answer. Called once.
pub unsafe fn reclaim_loader(map: &MemoryMap) -> u64 {
    let reclaim = |frames: &mut BitmapFrames| {
        map.of_kind(Kind::BootloaderReclaimable)
            .inspect(|region| frames.manage(region.start, region.end))
            .map(Region::size_bytes)
            .sum()
    };
    let bytes = with(|frames| Ok(reclaim(frames))).unwrap_or(0);
    log::info!("{} KiB of the loader's memory reclaimed", bytes / 1024);
    bytes
}

/// A run of `count` frames, aligned to its size. `count` is a power of two.
///
/// # Errors
/// [`FrameError::OutOfMemory`] or [`FrameError::BadRun`].
pub fn allocate_run(count: u64) -> Result<PhysFrame, FrameError> {
    with(|frames| frames.allocate_run(count))
}

/// Gives back a run taken with [`allocate_run`].
///
/// # Errors
/// As [`FrameAllocator::free`], and then nothing was freed.
///
/// # Safety
/// Nothing uses the frames any more.
pub unsafe fn free_run(first: PhysFrame, count: u64) -> Result<(), FrameError> {
    with(|frames| frames.free_run(first, count))
}

/// Figures about the kernel's frames; all zero before [`init`].
pub fn statistics() -> Statistics {
    with(|frames| Ok(frames.statistics())).unwrap_or_default()
}

/// Logs the figures in one line.
pub fn log_statistics() {
    let Statistics { total, used, peak } = statistics();
    let kib = |frames| frames * PAGE_BYTES / 1024;
    log::info!("{used} of {total} in use ({} of {} KiB), peak {peak}", kib(used), kib(total));
}

fn with<T>(
    action: impl FnOnce(&mut BitmapFrames<'static>) -> Result<T, FrameError>,
) -> Result<T, FrameError> {
    match FRAMES.lock().as_mut() {
        Some(frames) => action(frames),
        None => Err(FrameError::OutOfMemory),
    }
}
