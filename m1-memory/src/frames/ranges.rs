//! The frame allocator: ranges of RAM that come in, and ranges set aside.
//!
//! Unlike frames and runs these are named by the caller: the loader's memory map
//! says what is RAM, and whoever needs a certain range (the allocator's own
//! tables, a start-up page for another processor) reserves it.

use super::allocator::{ChunkFrames, refusal};
use super::chunk::{Chunk, FRAMES};
use super::error::FrameError;
use super::place::{frame_at, frames_touched, frames_within, pieces};
use super::purpose::Usage;
use core::ops::Range;
use x86_64::PhysAddr;

impl ChunkFrames<'_> {
    /// Adds the whole frames between two addresses, as free, and says how many
    /// were new. Those that are managed already are left alone, so memory can
    /// be added in any order, and later too.
    ///
    /// # Errors
    /// [`FrameError::NoRecord`] for RAM that the plan did not have; what lies
    /// before it was added.
    pub fn manage(&mut self, start: PhysAddr, end: PhysAddr) -> Result<u64, FrameError> {
        self.put_down();
        let mut new = 0;
        for (number, slots) in pieces(frames_within(start, end)) {
            let no_record = FrameError::NoRecord(frame_at(number, slots.start));
            // Most chunks come in whole; they cost a fill, not a pass.
            let added = if slots.len() == FRAMES && !self.chunks.is_managed(number) {
                self.chunks.get_or_add(number, Chunk::whole).ok_or(no_record)?;
                FRAMES as u64
            } else {
                let chunk = self.chunks.get_or_add(number, Chunk::foreign).ok_or(no_record)?;
                chunk.adopt(slots)
            };
            if added > 0 {
                self.settle(number);
                self.statistics.total += added;
                new += added;
            }
        }
        Ok(new)
    }

    /// Sets aside every frame that the range touches. They count as used.
    ///
    /// # Errors
    /// The first frame that is not free: [`FrameError::Taken`],
    /// [`FrameError::Reserved`] or [`FrameError::Foreign`]. Nothing is reserved
    /// then.
    pub fn reserve(&mut self, start: PhysAddr, end: PhysAddr) -> Result<(), FrameError> {
        let frames = frames_touched(start, end);
        self.convert(frames.clone(), Usage::Free, Usage::Reserved)?;
        self.count_used(frames.len() as u64);
        Ok(())
    }

    /// Makes every frame that a reserved range touches free.
    ///
    /// # Errors
    /// The first frame that is not reserved: [`FrameError::DoubleFree`],
    /// [`FrameError::Taken`] or [`FrameError::Foreign`]. Nothing is freed then.
    pub fn unreserve(&mut self, start: PhysAddr, end: PhysAddr) -> Result<(), FrameError> {
        let frames = frames_touched(start, end);
        self.convert(frames.clone(), Usage::Reserved, Usage::Free)?;
        self.statistics.used -= frames.len() as u64;
        Ok(())
    }

    /// Marks frames as `to` if all of them are `from`.
    fn convert(&mut self, frames: Range<usize>, from: Usage, to: Usage) -> Result<(), FrameError> {
        for (number, slots) in pieces(frames.clone()) {
            let foreign = FrameError::Foreign(frame_at(number, slots.start));
            let chunk = self.chunks.get(number).ok_or(foreign)?;
            if let Some((slot, usage)) = chunk.find_other(slots, |usage| usage == from) {
                return Err(refusal(frame_at(number, slot), usage));
            }
        }
        self.put_down();
        for (number, slots) in pieces(frames) {
            if let Some(chunk) = self.chunks.get_mut(number) {
                chunk.mark(slots, to);
            }
            self.settle(number);
        }
        Ok(())
    }
}
