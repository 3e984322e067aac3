//! Exercise: a frame allocator with one bit for each frame.
//!
//! A set bit means taken. Searching goes on where it stopped the last time (next-fit), and
//! giving back a frame that was not taken is an error, not a surprise for its next owner.

#![no_std]

/// Why a frame was not taken back. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreeError {
    /// The allocator never had this frame.
    Foreign,
    /// It is free already.
    AlreadyFree,
}

/// Frames from `first` on, `count` of them, with a bit for each.
pub struct Bitmap<'m> {
    /// Bit 0 of word 0 is frame `first`, bit 0 of word 1 is frame `first + 64`.
    words: &'m mut [u64],
    first: u64,
    count: u64,
    /// The bit at which the next search begins.
    next: u64,
}

impl<'m> Bitmap<'m> {
    /// All of the frames free. `words` has at least a bit for each of them; what it holds
    /// does not matter.
    pub fn new(words: &'m mut [u64], first: u64, count: u64) -> Self {
        words.fill(0);
        Self { words, first, count, next: 0 }
    }

    /// Takes the next free frame behind the one that was taken last, and begins anew at
    /// the first frame after the last one. `None` if all are taken.
    pub fn allocate(&mut self) -> Option<u64> {
        todo!("find a clear bit, set it, and return `first` plus its number")
    }

    /// Takes a frame back.
    pub fn free(&mut self, frame: u64) -> Result<(), FreeError> {
        todo!("which bit is this frame's? clear it")
    }

    /// How many frames are free.
    pub fn free_count(&self) -> u64 {
        todo!("count the bits that are set; `u64` has a method for that")
    }
}
