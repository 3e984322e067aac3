//! A frame allocator with two bits per frame.
//!
//! ```text
//! managed  0 1 1 1 1 1 1 0 0 1 …    1: RAM that this allocator gives out
//! taken    1 1 0 0 1 0 0 1 1 0 …    1: not to be had now
//!          |             |
//!          |             hole in the memory map: taken, never managed
//!          page 0: never usable
//! ```
//!
//! Taking a frame looks for a 0 in `taken`, 64 frames at a time, from where the
//! last search ended (next fit). `managed` tells a double free from the free of
//! a frame that never was ours.

use crate::layout::PAGE_BYTES;
use core::fmt;
use x86_64::PhysAddr;
use x86_64::structures::paging::PhysFrame;

const BITS: u64 = u64::BITS as u64;

/// Why frames could not be taken or given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// No free frame, or no free run of that length.
    OutOfMemory,
    /// A run's length is no power of two, or its start not aligned to it.
    BadRun {
        /// The length asked for.
        count: u64,
    },
    /// The frame is free already.
    DoubleFree(PhysFrame),
    /// The frame is not RAM of this allocator.
    Foreign(PhysFrame),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfMemory => write!(f, "out of physical memory"),
            Self::BadRun { count } => write!(f, "{count} frames do not make an aligned run"),
            Self::DoubleFree(frame) => write!(f, "frame {:#x} is free already", start(*frame)),
            Self::Foreign(frame) => {
                write!(f, "frame {:#x} does not belong to the allocator", start(*frame))
            }
        }
    }
}

fn start(frame: PhysFrame) -> u64 {
    frame.start_address().as_u64()
}

/// How many frames there are, in units of 4 KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Frames the allocator manages.
    pub total: u64,
    /// Frames given out.
    pub used: u64,
    /// Most frames ever given out at a time.
    pub peak: u64,
}

impl Statistics {
    /// Frames to be had.
    pub fn free(&self) -> u64 {
        self.total - self.used
    }
}

/// The allocator; see the module's picture.
#[derive(Debug)]
pub struct BitmapFrames<'m> {
    taken: &'m mut [u64],
    managed: &'m mut [u64],
    /// The word in which the next search begins.
    next: usize,
    statistics: Statistics,
}

impl<'m> BitmapFrames<'m> {
    /// Words of storage for all frames below `end`.
    pub fn words_for(end: PhysAddr) -> usize {
        2 * end.as_u64().div_ceil(PAGE_BYTES * BITS) as usize
    }

    /// An allocator that manages nothing yet, with its bits in `storage`
    /// (half of it for each bitmap).
    pub fn new(storage: &'m mut [u64]) -> Self {
        let (taken, managed) = storage.split_at_mut(storage.len() / 2);
        taken.fill(u64::MAX);
        managed.fill(0);
        Self { taken, managed, next: 0, statistics: Statistics::default() }
    }

    /// Adds the whole frames between two addresses, as free.
    ///
    /// What lies beyond the storage, or is managed already, is left alone.
    pub fn manage(&mut self, start: PhysAddr, end: PhysAddr) {
        let capacity = self.managed.len() as u64 * BITS;
        let first = start.as_u64().div_ceil(PAGE_BYTES);
        let last = (end.as_u64() / PAGE_BYTES).min(capacity);
        for (word, mask) in words(first, last.saturating_sub(first)) {
            let new = mask & !self.managed[word];
            self.managed[word] |= new;
            self.taken[word] &= !new;
            self.statistics.total += u64::from(new.count_ones());
        }
    }

    /// Takes one frame.
    ///
    /// # Errors
    /// [`FrameError::OutOfMemory`].
    pub fn allocate(&mut self) -> Result<PhysFrame, FrameError> {
        let (before, after) = self.taken.split_at(self.next);
        let has_free = |word: &u64| *word != u64::MAX;
        let found = after.iter().position(has_free).map(|index| index + before.len());
        let word =
            found.or_else(|| before.iter().position(has_free)).ok_or(FrameError::OutOfMemory)?;
        let bit = u64::from(self.taken[word].trailing_ones());
        self.taken[word] |= 1 << bit;
        self.next = word;
        self.count_used(1);
        Ok(frame(word as u64 * BITS + bit))
    }

