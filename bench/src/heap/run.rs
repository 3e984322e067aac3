//! One heap: the workloads of [`super`], step by step.
//!
//! Every block is marked while it is in use, between the counts, so that a heap
//! that gives the same bytes out twice is noticed.

use super::{FULL_BYTES, HeapBench};
use crate::counter::{Counter, opaque};
use crate::random::Random;
use crate::report::Report;
use crate::samples::{CAPACITY, Samples};
use core::alloc::Layout;
use spin::Mutex;

const ALIGN: usize = 8;
const SMALLEST: u64 = 8;
const LARGEST: u64 = 4096;
const STEADY_SLOTS: u64 = 512;
const WARM_UP: usize = 32 * 1024;

static COUNTS: Mutex<[Samples; 2]> = Mutex::new([Samples::new(), Samples::new()]);

/// A block that is in use.
#[derive(Clone, Copy)]
struct Block {
    start: *mut u8,
    size: usize,
}

/// A heap, and the blocks it gave out. Each is two words of `table`: address
/// and size, 0 for none.
pub struct Run<'a, B> {
    bench: &'a mut B,
    table: &'a mut [u64],
    random: Random,
    counter: Counter,
    report: Report,
}

pub fn random_size(random: &mut Random) -> usize {
    (SMALLEST + random.below(LARGEST - SMALLEST + 1)) as usize
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, ALIGN).unwrap_or_else(|error| panic!("bench: {error}"))
}

impl<'a, B: HeapBench> Run<'a, B> {
    pub fn new(bench: &'a mut B, table: &'a mut [u64], counter: Counter, report: Report) -> Self {
        Self { bench, table, random: Random::default(), counter, report }
    }

    pub fn steady(&mut self) {
        let mut counts = COUNTS.lock();
        counts.iter_mut().for_each(Samples::clear);
        let (mut operations, mut resized) = (0, 0);
        let mut step = 0;
        while counts.iter().all(|samples| samples.len() < CAPACITY) {
            let slot = self.random.below(STEADY_SLOTS) as usize;
            let before = self.bench.occupied_bytes();
            let (operation, count) = match self.block(slot) {
                None => {
                    let size = random_size(&mut self.random);
                    let (count, block) = self.take(size);
                    self.check("steady/alloc", block.is_some());
                    self.set_block(slot, block);
                    (0, count)
                }
                Some(block) => {
                    self.set_block(slot, None);
                    (1, self.give(block))
                }
            };
            step += 1;
            if step > WARM_UP {
                operations += 1;
                match self.bench.occupied_bytes() == before {
                    true => counts[operation].add(count),
                    false => resized += 1,
                }
            }
        }
        for (operation, samples) in ["alloc", "free"].into_iter().zip(counts.iter_mut()) {
            self.report.statistics(format_args!("heap/steady/{operation}"), samples);
        }
        self.report.fraction(format_args!("heap/steady/resized"), resized, operations);
        self.empty(STEADY_SLOTS as usize);
    }

    /// Fills the heap with blocks of `size`, reports how much of it they are, and
    /// empties it.
    pub fn usable(&mut self, name: &str, size: impl Fn(&mut Random) -> usize) {
        let (blocks, requested, occupied) = self.fill(size);
        self.report.fraction(format_args!("heap/usable/{name}"), requested, occupied);
        self.empty(blocks);
    }

    pub fn largest_after_free(&mut self) {
        let blocks = self.fill(random_size).0;
        let peak = self.bench.occupied_bytes();
        for left in (1..=blocks).rev() {
            // The last block moves to where the one given back was.
            let victim = self.random.below(left as u64) as usize;
            let (block, last) = (self.block(victim), self.block(left - 1));
            self.set_block(victim, last);
            self.set_block(left - 1, None);
            if let Some(block) = block {
                self.give(block);
            }
        }
        let largest = self.largest_within(peak);
        self.report.fraction(format_args!("heap/largest-after-free"), largest, peak);
    }

