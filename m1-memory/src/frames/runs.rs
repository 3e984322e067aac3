//! The frame allocator: runs of frames, and frames below a limit.
//!
//! A run is 2ⁿ frames that begin at a multiple of their length.
//!
//! | frames | found by | cost |
//! | --- | --- | --- |
//! | 512 | the set of whole chunks; one state for all slots | as a single frame |
//! | more | whole chunks in a row | a pass over that set |
//! | fewer | the chunk of the last such run, else a whole one, else any | a pass over a chunk, or over all in the worst case |
//! | 1, below a limit | the lowest broken chunk, else a whole one | as a single frame, but for a chunk that the limit cuts |
//!
//! Short runs are kept together in one chunk after another, for the sake of the
//! others.

use super::allocator::{ChunkFrames, refusal};
use super::chunk::{FRAMES, State};
use super::error::FrameError;
use super::place::{frame_at, pieces};
use super::purpose::{Purpose, Usage};
use crate::layout::PAGE_BYTES;
use x86_64::PhysAddr;
use x86_64::structures::paging::PhysFrame;

impl ChunkFrames<'_> {
    /// Takes `count` frames in a row, the first aligned to `count`, for no
    /// purpose in particular.
    ///
    /// # Errors
    /// As [`allocate_run_for`](Self::allocate_run_for).
    pub fn allocate_run(&mut self, count: u64) -> Result<PhysFrame, FrameError> {
        self.allocate_run_for(count, Purpose::Other)
    }

    /// Takes `count` frames in a row, the first aligned to `count`.
    ///
    /// # Errors
    /// [`FrameError::BadRun`] if `count` is no power of two,
    /// [`FrameError::OutOfMemory`] if there is no such run.
    pub fn allocate_run_for(
        &mut self,
        count: u64,
        purpose: Purpose,
    ) -> Result<PhysFrame, FrameError> {
        match self.whole.last() {
            Some(number) if count == FRAMES as u64 => Ok(self.take_chunks(number, 1, purpose)),
            _ => self.allocate_run_below(usize::MAX, count, purpose),
        }
    }

    /// Takes `count` frames as [`allocate_run_for`](Self::allocate_run_for), all
    /// of them below an address: for devices that reach no further.
    ///
    /// # Errors
    /// As there.
    pub fn allocate_below(
        &mut self,
        limit: PhysAddr,
        count: u64,
        purpose: Purpose,
    ) -> Result<PhysFrame, FrameError> {
        self.allocate_run_below((limit.as_u64() / PAGE_BYTES) as usize, count, purpose)
    }

    /// `limit` is a frame's number.
    fn allocate_run_below(
        &mut self,
        limit: usize,
        count: u64,
        purpose: Purpose,
    ) -> Result<PhysFrame, FrameError> {
        if !count.is_power_of_two() {
            return Err(FrameError::BadRun { count });
        }
        self.put_down();
        let frames = usize::try_from(count).map_err(|_| FrameError::OutOfMemory)?;
        if frames >= FRAMES {
            let chunks = frames / FRAMES;
            let first = self.whole.row(chunks, limit / FRAMES).ok_or(FrameError::OutOfMemory)?;
            return Ok(self.take_chunks(first, chunks, purpose));
        }
        if frames == 1
            && let Some(frame) = self.take_one_below(limit, purpose)
        {
            return Ok(frame);
        }
        let (number, slot) = self.find_row(frames, limit).ok_or(FrameError::OutOfMemory)?;
        if let Some(chunk) = self.chunks.get_mut(number) {
            chunk.mark(slot..slot + frames, Usage::Taken(purpose));
        }
        self.settle(number);
        self.last_run = number;
        self.count_used(count);
        Ok(frame_at(number, slot))
    }

    /// Gives a run of frames back, or none of them if one cannot be freed.
    ///
    /// # Errors
    /// [`FrameError::DoubleFree`], [`FrameError::Foreign`],
    /// [`FrameError::Reserved`], or [`FrameError::BadRun`] if the run is not
    /// aligned to its length.
    pub fn free_run(&mut self, first: PhysFrame, count: u64) -> Result<(), FrameError> {
        let number = (first.start_address().as_u64() / PAGE_BYTES) as usize;
        if !count.is_power_of_two() || !(number as u64).is_multiple_of(count) {
            return Err(FrameError::BadRun { count });
        }
        if count == 1 {
            return self.free(first);
        }
        let beyond = FrameError::Foreign(first);
        let end = usize::try_from(count).ok().and_then(|frames| number.checked_add(frames));
        let run = pieces(number..end.ok_or(beyond)?);
        for (number, slots) in run.clone() {
            let foreign = FrameError::Foreign(frame_at(number, slots.start));
            let chunk = self.chunks.get(number).ok_or(foreign)?;
            let taken = |usage| matches!(usage, Usage::Taken(_));
            if let Some((slot, usage)) = chunk.find_other(slots, taken) {
                return Err(refusal(frame_at(number, slot), usage));
            }
        }
        for (number, slots) in run {
            let Some(chunk) = self.chunks.get_mut(number) else { continue };
            if slots.len() == FRAMES {
                if chunk.state() == State::InHand {
                    self.put_down();
                }
                self.free_chunk(number);
            } else {
                chunk.split();
                self.put_down();
                if let Some(chunk) = self.chunks.get_mut(number) {
                    chunk.mark(slots, Usage::Free);
                }
                self.settle(number);
            }
        }
        self.statistics.used -= count;
        Ok(())
    }

    /// Takes a single frame of a chunk that lies below the limit as a whole.
    fn take_one_below(&mut self, limit: usize, purpose: Purpose) -> Option<PhysFrame> {
        let chunks = limit / FRAMES;
        let broken = self.broken.first().filter(|&number| number < chunks);
        let number = broken.or_else(|| self.whole.row(1, chunks))?;
        let slot = self.chunks.get_mut(number)?.take(purpose)?;
        self.settle(number);
        self.count_used(1);
        Some(frame_at(number, slot))
    }

    /// Takes whole chunks in a row.
    fn take_chunks(&mut self, first: usize, chunks: usize, purpose: Purpose) -> PhysFrame {
        for number in first..first + chunks {
            self.whole.remove(number);
            if let Some(chunk) = self.chunks.get_mut(number) {
                chunk.take_whole(purpose);
            }
        }
        self.count_used((chunks * FRAMES) as u64);
        frame_at(first, 0)
    }

    /// All of a chunk is free from now on.
    fn free_chunk(&mut self, number: usize) {
        if let Some(chunk) = self.chunks.get_mut(number) {
            chunk.free_whole();
            self.whole.insert(number);
        }
    }

    /// Chunk and slot of a free row of less than a chunk, below frame `limit`.
    fn find_row(&self, count: usize, limit: usize) -> Option<(usize, usize)> {
        let in_chunk = |number: usize| {
            let room = limit.checked_sub(number.checked_mul(FRAMES)?)?;
            Some((number, self.chunks.get(number)?.find_row(count, room)?))
        };
        let whole = || self.whole.row(1, limit / FRAMES).map(|number| (number, 0));
        let mut broken =
            core::iter::successors(self.broken.next(0), |&number| self.broken.next(number + 1));
        in_chunk(self.last_run)
            .or_else(whole)
            .or_else(|| broken.find_map(in_chunk))
            // The chunk that the limit cuts in two may be whole.
            .or_else(|| in_chunk(limit / FRAMES))
    }
}