    /// Takes `count` frames in a row, the first aligned to `count`.
    ///
    /// # Errors
    /// [`FrameError::BadRun`] if `count` is no power of two,
    /// [`FrameError::OutOfMemory`] if there is no such run.
    pub fn allocate_run(&mut self, count: u64) -> Result<PhysFrame, FrameError> {
        if !count.is_power_of_two() {
            return Err(FrameError::BadRun { count });
        }
        let capacity = self.taken.len() as u64 * BITS;
        let first = (0..capacity / count)
            .map(|index| index * count)
            .find(|&first| words(first, count).all(|(word, mask)| self.taken[word] & mask == 0))
            .ok_or(FrameError::OutOfMemory)?;
        for (word, mask) in words(first, count) {
            self.taken[word] |= mask;
        }
        self.count_used(count);
        Ok(frame(first))
    }

    /// Gives one frame back.
    ///
    /// # Errors
    /// [`FrameError::DoubleFree`] or [`FrameError::Foreign`].
    pub fn free(&mut self, frame: PhysFrame) -> Result<(), FrameError> {
        self.free_run(frame, 1)
    }

    /// Gives a run of frames back, or none of them if one cannot be freed.
    ///
    /// # Errors
    /// [`FrameError::DoubleFree`], [`FrameError::Foreign`], or
    /// [`FrameError::BadRun`] if the run is not aligned to its length.
    pub fn free_run(&mut self, first: PhysFrame, count: u64) -> Result<(), FrameError> {
        let number = start(first) / PAGE_BYTES;
        if !count.is_power_of_two() || !number.is_multiple_of(count) {
            return Err(FrameError::BadRun { count });
        }
        for (word, mask) in words(number, count) {
            let base = word as u64 * BITS;
            let managed = self.managed.get(word).copied().unwrap_or(0);
            let foreign = mask & !managed;
            if foreign != 0 {
                return Err(FrameError::Foreign(frame(base + u64::from(foreign.trailing_zeros()))));
            }
            let free = mask & !self.taken[word];
            if free != 0 {
                return Err(FrameError::DoubleFree(frame(base + u64::from(free.trailing_zeros()))));
            }
        }
        for (word, mask) in words(number, count) {
            self.taken[word] &= !mask;
        }
        self.statistics.used -= count;
        Ok(())
    }

    /// Figures about the frames.
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    fn count_used(&mut self, count: u64) {
        self.statistics.used += count;
        self.statistics.peak = self.statistics.peak.max(self.statistics.used);
    }
}

/// The frame with a number.
fn frame(number: u64) -> PhysFrame {
    PhysFrame::containing_address(PhysAddr::new_truncate(number * PAGE_BYTES))
}

