//! Physical frames: who owns which 4 KiB of RAM.
//!
//! In the order in which a chapter walks through them:
//!
//! - [`purpose`]: what a frame is used for
//! - `place`: chunk and slot of a frame
//! - [`chunk`]: the record of 512 frames, from which single frames are taken
//! - [`bit_tree`]: a set of chunks that finds one in a few steps
//! - [`storage`]: cutting tables out of a piece of memory
//! - [`directory`]: which record belongs to which chunk
//! - [`allocator`]: single frames; the types above put together
//! - [`runs`]: runs of frames, frames below a limit
//! - [`ranges`]: RAM that comes in, ranges set aside
//! - [`census`]: counting by purpose and by size
//! - [`kernel`]: the kernel's one allocator, from the memory map
//! - [`owned`]: frames that give themselves back
//!
//! All but the last two are plain data that host tests can exercise. The tables
//! take 1032 bytes for each 2 MiB of RAM, 0.05 %.

pub mod allocator;
pub mod bit_tree;
pub mod census;
pub mod chunk;
pub mod directory;
mod error;
pub mod kernel;
pub mod owned;
mod place;
pub mod purpose;
pub mod ranges;
pub mod runs;
pub mod storage;

#[cfg(test)]
mod tests;

pub use allocator::{ChunkFrames, Plan, Statistics};
pub use error::FrameError;
pub use kernel::{
    InitError, allocate_below, allocate_run, allocate_run_for, census, for_each_region, free_run,
    init, log_statistics, reclaim_loader, reserve, statistics, unreserve, usage,
};
pub use owned::{OwnedFrame, OwnedRun};
pub use purpose::{Purpose, Usage};

use x86_64::structures::paging::PhysFrame;

/// A source of frames.
///
/// # Safety
/// Callers build page tables and hand out memory on the strength of this:
///
/// 1. A frame that `allocate` or `allocate_for` returns is RAM, all 4 KiB of it,
///    that the kernel may read and write.
/// 2. Nobody else uses it, and it is not returned again, until it is given back
///    with `free`.
/// 3. `free` that returns an error changes nothing: the frame belongs to whom
///    it belonged before.
/// 4. If copies or clones of a source share its frames, a frame from one may be
///    freed through another.
pub unsafe trait FrameAllocator {
    /// Takes one frame; its content is whatever was there.
    ///
    /// # Errors
    /// [`FrameError::OutOfMemory`].
    fn allocate(&mut self) -> Result<PhysFrame, FrameError>;

    /// Takes one frame for a purpose that statistics then show. A source that
    /// keeps none ignores it.
    ///
    /// # Errors
    /// [`FrameError::OutOfMemory`].
    fn allocate_for(&mut self, purpose: Purpose) -> Result<PhysFrame, FrameError> {
        let _ = purpose;
        self.allocate()
    }

    /// Gives one frame back.
    ///
    /// # Errors
    /// The frame was not allocated from here, or is free already.
    ///
    /// # Safety
    /// Nothing uses the frame any more.
    unsafe fn free(&mut self, frame: PhysFrame) -> Result<(), FrameError>;
}

/// The kernel's allocator as a value to hand to functions; every copy is the
/// same allocator.
#[derive(Clone, Copy, Debug, Default)]
pub struct KernelFrames;

// SAFETY: all copies share the one allocator of `kernel`, which is made of the
// usable RAM of the memory map, gives a frame out once until it is freed, and
// refuses to free what is not taken.
unsafe impl FrameAllocator for KernelFrames {
    fn allocate(&mut self) -> Result<PhysFrame, FrameError> {
        kernel::allocate_for(Purpose::Other)
    }

    fn allocate_for(&mut self, purpose: Purpose) -> Result<PhysFrame, FrameError> {
        kernel::allocate_for(purpose)
    }

    unsafe fn free(&mut self, frame: PhysFrame) -> Result<(), FrameError> {
        // SAFETY: the caller's contract is the same.
        unsafe { kernel::free(frame) }
    }
}