    /// Allocates until the heap would occupy more than [`FULL_BYTES`] or refuses.
    /// How many blocks there are, their bytes, and what the heap occupies.
    fn fill(&mut self, size: impl Fn(&mut Random) -> usize) -> (usize, u64, u64) {
        let (mut blocks, mut requested) = (0, 0);
        // A heap that keeps what it once had may occupy more than that already.
        let limit = FULL_BYTES.max(self.bench.occupied_bytes());
        loop {
            let occupied = self.bench.occupied_bytes();
            let size = size(&mut self.random);
            let Some(block) = self.take(size).1 else { return (blocks, requested, occupied) };
            if self.bench.occupied_bytes() > limit {
                self.give(block);
                return (blocks, requested, occupied);
            }
            self.set_block(blocks, Some(block));
            blocks += 1;
            requested += size as u64;
        }
    }

    /// Gives the first `slots` blocks of the table back.
    fn empty(&mut self, slots: usize) {
        for slot in 0..slots {
            if let Some(block) = self.block(slot) {
                self.set_block(slot, None);
                self.give(block);
            }
        }
    }

    /// The largest block, in steps of 64 bytes, that can be allocated while the
    /// heap occupies no more than `occupied`.
    fn largest_within(&mut self, occupied: u64) -> u64 {
        const STEP: u64 = 64;
        let (mut fits, mut too_large) = (0, occupied / STEP + 1);
        while fits + 1 < too_large {
            let middle = fits + (too_large - fits) / 2;
            let block = self.take((middle * STEP) as usize).1;
            let within = block.is_some() && self.bench.occupied_bytes() <= occupied;
            if let Some(block) = block {
                self.give(block);
            }
            if within {
                fits = middle;
            } else {
                too_large = middle;
            }
        }
        fits * STEP
    }

    /// Allocates, and counts. The block is marked so that `give` notices when
    /// somebody else wrote to it.
    fn take(&mut self, size: usize) -> (u32, Option<Block>) {
        let layout = layout(opaque(size as u64) as usize);
        let (count, address) = self.counter.count(|| self.bench.allocate(layout) as u64);
        let start = address as *mut u8;
        if start.is_null() {
            return (count, None);
        }
        self.check("aligned", address.is_multiple_of(ALIGN as u64));
        for mark in marks(start, size) {
            // SAFETY: both words lie in the block, which is ours (HeapBench's
            // contract) and aligned.
            unsafe { mark.write(address) };
        }
        (count, Some(Block { start, size }))
    }

    /// Gives a block back, and counts.
    fn give(&mut self, block: Block) -> u32 {
        let Block { start, size } = block;
        for mark in marks(start, size) {
            // SAFETY: as in `take`; the block is still in use.
            let found = unsafe { mark.read() };
            self.check("contents", found == start as u64);
        }
        let layout = layout(opaque(size as u64) as usize);
        let counted = self.counter.count(|| {
            // SAFETY: `take` got the block with this layout; the table held it
            // once and holds it no more.
            unsafe { self.bench.deallocate(start, layout) };
            0
        });
        counted.0
    }

    /// Ends the kernel unless the heap did what it was measured at.
    fn check(&self, name: &str, holds: bool) {
        if !holds {
            let name = format_args!("heap/{name}");
            self.report.check(name, false, format_args!("the heap did not do as asked"));
        }
    }

    fn block(&self, slot: usize) -> Option<Block> {
        let (start, size) = (self.table[2 * slot], self.table[2 * slot + 1]);
        (start != 0).then_some(Block { start: start as *mut u8, size: size as usize })
    }

    fn set_block(&mut self, slot: usize, block: Option<Block>) {
        self.table[2 * slot] = block.map_or(0, |block| block.start as u64);
        self.table[2 * slot + 1] = block.map_or(0, |block| block.size as u64);
    }
}

/// The first whole word of a block, and the last that is aligned.
fn marks(start: *mut u8, size: usize) -> [*mut u64; 2] {
    let last = size / ALIGN - 1;
    [start.cast(), start.cast::<u64>().wrapping_add(last)]
}
