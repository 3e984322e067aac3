//! Frames that give themselves back.
//!
//! Whoever holds an [`OwnedFrame`] or an [`OwnedRun`] may use its frames;
//! dropping it frees them. What hands a frame to the hardware (a page table, a
//! device) takes it out with `into_raw` and puts it back with `from_raw`.

use super::error::FrameError;
use super::purpose::Purpose;
use super::{FrameAllocator, KernelFrames, kernel};
use core::mem;
use x86_64::structures::paging::PhysFrame;

/// One frame, freed on drop.
#[derive(Debug)]
#[must_use = "the frame is freed at once"]
pub struct OwnedFrame<A: FrameAllocator = KernelFrames> {
    frame: PhysFrame,
    frames: A,
}

impl OwnedFrame {
    /// Takes a frame of the kernel's.
    ///
    /// # Errors
    /// [`FrameError::OutOfMemory`].
    pub fn new(purpose: Purpose) -> Result<Self, FrameError> {
        Self::new_in(KernelFrames, purpose)
    }
}

impl<A: FrameAllocator> OwnedFrame<A> {
    /// Takes a frame from an allocator, to which it returns.
    ///
    /// # Errors
    /// [`FrameError::OutOfMemory`].
    pub fn new_in(mut frames: A, purpose: Purpose) -> Result<Self, FrameError> {
        Ok(Self { frame: frames.allocate_for(purpose)?, frames })
    }

    /// Owns a frame that was allocated before.
    ///
    /// # Safety
    /// The frame was allocated from `frames`, and nobody else uses or frees it.
    pub unsafe fn from_raw(frame: PhysFrame, frames: A) -> Self {
        Self { frame, frames }
    }

    /// The frame, which stays owned by `self`.
    pub fn frame(&self) -> PhysFrame {
        self.frame
    }

    /// The frame, which is the caller's to free from now on.
    pub fn into_raw(self) -> PhysFrame {
        let frame = self.frame;
        mem::forget(self);
        frame
    }
}

impl<A: FrameAllocator> Drop for OwnedFrame<A> {
    fn drop(&mut self) {
        // SAFETY: whoever used the frame did so through `self`.
        if let Err(error) = unsafe { self.frames.free(self.frame) } {
            log::error!("an owned frame could not be freed: {error}");
        }
    }
}

/// A run of the kernel's frames, freed on drop.
#[derive(Debug)]
#[must_use = "the run is freed at once"]
pub struct OwnedRun {
    first: PhysFrame,
    count: u64,
}

impl OwnedRun {
    /// Takes `count` frames in a row, the first aligned to `count`.
    ///
    /// # Errors
    /// [`FrameError::BadRun`] if `count` is no power of two,
    /// [`FrameError::OutOfMemory`] if there is no such run.
    pub fn new(count: u64, purpose: Purpose) -> Result<Self, FrameError> {
        Ok(Self { first: kernel::allocate_run_for(count, purpose)?, count })
    }

    /// Owns a run that was allocated before.
    ///
    /// # Safety
    /// The run was allocated from the kernel's frames, and nobody else uses or
    /// frees any of it.
    pub unsafe fn from_raw(first: PhysFrame, count: u64) -> Self {
        Self { first, count }
    }

    /// The first frame.
    pub fn first(&self) -> PhysFrame {
        self.first
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The first frame of a run that is the caller's to free from now on.
    pub fn into_raw(self) -> PhysFrame {
        let first = self.first;
        mem::forget(self);
        first
    }
}

impl Drop for OwnedRun {
    fn drop(&mut self) {
        // SAFETY: whoever used the run did so through `self`.
        if let Err(error) = unsafe { kernel::free_run(self.first, self.count) } {
            log::error!("an owned run could not be freed: {error}");
        }
    }
}
