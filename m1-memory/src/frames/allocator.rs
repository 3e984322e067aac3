//! The frame allocator: single frames.
//!
//! RAM is seen as chunks of 512 frames, 2 MiB each ([`chunk`](super::chunk)).
//! Every chunk with something to give is in one of two sets
//! ([`bit_tree`](super::bit_tree)), except the one in hand:
//!
//! ```text
//!              allocate                              free
//!                 |                                   |
//!                 v                                   v
//!         +---------------+                  directory: its chunk
//!         | chunk in hand |                           |
//!         +---------------+                  hook the slot in again;
//!           | nothing left?                  did the bell ring?
//!           v                                   |         |
//!    +-------------+      +------------+        v         v
//!    | broken: the |      | whole: the |     it was    it is now
//!    | highest one | or   | highest one|     exhausted  whole
//!    +-------------+ else +------------+
//! ```
//!
//! - Taking or freeing a frame touches one record, whatever the size of RAM.
//! - Every 512th frame or so a new chunk is picked up: a few words of a tree.
//! - Broken chunks come first, so whole ones last for large pages; high chunks
//!   come first, so memory below 4 GiB lasts for devices that reach no further.
//! - Nothing is searched, and freeing all gives all chunks back whole.

use super::bit_tree::BitTree;
use super::chunk::{Chunk, FRAMES, Freed, State};
use super::directory::Directory;
use super::error::FrameError;
use super::place::{frame_at, frames_within, place_of};
use super::purpose::{Purpose, Usage};
use super::storage::Storage;
use core::mem::MaybeUninit;
use core::ops::Range;
use x86_64::PhysAddr;
use x86_64::structures::paging::PhysFrame;

/// How many frames there are, in units of 4 KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Frames the allocator manages.
    pub total: u64,
    /// Frames that are not free: given out or reserved.
    pub used: u64,
    /// Most frames that ever were so at a time.
    pub peak: u64,
}

impl Statistics {
    /// Frames to be had.
    pub fn free(&self) -> u64 {
        self.total - self.used
    }
}

/// What the allocator's tables must have room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// One past the highest chunk.
    chunks: usize,
    /// Chunks that hold RAM.
    records: usize,
}

impl Plan {
    /// A plan for all RAM that will ever be managed, lowest first.
    pub fn new(regions: impl IntoIterator<Item = Range<PhysAddr>>) -> Self {
        let mut plan = Self::default();
        for region in regions {
            let frames = frames_within(region.start, region.end);
            if !frames.is_empty() {
                let (first, end) = (frames.start / FRAMES, frames.end.div_ceil(FRAMES));
                // A region may begin in the chunk in which its predecessor ended;
                // they share its record.
                let shared = usize::from(first + 1 == plan.chunks);
                plan.records += end - first - shared;
                plan.chunks = plan.chunks.max(end);
            }
        }
        plan
    }

    /// Words of storage that [`ChunkFrames::new`] needs.
    pub fn words(self) -> usize {
        2 * BitTree::words_for(self.chunks) + Directory::words_for(self.chunks, self.records)
    }

    /// The same in bytes.
    pub fn bytes(self) -> u64 {
        (self.words() * size_of::<u64>()) as u64
    }
}

/// No chunk is in hand: a number beyond every directory.
const NONE: usize = usize::MAX;

/// The allocator; see the module's picture.
#[derive(Debug)]
pub struct ChunkFrames<'m> {
    pub(super) chunks: Directory<'m>,
    pub(super) whole: BitTree<'m>,
    pub(super) broken: BitTree<'m>,
    /// The chunk that single frames come from.
    hand: usize,
    /// The chunk that the last run of less than 512 frames came from.
    pub(super) last_run: usize,
    pub(super) statistics: Statistics,
}

impl<'m> ChunkFrames<'m> {
    /// An allocator that manages nothing yet, its tables in `storage`, whose
    /// content does not matter. `None` if that is too small for the plan.
    pub fn new(plan: Plan, storage: &'m mut [MaybeUninit<u64>]) -> Option<Self> {
        let storage = &mut Storage::new(storage);
        let whole = BitTree::new(plan.chunks, storage)?;
        let broken = BitTree::new(plan.chunks, storage)?;
        let chunks = Directory::new(plan.chunks, storage)?;
        let statistics = Statistics::default();
        Some(Self { chunks, whole, broken, hand: NONE, last_run: NONE, statistics })
    }

    /// Takes one frame, for no purpose in particular.
    ///
    /// # Errors
    /// [`FrameError::OutOfMemory`].
    #[inline]
    pub fn allocate(&mut self) -> Result<PhysFrame, FrameError> {
        self.allocate_for(Purpose::Other)
    }

