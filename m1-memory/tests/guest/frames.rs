//! The kernel's frames as a whole: storms, long mixtures, limits, purposes.

use crate::boot;
use alloc::vec::Vec;
use m0_boot::memory_map::Kind;
use m1_memory::frames::{
    self, FrameAllocator, FrameError, KernelFrames, OwnedFrame, OwnedRun, Purpose, Usage,
};
use m1_memory::layout::PAGE_BYTES;
use m1_memory::physical::{DirectMap, PhysicalMemory};
use shared::cases::{Case, expect, expect_eq};
use x86_64::PhysAddr;
use x86_64::structures::paging::PhysFrame;

/// The cases of this file.
pub const CASES: &[Case] = &[
    ("frames-by-size", by_size),
    ("frames-storm", storm),
    ("frames-soak", soak),
    ("frames-below-limit", below_limit),
    ("frames-reserved", reserved),
    ("frames-owned", owned),
];

/// Frames of 2 MiB.
const LARGE: u64 = 512;

/// A frame or run that a case holds.
type Held = (PhysFrame, u64);

/// Numbers that look random and are the same in every boot (Knuth's MMIX).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// The first word of a frame.
fn word(frame: PhysFrame) -> *mut u64 {
    let memory = DirectMap::new(boot().hhdm).unwrap_or_else(|error| panic!("{error}"));
    memory.pointer(frame.start_address()).cast()
}

/// Writes to the first and last frame of what is held.
fn stamp((first, count): Held) {
    for frame in [first, first + (count - 1)] {
        // SAFETY: the frames were allocated by the case.
        unsafe { word(frame).write_volatile(frame.start_address().as_u64() ^ count) };
    }
}

/// Whether both still hold what [`stamp`] wrote: nobody else got them.
fn is_intact((first, count): Held) -> bool {
    [first, first + (count - 1)].iter().all(|&frame| {
        // SAFETY: as in `stamp`.
        unsafe { word(frame).read_volatile() == frame.start_address().as_u64() ^ count }
    })
}

/// Ends the case if a frame cannot be freed or was changed by someone else.
fn give_back(held: Held) {
    let (first, count) = held;
    if !is_intact(held) {
        expect("intact", false, format_args!("{first:?}, {count} frames, was overwritten"));
    }
    // SAFETY: the case held it and uses it no more.
    let freed = unsafe { frames::free_run(first, count) };
    if freed.is_err() {
        expect_eq("freed", freed, Ok(()));
    }
}

/// What the allocator manages is the machine's RAM, and its own tables are small.
fn by_size() {
    let usable = boot().memory_map.total_bytes(Kind::Usable) / PAGE_BYTES;
    let statistics = frames::statistics();
    expect_eq("all-usable-ram", statistics.total, usable);
    let census = frames::census();
    let share = census.reserved * 1000 / statistics.total;
    expect("tables-below-0.5-percent", share < 5, format_args!("{} frames", census.reserved));
    expect_eq("census", census.taken() + census.reserved, statistics.used);
    expect_eq("census-free", census.free, statistics.free());
    expect("large-runs", census.runs_of_order(9) > 0, "no 2 MiB run is free");
    // The highest and the lowest frame can be had and used.
    let take = |limit| frames::allocate_below(limit, 1, Purpose::Dma);
    let mut highest = (PhysAddr::zero(), PhysAddr::zero());
    frames::for_each_region(|region| {
        if region.usage == Usage::Free {
            let start = region.first.start_address();
            highest = (start, start + region.count * PAGE_BYTES);
        }
    });
    let ends = [KernelFrames.allocate(), take(PhysAddr::new(1 << 24)), take(highest.1)];
    for frame in ends {
        let frame = frame.unwrap_or_else(|error| panic!("{error}"));
        stamp((frame, 1));
        expect("usable", is_intact((frame, 1)), format_args!("{frame:?} does not keep a value"));
        give_back((frame, 1));
    }
}

/// Takes all there is in pieces of every size, large ones first, then gives it
/// all back in random order.
fn storm() {
    let mut held: Vec<Held> = Vec::with_capacity(frames::statistics().total as usize);
    let before = (frames::census(), frames::statistics().used);
    let free = frames::statistics().free();
    let mut taken = 0;
    for order in (0..=10).rev() {
        let count = 1 << order;
        let error = loop {
            match frames::allocate_run_for(count, Purpose::User) {
                Ok(first) => {
                    stamp((first, count));
                    held.push((first, count));
                    taken += count;
                }
                Err(error) => break error,
            }
        };
        if error != FrameError::OutOfMemory {
            expect_eq("error", error, FrameError::OutOfMemory);
        }
    }
    expect_eq("all-taken", taken, free);
    expect_eq("all-counted", frames::census().taken_for(Purpose::User), free);
    expect_eq("none-left", KernelFrames.allocate(), Err(FrameError::OutOfMemory));
    let mut random = Random(1);
    while !held.is_empty() {
        give_back(held.swap_remove(random.below(held.len() as u64) as usize));
    }
    expect_eq("no-frame-lost", frames::statistics().used, before.1);
    expect_eq("as-coherent-as-before", frames::census(), before.0);
}

