//! Where processes take their frames from.

use m1_memory::frames::{self, FrameAllocator, FrameError, KernelFrames, Purpose};
use x86_64::structures::paging::PhysFrame;

/// Frames that no process gets: with them the kernel can end processes, report
/// and go on, however greedy its programs are.
pub const KERNEL_RESERVE: u64 = 256;

/// How many frames processes can still get.
pub fn available() -> u64 {
    frames::statistics().free().saturating_sub(KERNEL_RESERVE)
}

/// The kernel's frames, without its reserve.
#[derive(Clone, Copy, Debug)]
pub struct UserFrames;

// SAFETY: every frame comes from `KernelFrames` and goes back there.
unsafe impl FrameAllocator for UserFrames {
    fn allocate(&mut self) -> Result<PhysFrame, FrameError> {
        self.allocate_for(Purpose::User)
    }

    fn allocate_for(&mut self, purpose: Purpose) -> Result<PhysFrame, FrameError> {
        if available() == 0 {
            return Err(FrameError::OutOfMemory);
        }
        KernelFrames.allocate_for(purpose)
    }

    unsafe fn free(&mut self, frame: PhysFrame) -> Result<(), FrameError> {
        // SAFETY: the caller's contract is the same.
        unsafe { KernelFrames.free(frame) }
    }
}
