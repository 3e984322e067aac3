//! Exercise: which frames may be given out.
//!
//! The loader's memory map says which memory is usable. But the kernel's own image, its
//! modules and the framebuffer may lie in the midst of it, and what the loader itself uses
//! comes free only later. You subtract the one from the other, frame by frame or cleverly.

#![no_std]

use core::ops::Range;

/// The size of a frame, in bytes (Intel SDM Vol. 3A, 5.5 "4-Level Paging").
pub const FRAME_BYTES: u64 = 4096;

/// What a region of memory is for (Limine protocol, "Memory Map Feature", shortened).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Free for the kernel.
    Usable,
    /// The loader's: tables, stack, answers. Free once the kernel needs none of them.
    LoaderReclaimable,
    /// Somebody else's, for ever.
    Reserved,
}

/// A region of memory, in bytes. Regions may have odd ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// First byte to one behind the last.
    pub bytes: Range<u64>,
    /// What it is for.
    pub kind: Kind,
}

/// Ranges of frames, by number.
pub struct Frames {
    ranges: [(u64, u64); Self::CAPACITY],
    count: usize,
}

impl Frames {
    /// How many ranges there is room for.
    pub const CAPACITY: usize = 128;

    /// None.
    pub const fn new() -> Self {
        Self { ranges: [(0, 0); Self::CAPACITY], count: 0 }
    }

    /// Adds the frames from `start` to one behind the last, `end`. An empty range adds none.
    ///
    /// # Panics
    /// If there is no room for another range.
    pub fn add(&mut self, start: u64, end: u64) {
        if start < end {
            assert!(self.count < Self::CAPACITY, "more than 128 ranges: far more than needed");
            self.ranges[self.count] = (start, end);
            self.count += 1;
        }
    }

    /// All ranges, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = Range<u64>> {
        self.ranges[..self.count].iter().map(|&(start, end)| start..end)
    }
}

impl Default for Frames {
    fn default() -> Self {
        Self::new()
    }
}

/// Adds to `free` the frames that lie wholly inside `bytes` and of which no byte lies in
/// one of the ranges in `taken`. Those may overlap, come in any order, have odd ends, or
/// be empty.
pub fn subtract(bytes: Range<u64>, taken: &[Range<u64>], free: &mut Frames) {
    todo!("begin as if nothing were taken: round inwards and add that range")
}

/// What may be given out at boot: usable memory without what is taken (the kernel's image,
/// modules, the framebuffer).
pub fn at_boot(map: &[Region], taken: &[Range<u64>], free: &mut Frames) {
    todo!("call `subtract` for each region of the right kind")
}

/// What may be given out in addition once the kernel runs on tables and a stack of its
/// own.
pub fn reclaimed(map: &[Region], taken: &[Range<u64>], free: &mut Frames) {
    todo!("as `at_boot`, for the other kind")
}