    /// Takes one frame.
    ///
    /// # Errors
    /// [`FrameError::OutOfMemory`].
    #[inline]
    pub fn allocate_for(&mut self, purpose: Purpose) -> Result<PhysFrame, FrameError> {
        let number = self.hand;
        match self.chunks.get_mut(number).and_then(|chunk| chunk.take(purpose)) {
            Some(slot) => {
                self.count_used(1);
                Ok(frame_at(number, slot))
            }
            None => self.allocate_from_another(purpose),
        }
    }

    /// Gives one frame back.
    ///
    /// # Errors
    /// [`FrameError::DoubleFree`], [`FrameError::Foreign`] or
    /// [`FrameError::Reserved`].
    #[inline]
    pub fn free(&mut self, frame: PhysFrame) -> Result<(), FrameError> {
        let (number, slot) = place_of(frame);
        match self.chunks.get_mut(number).map(|chunk| chunk.free(slot)) {
            Some(Freed::Quietly) => {
                self.statistics.used -= 1;
                Ok(())
            }
            Some(Freed::Ringing) => {
                self.ring(number);
                Ok(())
            }
            Some(Freed::Refused) | None => self.free_otherwise(frame),
        }
    }

    /// Figures about the frames.
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// What is known about a frame.
    pub fn usage(&self, frame: PhysFrame) -> Usage {
        let (number, slot) = place_of(frame);
        self.chunks.get(number).map_or(Usage::Foreign, |chunk| chunk.usage(slot))
    }

    /// The chunk in hand has nothing left: takes the next one into the hand.
    #[cold]
    #[inline(never)]
    fn allocate_from_another(&mut self, purpose: Purpose) -> Result<PhysFrame, FrameError> {
        self.put_down();
        let next = self.broken.last().or_else(|| self.whole.last());
        let number = next.ok_or(FrameError::OutOfMemory)?;
        self.broken.remove(number);
        self.whole.remove(number);
        self.hand = number;
        let taken = self.chunks.get_mut(number).and_then(|chunk| {
            chunk.pick_up();
            chunk.take(purpose)
        });
        let slot = taken.ok_or(FrameError::OutOfMemory)?;
        self.count_used(1);
        Ok(frame_at(number, slot))
    }

    /// A chunk's bell rang at a free: one frame of an exhausted chunk is free
    /// again, or all of a broken one.
    #[cold]
    #[inline(never)]
    fn ring(&mut self, number: usize) {
        self.statistics.used -= 1;
        if number != self.hand {
            self.settle(number);
        }
    }

    /// The free of a frame that is not marked as taken: of one in a run, or an
    /// error.
    #[cold]
    #[inline(never)]
    fn free_otherwise(&mut self, frame: PhysFrame) -> Result<(), FrameError> {
        let (number, _) = place_of(frame);
        match self.chunks.get_mut(number).filter(|chunk| matches!(chunk.state(), State::Run(_))) {
            Some(chunk) => {
                chunk.split();
                self.free(frame)
            }
            None => Err(refusal(frame, self.usage(frame))),
        }
    }

    /// Puts the chunk in hand back into the set it belongs to, so that all sets
    /// are complete. What is rare starts with this and needs no case for it.
    pub(super) fn put_down(&mut self) {
        let number = core::mem::replace(&mut self.hand, NONE);
        if number != NONE {
            self.settle(number);
        }
    }

    /// Puts a chunk into the set it belongs to after a change. Not for the one
    /// in hand.
    pub(super) fn settle(&mut self, number: usize) {
        match self.chunks.get_mut(number).map(Chunk::settle) {
            Some(State::Whole) => {
                self.broken.remove(number);
                self.whole.insert(number);
            }
            Some(State::Broken) => {
                self.whole.remove(number);
                self.broken.insert(number);
            }
            Some(State::Exhausted | State::Run(_) | State::InHand) | None => {
                self.whole.remove(number);
                self.broken.remove(number);
            }
        }
    }

    #[inline(always)]
    pub(super) fn count_used(&mut self, count: u64) {
        let statistics = &mut self.statistics;
        statistics.used += count;
        if statistics.used > statistics.peak {
            statistics.peak = statistics.used;
        }
    }
}

/// Why a frame of that usage cannot be freed, or reserved.
pub(super) fn refusal(frame: PhysFrame, usage: Usage) -> FrameError {
    match usage {
        Usage::Free => FrameError::DoubleFree(frame),
        Usage::Taken(_) => FrameError::Taken(frame),
        Usage::Reserved => FrameError::Reserved(frame),
        Usage::Foreign => FrameError::Foreign(frame),
    }
}