/// Long random mixture of all operations.
fn soak() {
    const STEPS: u64 = 1_000_000;
    let mut held: Vec<Held> = Vec::with_capacity(20_000);
    let before = (frames::census(), frames::statistics().used);
    let (mut random, mut in_use, mut refused) = (Random(2), 0, 0_u64);
    for step in 0..STEPS {
        let purpose = Purpose::ALL[random.below(Purpose::ALL.len() as u64) as usize];
        let full = held.len() == held.capacity();
        // Tides: for a while more is taken than given back, then the other way.
        let taking = random.below(100) < if step / 20_000 % 2 == 0 { 60 } else { 40 };
        if taking && !full {
            let (count, got) = match random.below(1000) {
                0..3 => (LARGE, frames::allocate_run_for(LARGE, purpose)),
                3..10 => {
                    let count = 1 << random.below(7);
                    (count, frames::allocate_run_for(count, purpose))
                }
                10..15 => (1, frames::allocate_below(PhysAddr::new(1 << 25), 1, purpose)),
                _ => (1, KernelFrames.allocate_for(purpose)),
            };
            match got {
                Ok(first) => {
                    stamp((first, count));
                    held.push((first, count));
                    in_use += count;
                }
                Err(FrameError::OutOfMemory) => refused += 1,
                Err(error) => expect("allocate", false, error),
            }
        } else if !held.is_empty() {
            let one = held.swap_remove(random.below(held.len() as u64) as usize);
            give_back(one);
            in_use -= one.1;
            // SAFETY: it is free, so this must be refused.
            let again = unsafe { KernelFrames.free(one.0) };
            if again != Err(FrameError::DoubleFree(one.0)) {
                expect_eq("double-free", again, Err(FrameError::DoubleFree(one.0)));
            }
        }
        if frames::statistics().used != before.1 + in_use {
            expect_eq("used", frames::statistics().used, before.1 + in_use);
        }
    }
    expect("hardly-refused", refused < STEPS / 10, format_args!("{refused} of {STEPS}"));
    held.drain(..).for_each(give_back);
    expect_eq("no-frame-lost", frames::statistics().used, before.1);
    expect_eq("as-coherent-as-before", frames::census(), before.0);
}

/// Frames for a device that reaches 16 MiB, until there are none.
fn below_limit() {
    let limit = PhysAddr::new(1 << 24);
    let (mut held, before) = (Vec::<Held>::with_capacity(8192), frames::statistics().used);
    for count in [64, 1] {
        while let Ok(first) = frames::allocate_below(limit, count, Purpose::Dma) {
            let end = first.start_address() + count * PAGE_BYTES;
            if end > limit || !first.start_address().is_aligned(count * PAGE_BYTES) {
                expect("below", false, format_args!("{first:?}, {count} frames"));
            }
            stamp((first, count));
            held.push((first, count));
        }
    }
    let mut left = 0;
    frames::for_each_region(|region| {
        if region.usage == Usage::Free && region.first.start_address() < limit {
            left += 1;
        }
    });
    expect("some", !held.is_empty(), "no frame below 16 MiB");
    expect_eq("all-below-taken", left, 0);
    expect("others-above", KernelFrames.allocate().map(give_back_raw).is_ok(), "none");
    held.into_iter().for_each(give_back);
    expect_eq("no-frame-lost", frames::statistics().used, before);
}

fn give_back_raw(frame: PhysFrame) {
    // SAFETY: just allocated by the case and not used.
    expect_eq("freed", unsafe { KernelFrames.free(frame) }, Ok(()));
}

/// The allocator's tables are reserved; a range can be set aside and returned.
fn reserved() {
    let mut tables = None;
    let mut free = None;
    frames::for_each_region(|region| match region.usage {
        Usage::Reserved => tables = Some(region.first),
        Usage::Free if region.count >= 4 => free = Some(region.first),
        _ => {}
    });
    let tables = tables.unwrap_or_else(|| panic!("no frame is reserved"));
    // SAFETY: must be refused.
    let refused = unsafe { KernelFrames.free(tables) };
    expect_eq("tables", refused, Err(FrameError::Reserved(tables)));
    let free = free.unwrap_or_else(|| panic!("no four frames are free in a row"));
    let (start, end) = (free.start_address(), (free + 4).start_address());
    let before = frames::statistics().used;
    expect_eq("reserved", frames::reserve(start, end), Ok(()));
    expect_eq("counted", frames::statistics().used, before + 4);
    expect_eq("twice", frames::reserve(start, end), Err(FrameError::Reserved(free)));
    // SAFETY: nobody has used the range.
    expect_eq("given-back", unsafe { frames::unreserve(start, end) }, Ok(()));
    let image = PhysFrame::containing_address(boot().kernel_physical);
    let overlap = frames::reserve(image.start_address(), image.start_address() + 1);
    expect_eq("image", overlap, Err(FrameError::Foreign(image)));
    let taken = KernelFrames.allocate().unwrap_or_else(|error| panic!("{error}"));
    let overlap = frames::reserve(taken.start_address(), taken.start_address() + 1);
    expect_eq("taken", overlap, Err(FrameError::Taken(taken)));
    give_back_raw(taken);
    expect_eq("no-frame-lost", frames::statistics().used, before);
}

/// Owners give back on drop; page tables, stacks and heap are told apart.
fn owned() {
    let before = frames::statistics().used;
    let frame = OwnedFrame::new(Purpose::User).unwrap_or_else(|error| panic!("{error}"));
    let run = OwnedRun::new(LARGE, Purpose::Dma).unwrap_or_else(|error| panic!("{error}"));
    let usages = (frames::usage(frame.frame()), frames::usage(run.first() + (LARGE - 1)));
    expect_eq("usages", usages, (Usage::Taken(Purpose::User), Usage::Taken(Purpose::Dma)));
    expect_eq("taken", frames::statistics().used, before + 1 + LARGE);
    drop((frame, run));
    expect_eq("no-frame-lost", frames::statistics().used, before);
    let numbers: Vec<u64> = (0..1000).collect();
    core::hint::black_box(&numbers);
    let census = frames::census();
    for purpose in [Purpose::PageTables, Purpose::Stacks, Purpose::Heap] {
        expect("purpose", census.taken_for(purpose) > 0, purpose.name());
    }
}
