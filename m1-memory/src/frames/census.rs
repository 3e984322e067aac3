//! Counting frames by purpose and by size of the free blocks.
//!
//! The slots know it all, so these figures are counted when someone asks and
//! cost nothing while frames come and go. A whole chunk and a run count as one
//! step; only chunks in use are looked at slot by slot.

use super::allocator::ChunkFrames;
use super::chunk::FRAMES;
use super::place::frame_at;
use super::purpose::{Purpose, Usage};
use core::fmt;
use x86_64::structures::paging::PhysFrame;

/// Largest order counted: blocks of 2¹⁸ frames, 1 GiB.
pub const MAX_ORDER: u32 = 18;

/// Frames in a row that are all alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRegion {
    /// The first one.
    pub first: PhysFrame,
    /// How many.
    pub count: u64,
    /// What they are.
    pub usage: Usage,
}

/// How many frames there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Frames to be had.
    pub free: u64,
    /// Frames set aside.
    pub reserved: u64,
    taken: [u64; Purpose::ALL.len()],
    /// Free blocks of 2ⁿ frames by n, each aligned to its size. A block counts
    /// once, as part of the largest it makes with its neighbours.
    pub free_by_order: [u64; MAX_ORDER as usize + 1],
}

impl Census {
    /// Frames given out for a purpose.
    pub fn taken_for(&self, purpose: Purpose) -> u64 {
        self.taken[purpose as usize]
    }

    /// Frames given out for all purposes.
    pub fn taken(&self) -> u64 {
        self.taken.iter().sum()
    }

    /// How many runs of 2ⁿ frames could be had.
    pub fn runs_of_order(&self, order: u32) -> u64 {
        let orders = (0..).zip(&self.free_by_order).skip(order as usize);
        orders.map(|(larger, blocks): (u32, _)| blocks << (larger - order)).sum()
    }

    fn add(&mut self, region: FrameRegion) {
        match region.usage {
            Usage::Free => self.add_free(region),
            Usage::Taken(purpose) => self.taken[purpose as usize] += region.count,
            Usage::Reserved => self.reserved += region.count,
            Usage::Foreign => {}
        }
    }

    /// Cuts a free region into the largest blocks that fit.
    fn add_free(&mut self, region: FrameRegion) {
        self.free += region.count;
        let mut number = region.first.start_address().as_u64() / region.first.size();
        let end = number + region.count;
        while number < end {
            let order = number.trailing_zeros().min((end - number).ilog2()).min(MAX_ORDER);
            self.free_by_order[order as usize] += 1;
            number += 1 << order;
        }
    }
}

impl fmt::Display for Census {
    /// One line: what is taken by purpose, what is free, and how coherent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for purpose in Purpose::ALL {
            let count = self.taken_for(purpose);
            if count > 0 {
                write!(f, "{} {count}, ", purpose.name())?;
            }
        }
        let large = self.runs_of_order(FRAMES.ilog2());
        write!(f, "reserved {}, free {} with {large} runs of 2 MiB", self.reserved, self.free)
    }
}

impl ChunkFrames<'_> {
    /// Counts all frames by kind.
    pub fn census(&self) -> Census {
        let mut census = Census::default();
        self.for_each_region(|region| census.add(region));
        census
    }

    /// Calls `visit` for each region of managed frames, lowest first.
    pub fn for_each_region(&self, mut visit: impl FnMut(FrameRegion)) {
        let mut open: Option<(usize, usize, Usage)> = None;
        let mut close = |region: Option<(usize, usize, Usage)>| {
            if let Some((first, end, usage)) = region.filter(|(.., usage)| *usage != Usage::Foreign)
            {
                let (first, count) = (frame_at(0, first), (end - first) as u64);
                visit(FrameRegion { first, count, usage });
            }
        };
        let mut extend = |first: usize, count: usize, usage: Usage| match &mut open {
            Some((_, end, same)) if *end == first && *same == usage => *end += count,
            other => close(other.replace((first, first + count, usage))),
        };
        for (number, chunk) in self.chunks.records() {
            let base = number * FRAMES;
            match chunk.uniform_usage() {
                Some(usage) => extend(base, FRAMES, usage),
                None => (0..FRAMES).for_each(|slot| extend(base + slot, 1, chunk.usage(slot))),
            }
        }
        close(open);
    }
}
