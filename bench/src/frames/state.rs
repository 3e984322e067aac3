//! What an allocator has given out, as the bench sees it: one bit per frame. It
//! notices a frame that is given out twice.

use crate::pages::Pages;
use m1_memory::frames::FrameError;

const BITS: u64 = u64::BITS as u64;

/// One bit for each frame, 1 for taken; frames beyond are nobody's.
pub struct Taken {
    bits: Pages,
    frames: u64,
    taken: u64,
    /// Most frames taken at a time: what the allocator has in all, once it
    /// has given out everything.
    peak: u64,
}

impl Taken {
    /// Nothing of `frames` frames is taken.
    pub fn new(frames: u64) -> Result<Self, FrameError> {
        Ok(Self { bits: Pages::new(frames.div_ceil(8))?, frames, taken: 0, peak: 0 })
    }

    /// Whether a frame is taken.
    pub fn contains(&self, number: u64) -> bool {
        self.bits[(number / BITS) as usize] >> (number % BITS) & 1 == 1
    }

    /// Notes that `count` frames were given out; false if one was already, or
    /// does not exist.
    pub fn take(&mut self, first: u64, count: u64) -> bool {
        self.taken += count;
        self.peak = self.peak.max(self.taken);
        self.set(first, count, true)
    }

    /// Notes that `count` frames were given back; false if one was not taken.
    pub fn give(&mut self, first: u64, count: u64) -> bool {
        self.taken -= count;
        self.set(first, count, false)
    }

    /// Frames that the allocator once gave out and that are free now.
    pub fn free(&self) -> u64 {
        self.peak - self.taken
    }

    fn set(&mut self, first: u64, count: u64, value: bool) -> bool {
        let exists = first.checked_add(count).is_some_and(|end| end <= self.frames);
        exists
            && (first..first + count).all(|number| {
                let changes = self.contains(number) != value;
                self.bits[(number / BITS) as usize] ^= u64::from(changes) << (number % BITS);
                changes
            })
    }
}
