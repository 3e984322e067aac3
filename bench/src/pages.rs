//! Memory for the bench itself: whole pages from M1's frames, reached through the
//! direct map, so that the heap under measurement serves nobody else.

use core::ops::{Deref, DerefMut};
use m1_memory::frames::{self, FrameError};
use m1_memory::layout::{DIRECT_MAP, PAGE_BYTES};
use x86_64::structures::paging::PhysFrame;

/// A buffer of zeroed words, page-aligned; given back on drop.
#[derive(Debug)]
pub struct Pages {
    first: PhysFrame,
    frames: u64,
    words: usize,
}

impl Pages {
    /// A buffer of at least `bytes` bytes.
    ///
    /// # Errors
    /// If there is no such run of frames.
    pub fn new(bytes: u64) -> Result<Self, FrameError> {
        let frames = bytes.max(1).div_ceil(PAGE_BYTES).next_power_of_two();
        let first = frames::allocate_run(frames)?;
        let words = (frames * PAGE_BYTES) as usize / size_of::<u64>();
        let mut pages = Self { first, frames, words };
        pages.fill(0);
        Ok(pages)
    }

    /// Where the buffer begins.
    pub fn start(&self) -> *mut u8 {
        (DIRECT_MAP + self.first.start_address().as_u64()).as_mut_ptr()
    }

    /// How long it is.
    pub fn bytes(&self) -> usize {
        self.words * size_of::<u64>()
    }
}

impl Deref for Pages {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        // SAFETY: the run is RAM of ours alone, in the direct map, and was
        // written before anybody could read it.
        unsafe { core::slice::from_raw_parts(self.start().cast(), self.words) }
    }
}

impl DerefMut for Pages {
    fn deref_mut(&mut self) -> &mut [u64] {
        // SAFETY: as in `deref`, and `self` is borrowed exclusively.
        unsafe { core::slice::from_raw_parts_mut(self.start().cast(), self.words) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the run was allocated in `new` and nobody borrows it any more.
        let freed = unsafe { frames::free_run(self.first, self.frames) };
        debug_assert_eq!(freed, Ok(()));
    }
}
