//! Where a frame stands: its number, its chunk, its slot.
//!
//! ```text
//!   51            21 20          12 11           0
//!  +----------------+--------------+--------------+
//!  |  chunk         |  slot        |  byte        |   a physical address
//!  +----------------+--------------+--------------+
//!   frame number = chunk × 512 + slot
//! ```

use super::chunk::FRAMES;
use crate::layout::PAGE_BYTES;
use core::ops::Range;
use x86_64::PhysAddr;
use x86_64::structures::paging::PhysFrame;

/// Chunk and slot of a frame.
#[inline(always)]
pub fn place_of(frame: PhysFrame) -> (usize, usize) {
    let number = (frame.start_address().as_u64() / PAGE_BYTES) as usize;
    (number / FRAMES, number % FRAMES)
}

/// The frame in a slot of a chunk.
#[inline(always)]
pub fn frame_at(chunk: usize, slot: usize) -> PhysFrame {
    let number = (chunk * FRAMES + slot) as u64;
    PhysFrame::containing_address(PhysAddr::new_truncate(number * PAGE_BYTES))
}

/// Numbers of the frames that lie wholly between two addresses.
pub fn frames_within(start: PhysAddr, end: PhysAddr) -> Range<usize> {
    let first = start.as_u64().div_ceil(PAGE_BYTES) as usize;
    first..((end.as_u64() / PAGE_BYTES) as usize).max(first)
}

/// Numbers of the frames that have a byte between two addresses.
pub fn frames_touched(start: PhysAddr, end: PhysAddr) -> Range<usize> {
    let first = (start.as_u64() / PAGE_BYTES) as usize;
    first..(end.as_u64().div_ceil(PAGE_BYTES) as usize).max(first)
}

/// A range of frames, chunk by chunk: the chunk's number and slots.
pub fn pieces(frames: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> + Clone {
    let Range { start, end } = frames;
    let chunks = start / FRAMES..end.div_ceil(FRAMES);
    chunks.filter(move |_| start < end).map(move |chunk| {
        let base = chunk * FRAMES;
        (chunk, start.max(base) - base..end.min(base + FRAMES) - base)
    })
}