/// The words that hold the bits `first .. first + count`, with a mask of those
/// bits in each.
fn words(first: u64, count: u64) -> impl Iterator<Item = (usize, u64)> {
    let end = first + count;
    (first / BITS..end.div_ceil(BITS)).filter(move |_| count > 0).map(move |word| {
        let low = first.max(word * BITS) - word * BITS;
        let high = end.min((word + 1) * BITS) - word * BITS;
        let upto = if high == BITS { u64::MAX } else { (1 << high) - 1 };
        (word as usize, upto & !((1 << low) - 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn address(number: u64) -> PhysAddr {
        PhysAddr::new(number * PAGE_BYTES)
    }

    #[test]
    fn masks_cover_exactly_the_range() {
        assert_eq!(words(0, 0).count(), 0);
        assert_eq!(words(3, 2).collect::<Vec<_>>(), [(0, 0b11000)]);
        assert_eq!(words(62, 4).collect::<Vec<_>>(), [(0, 3 << 62), (1, 0b11)]);
        assert_eq!(words(64, 64).collect::<Vec<_>>(), [(1, u64::MAX)]);
    }

    #[test]
    fn gives_out_only_managed_frames_each_once() {
        let mut storage = [0; 8];
        let mut frames = BitmapFrames::new(&mut storage);
        frames.manage(address(3), address(5));
        frames.manage(address(130), address(131));
        let mut got = BTreeSet::new();
        while let Ok(frame) = frames.allocate() {
            assert!(got.insert(start(frame) / PAGE_BYTES), "given out twice");
        }
        assert_eq!(got.into_iter().collect::<Vec<_>>(), [3, 4, 130]);
        assert_eq!(frames.statistics(), Statistics { total: 3, used: 3, peak: 3 });
    }

    #[test]
    fn half_frames_at_the_edges_are_left_out() {
        let mut storage = [0; 2];
        let mut frames = BitmapFrames::new(&mut storage);
        frames.manage(PhysAddr::new(0x1800), PhysAddr::new(0x3fff));
        assert_eq!(frames.allocate(), Ok(frame(2)));
        assert_eq!(frames.allocate(), Err(FrameError::OutOfMemory));
    }

    #[test]
    fn refuses_double_free_and_foreign_frames() {
        let mut storage = [0; 2];
        let mut frames = BitmapFrames::new(&mut storage);
        frames.manage(address(1), address(9));
        let taken = frames.allocate().expect("eight are free");
        assert_eq!(frames.free(taken), Ok(()));
        assert_eq!(frames.free(taken), Err(FrameError::DoubleFree(taken)));
        assert_eq!(frames.free(frame(0)), Err(FrameError::Foreign(frame(0))));
        assert_eq!(frames.free(frame(1 << 20)), Err(FrameError::Foreign(frame(1 << 20))));
        assert_eq!(frames.statistics().used, 0);
    }

    #[test]
    fn runs_are_aligned_and_freed_whole() {
        let mut storage = [0; 64];
        let mut frames = BitmapFrames::new(&mut storage);
        frames.manage(address(1), address(2048));
        let run = frames.allocate_run(512).expect("there is one");
        assert_eq!(start(run) % (512 * PAGE_BYTES), 0);
        assert_eq!(frames.allocate_run(3), Err(FrameError::BadRun { count: 3 }));
        assert_eq!(frames.free_run(frame(1), 2), Err(FrameError::BadRun { count: 2 }));
        frames.free(run).expect("one frame of it");
        let again = frames.free_run(run, 512);
        assert_eq!(again, Err(FrameError::DoubleFree(run)));
        assert_eq!(frames.statistics().used, 511, "a refused run frees nothing");
    }

    proptest! {
        /// Any sequence of operations agrees with a set of free numbers.
        #[test]
        fn agrees_with_a_set(operations in prop::collection::vec((0u8..4, 0u64..320), 1..400)) {
            let mut storage = [0; 10];
            let mut frames = BitmapFrames::new(&mut storage);
            frames.manage(address(5), address(100));
            frames.manage(address(128), address(290));
            let managed: BTreeSet<u64> = (5..100).chain(128..290).collect();
            let mut free = managed.clone();
            for (operation, number) in operations {
                match operation {
                    0 | 1 => match frames.allocate() {
                        Ok(got) => prop_assert!(free.remove(&(start(got) / PAGE_BYTES))),
                        Err(error) => {
                            prop_assert_eq!(error, FrameError::OutOfMemory);
                            prop_assert!(free.is_empty());
                        }
                    },
                    2 => {
                        let count = 1 << (number % 5);
                        match frames.allocate_run(count) {
                            Ok(got) => for number in 0..count {
                                prop_assert!(free.remove(&(start(got) / PAGE_BYTES + number)));
                            },
                            Err(_) => prop_assert!(!(0..320 / count).any(
                                |index| (0..count).all(|n| free.contains(&(index * count + n)))
                            )),
                        }
                    }
                    _ => {
                        let expected = if !managed.contains(&number) {
                            Err(FrameError::Foreign(frame(number)))
                        } else if free.insert(number) {
                            Ok(())
                        } else {
                            Err(FrameError::DoubleFree(frame(number)))
                        };
                        prop_assert_eq!(frames.free(frame(number)), expected);
                    }
                }
                prop_assert_eq!(frames.statistics().free(), free.len() as u64);
            }
        }
    }
}
