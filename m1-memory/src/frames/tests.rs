//! The frame allocator against a list that says what each frame is.

#![allow(clippy::single_range_in_vec_init)] // a map of one region

use super::allocator::{ChunkFrames, Plan};
use super::census::{Census, MAX_ORDER};
use super::chunk::FRAMES;
use super::{FrameAllocator, FrameError, OwnedFrame, Purpose, Statistics, Usage};
use crate::layout::PAGE_BYTES;
use core::mem::MaybeUninit;
use core::ops::Range;
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::BTreeSet;
use x86_64::PhysAddr;
use x86_64::structures::paging::PhysFrame;

/// Frames of 1 TiB.
const TIB: u64 = 1 << 28;
const CHUNK: u64 = FRAMES as u64;

fn address(number: u64) -> PhysAddr {
    PhysAddr::new(number * PAGE_BYTES)
}

fn frame(number: u64) -> PhysFrame {
    PhysFrame::containing_address(address(number))
}

fn number(frame: PhysFrame) -> u64 {
    frame.start_address().as_u64() / PAGE_BYTES
}

/// Runs `action` on an allocator over frames with these numbers.
fn with<T>(regions: &[Range<u64>], action: impl FnOnce(&mut ChunkFrames) -> T) -> T {
    let addresses = |region: &Range<u64>| address(region.start)..address(region.end);
    let plan = Plan::new(regions.iter().map(addresses));
    let mut storage = vec![MaybeUninit::uninit(); plan.words()];
    let mut frames = ChunkFrames::new(plan, &mut storage).expect("the plan fits");
    for region in regions {
        let added = frames.manage(address(region.start), address(region.end));
        assert_eq!(added, Ok(region.end - region.start));
    }
    action(&mut frames)
}

fn all_of(frames: &mut ChunkFrames) -> BTreeSet<u64> {
    let mut got = BTreeSet::new();
    while let Ok(frame) = frames.allocate() {
        assert!(got.insert(number(frame)), "{frame:?} was given out twice");
    }
    assert_eq!(frames.allocate(), Err(FrameError::OutOfMemory));
    got
}

#[test]
fn gives_out_only_managed_frames_each_once() {
    for regions in [
        &[3..5, 130..131][..],
        &[0..1, 511..513, 1023..1024, 1025..1026, 4000..4096],
        &[100..100 + 4 * CHUNK],
        &[TIB - 600..TIB],
        &[7..8, TIB - 1..TIB],
        &[],
    ] {
        let managed: BTreeSet<u64> = regions.iter().cloned().flatten().collect();
        with(regions, |frames| {
            assert_eq!(all_of(frames), managed);
            let total = managed.len() as u64;
            assert_eq!(frames.statistics(), Statistics { total, used: total, peak: total });
            for &number in &managed {
                assert_eq!(frames.free(frame(number)), Ok(()));
            }
            assert_eq!(frames.statistics(), Statistics { total, used: 0, peak: total });
            assert_eq!(all_of(frames), managed);
        });
    }
}

#[test]
fn half_frames_at_the_edges_are_left_out() {
    let plan = Plan::new([PhysAddr::new(0x1800)..PhysAddr::new(0x3fff)]);
    let mut storage = vec![MaybeUninit::uninit(); plan.words()];
    let mut frames = ChunkFrames::new(plan, &mut storage).expect("the plan fits");
    assert_eq!(frames.manage(PhysAddr::new(0x1800), PhysAddr::new(0x3fff)), Ok(1));
    assert_eq!(frames.manage(PhysAddr::new(0x3000), PhysAddr::new(0x2000)), Ok(0));
    assert_eq!(frames.allocate(), Ok(frame(2)));
    assert_eq!(frames.allocate(), Err(FrameError::OutOfMemory));
}

#[test]
fn metadata_stays_below_half_a_percent_of_ram() {
    let gib = 1 << 18;
    for regions in [
        &[0..8192][..],
        &[0..gib / 4],
        &[0..16 * gib],
        &[0..TIB],
        &[1..159, 256..3 * gib, 4 * gib..5 * gib + 77],
        &[0..gib, TIB - gib..TIB],
    ] {
        let plan = Plan::new(regions.iter().map(|r| address(r.start)..address(r.end)));
        let ram: u64 = regions.iter().map(|region| region.end - region.start).sum();
        let share = plan.bytes() as f64 / (ram * PAGE_BYTES) as f64;
        assert!(share < 0.005, "{regions:?}: {share}");
    }
}

#[test]
fn too_little_storage_is_refused() {
    let plan = Plan::new([address(0)..address(5000)]);
    let mut storage = vec![MaybeUninit::uninit(); plan.words()];
    assert!(ChunkFrames::new(plan, &mut storage).is_some());
    let mut small = vec![MaybeUninit::uninit(); Plan::new([]).words()];
    assert!(ChunkFrames::new(plan, &mut small).is_none());
}

#[test]
fn memory_beyond_the_plan_is_refused() {
    with(&[0..CHUNK], |frames| {
        let refused = frames.manage(address(CHUNK - 10), address(CHUNK + 10));
        assert_eq!(refused, Err(FrameError::NoRecord(frame(CHUNK))));
        assert_eq!(frames.statistics().total, CHUNK);
    });
}

#[test]
fn refuses_double_free_and_foreign_frames() {
    with(&[1..9, 2000..2001], |frames| {
        assert_eq!(frames.free(frame(3)), Err(FrameError::DoubleFree(frame(3))), "never taken");
        let taken = frames.allocate().expect("nine are free");
        assert_eq!(frames.free(taken), Ok(()));
        assert_eq!(frames.free(taken), Err(FrameError::DoubleFree(taken)));
        for foreign in [0, 9, 1000, 2001, 1 << 20, TIB, (1 << 40) - 1].map(frame) {
            assert_eq!(frames.free(foreign), Err(FrameError::Foreign(foreign)));
            assert_eq!(frames.usage(foreign), Usage::Foreign);
        }
        assert_eq!(frames.statistics().used, 0);
    });
}

#[test]
fn runs_are_aligned_and_freed_whole() {
    with(&[1..8 * CHUNK], |frames| {
        for order in 0..=11 {
            let run = frames.allocate_run(1 << order).expect("there is one");
            assert_eq!(number(run) % (1 << order), 0);
            assert_eq!(frames.statistics().used, 1 << order);
            assert_eq!(frames.free_run(run, 1 << order), Ok(()));
            assert_eq!(frames.free_run(run, 1 << order), Err(FrameError::DoubleFree(run)));
        }
        assert_eq!(frames.allocate_run(3), Err(FrameError::BadRun { count: 3 }));
        assert_eq!(frames.allocate_run(0), Err(FrameError::BadRun { count: 0 }));
        assert_eq!(frames.allocate_run(1 << 12), Err(FrameError::OutOfMemory));
        assert_eq!(frames.allocate_run(1 << 63), Err(FrameError::OutOfMemory));
        assert_eq!(frames.free_run(frame(1), 2), Err(FrameError::BadRun { count: 2 }));
        let beyond = FrameError::Foreign(frame(0));
        assert_eq!(frames.free_run(frame(0), 1 << 63), Err(beyond));
        assert_eq!(frames.statistics().used, 0);
    });
}

#[test]
fn a_run_can_be_freed_frame_by_frame_but_not_both_ways() {
    with(&[0..2 * CHUNK], |frames| {
        let run = frames.allocate_run_for(CHUNK, Purpose::User).expect("there are two");
        assert_eq!(frames.free(run + 5), Ok(()));
        assert_eq!(frames.usage(run + 4), Usage::Taken(Purpose::User));
        assert_eq!(frames.usage(run + 5), Usage::Free);
        assert_eq!(frames.free_run(run, CHUNK), Err(FrameError::DoubleFree(run + 5)));
        assert_eq!(frames.statistics().used, CHUNK - 1, "a refused run frees nothing");
        for other in (0..CHUNK).filter(|&other| other != 5) {
            assert_eq!(frames.free(run + other), Ok(()));
        }
        assert_eq!(frames.census().runs_of_order(9), 2);
    });
}

#[test]
fn single_frames_leave_large_runs_alone() {
    with(&[0..4 * CHUNK], |frames| {
        let mut taken: Vec<_> = (0..CHUNK + 1).filter_map(|_| frames.allocate().ok()).collect();
        assert_eq!(frames.census().runs_of_order(9), 2);
        // Every other one of the first chunk comes back, and goes out again
        // before another whole chunk is broken.
        taken.iter().step_by(2).for_each(|&frame| assert_eq!(frames.free(frame), Ok(())));
        taken.retain(|&frame| frames.usage(frame) != Usage::Free);
        taken.extend((0..CHUNK / 2).filter_map(|_| frames.allocate().ok()));
        assert_eq!(frames.census().runs_of_order(9), 2);
    });
}

#[test]
fn frames_below_a_limit() {
    with(&[10..700, 4 * CHUNK..8 * CHUNK], |frames| {
        let dma = Purpose::Dma;
        let low = frames.allocate_below(address(11), 1, dma).expect("one below");
        assert_eq!(number(low), 10);
        let none = frames.allocate_below(address(11), 1, dma);
        assert_eq!(none, Err(FrameError::OutOfMemory));
        let run = frames.allocate_below(address(600), 64, dma).expect("a run below");
        assert!(number(run) + 64 <= 600 && number(run) >= 10);
        let large = frames.allocate_below(address(6 * CHUNK + 1), CHUNK, dma).expect("two below");
        assert!(number(large) + CHUNK <= 6 * CHUNK);
        // The limit cuts a whole chunk in two.
        while frames.allocate_below(address(6 * CHUNK), 1, dma).is_ok() {}
        let cut = frames.allocate_below(address(6 * CHUNK + 16), 16, dma);
        assert_eq!(cut, Ok(frame(6 * CHUNK)));
        assert_eq!(frames.census().taken_for(dma), frames.statistics().used);
    });
}

#[test]
fn memory_above_is_taken_first() {
    with(&[0..4 * CHUNK], |frames| {
        assert_eq!(frames.allocate().map(number), Ok(3 * CHUNK));
        assert_eq!(frames.allocate_run(CHUNK).map(number), Ok(2 * CHUNK));
    });
}

#[test]
fn reserved_frames_are_neither_given_out_nor_freed() {
    with(&[0..3 * CHUNK], |frames| {
        let (start, end) = (PhysAddr::new(5 * PAGE_BYTES + 1), address(CHUNK + 3));
        assert_eq!(frames.reserve(start, end), Ok(()));
        assert_eq!(frames.statistics().used, CHUNK - 2);
        assert_eq!(frames.free(frame(5)), Err(FrameError::Reserved(frame(5))));
        assert_eq!(frames.free_run(frame(0), 8), Err(FrameError::DoubleFree(frame(0))));
        let again = frames.reserve(address(0), address(6));
        assert_eq!(again, Err(FrameError::Reserved(frame(5))));
        assert_eq!(frames.usage(frame(4)), Usage::Free, "a refused range reserves nothing");
        let beyond = frames.reserve(address(3 * CHUNK - 1), address(3 * CHUNK + 1));
        assert_eq!(beyond, Err(FrameError::Foreign(frame(3 * CHUNK))));
        let got = all_of(frames);
        assert!(got.iter().all(|number| !(5..CHUNK + 3).contains(number)));
        assert_eq!(frames.reserve(address(0), address(1)), Err(FrameError::Taken(frame(0))));
        let refused = frames.unreserve(address(4), address(8));
        assert_eq!(refused, Err(FrameError::Taken(frame(4))));
        assert_eq!(frames.unreserve(start, end), Ok(()));
        assert_eq!(all_of(frames).len() as u64, CHUNK - 2);
    });
}

#[test]
fn memory_can_be_added_later_and_twice() {
    with(&[0..100, 300..CHUNK + 8], |frames| {
        let before = all_of(frames).len() as u64;
        assert_eq!(frames.manage(address(50), address(310)), Ok(200));
        assert_eq!(frames.manage(address(0), address(CHUNK + 8)), Ok(0));
        assert_eq!(frames.statistics().free(), 200);
        assert_eq!(frames.statistics().total, before + 200);
        assert_eq!(all_of(frames), (100..300).collect());
    });
}

#[test]
fn census_counts_blocks_by_their_largest_order() {
    with(&[1..4, 8..12, CHUNK..5 * CHUNK], |frames| {
        let mut census = Census::default();
        census.free = 7 + 4 * CHUNK;
        for order in [0, 1, 2, 9, 10, 9] {
            census.free_by_order[order] += 1;
        }
        assert_eq!(frames.census(), census);
        assert_eq!((census.runs_of_order(9), census.runs_of_order(10)), (4, 1));
        let run = frames.allocate_run_for(CHUNK, Purpose::Heap).expect("one of four");
        let mut regions = Vec::new();
        frames.for_each_region(|region| {
            regions.push((number(region.first), region.count, region.usage));
        });
        let heap = Usage::Taken(Purpose::Heap);
        let expected = [
            (1, 3, Usage::Free),
            (8, 4, Usage::Free),
            (CHUNK, 3 * CHUNK, Usage::Free),
            (number(run), CHUNK, heap),
        ];
        assert_eq!(regions, expected);
        let line = frames.census().to_string();
        assert_eq!(line, "kernel heap 512, reserved 0, free 1543 with 3 runs of 2 MiB");
    });
}

#[test]
fn owned_frames_come_back_on_drop() {
    struct Shared<'a, 'm>(&'a RefCell<&'a mut ChunkFrames<'m>>);
    // SAFETY: gives out what `ChunkFrames` does; the frames are never accessed.
    unsafe impl FrameAllocator for Shared<'_, '_> {
        fn allocate(&mut self) -> Result<PhysFrame, FrameError> {
            self.allocate_for(Purpose::Other)
        }
        fn allocate_for(&mut self, purpose: Purpose) -> Result<PhysFrame, FrameError> {
            self.0.borrow_mut().allocate_for(purpose)
        }
        unsafe fn free(&mut self, frame: PhysFrame) -> Result<(), FrameError> {
            self.0.borrow_mut().free(frame)
        }
    }
    with(&[0..4], |frames| {
        let cell = RefCell::new(frames);
        let used = || cell.borrow().statistics().used;
        let owned = OwnedFrame::new_in(Shared(&cell), Purpose::User).expect("four are free");
        assert_eq!(cell.borrow().usage(owned.frame()), Usage::Taken(Purpose::User));
        let raw = owned.into_raw();
        assert_eq!(used(), 1);
        // SAFETY: just taken out of its owner.
        drop(unsafe { OwnedFrame::from_raw(raw, Shared(&cell)) });
        assert_eq!(used(), 0);
    });
}

/// After random churn, and half of all frames freed at random, every free frame
/// can be had.
#[test]
fn every_free_frame_can_be_had_after_churn() {
    with(&[100..10 * CHUNK + 3], |frames| {
        let mut taken: Vec<u64> = all_of(frames).into_iter().collect();
        let mut seed = 7_u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as usize
        };
        for _ in 0..20_000 {
            if taken.len() > 5 * FRAMES || random() % 2 == 0 {
                let one = taken.swap_remove(random() % taken.len());
                assert_eq!(frames.free(frame(one)), Ok(()));
            } else if let Ok(got) = frames.allocate() {
                taken.push(number(got));
            }
        }
        let free = frames.statistics().free();
        assert_eq!(all_of(frames).len() as u64, free);
    });
}

/// What the model knows of each frame from `base` on.
struct Model {
    base: u64,
    frames: Vec<Usage>,
    peak: u64,
}

impl Model {
    fn get(&self, number: u64) -> Usage {
        let index = number.checked_sub(self.base);
        index.and_then(|index| self.frames.get(index as usize)).copied().unwrap_or(Usage::Foreign)
    }

    fn set(&mut self, range: Range<u64>, usage: Usage) {
        self.frames[(range.start - self.base) as usize..(range.end - self.base) as usize]
            .fill(usage);
    }

    fn end(&self) -> u64 {
        self.base + self.frames.len() as u64
    }

    fn statistics(&self) -> Statistics {
        let count = |keep: fn(&Usage) -> bool| {
            self.frames.iter().filter(|usage| keep(usage)).count() as u64
        };
        let total = count(|usage| *usage != Usage::Foreign);
        Statistics { total, used: total - count(|usage| *usage == Usage::Free), peak: self.peak }
    }

    /// The error for the first frame of a range that is not as wanted.
    fn check(&self, range: Range<u64>, wanted: impl Fn(Usage) -> bool) -> Result<(), FrameError> {
        let other = range.map(|n| (frame(n), self.get(n))).find(|(_, usage)| !wanted(*usage));
        match other {
            None => Ok(()),
            Some((frame, Usage::Free)) => Err(FrameError::DoubleFree(frame)),
            Some((frame, Usage::Taken(_))) => Err(FrameError::Taken(frame)),
            Some((frame, Usage::Reserved)) => Err(FrameError::Reserved(frame)),
            Some((frame, Usage::Foreign)) => Err(FrameError::Foreign(frame)),
        }
    }

    fn has_run(&self, count: u64, limit: u64) -> bool {
        let aligned = (self.base..self.end()).filter(|number| number.is_multiple_of(count));
        aligned
            .take_while(|first| first + count <= limit.min(self.end()))
            .any(|first| (first..first + count).all(|n| self.get(n) == Usage::Free))
    }
}

#[derive(Clone, Debug)]
enum Step {
    Take(u32),
    Free(u64),
    TakeRun { order: u32, limit: Option<u64> },
    FreeRun { first: u64, order: u32 },
    Reserve { first: u64, count: u64 },
    Unreserve { first: u64, count: u64 },
    Manage { first: u64, count: u64 },
}

/// Numbers here count from the model's base.
fn steps(frames: u64) -> impl Strategy<Value = Vec<Step>> {
    let place = 0..frames + 20;
    let orders = prop_oneof![4 => 0u32..6, 2 => 6u32..10, 1 => 9u32..12];
    let limit = prop::option::of(place.clone());
    let range = (place.clone(), prop_oneof![0u64..40, 0..2 * CHUNK]);
    prop::collection::vec(
        prop_oneof![
            6 => (0u32..700).prop_map(Step::Take),
            8 => place.clone().prop_map(Step::Free),
            6 => (orders.clone(), limit).prop_map(|(order, limit)| Step::TakeRun { order, limit }),
            6 => (place, orders).prop_map(|(first, order)| Step::FreeRun { first, order }),
            2 => range.clone().prop_map(|(first, count)| Step::Reserve { first, count }),
            2 => range.clone().prop_map(|(first, count)| Step::Unreserve { first, count }),
            1 => range.prop_map(|(first, count)| Step::Manage { first, count }),
        ],
        1..60,
    )
}

/// Regions of an odd map: a hole, then frames, and so on.
fn odd_map() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let length = || prop_oneof![1u64..4, 1u64..700, Just(CHUNK), CHUNK..4 * CHUNK];
    prop::collection::vec((length(), length()), 1..6)
}

fn run_steps(base: u64, map: &[(u64, u64)], steps: &[Step]) -> Result<(), TestCaseError> {
    let mut model = Model { base, frames: Vec::new(), peak: 0 };
    let mut regions = Vec::new();
    for &(hole, length) in map {
        model.frames.extend((0..hole).map(|_| Usage::Foreign));
        regions.push(model.end()..model.end() + length);
        model.frames.extend((0..length).map(|_| Usage::Free));
    }
    // A chunk for every frame, so that holes can be managed later.
    let plan = Plan::new([address(base)..address(model.end())]);
    let mut storage = vec![MaybeUninit::uninit(); plan.words()];
    let mut frames = ChunkFrames::new(plan, &mut storage).expect("the plan fits");
    for region in regions {
        prop_assert_eq!(
            frames.manage(address(region.start), address(region.end)),
            Ok(region.end - region.start)
        );
    }
    for step in steps {
        run_step(&mut frames, &mut model, step)?;
        // One step only takes or only gives back, so the peak is at its end.
        model.peak = model.peak.max(model.statistics().used);
        prop_assert_eq!(frames.statistics(), model.statistics(), "after {:?}", step);
    }
    agree(&frames, &model)
}

fn run_step(frames: &mut ChunkFrames, model: &mut Model, step: &Step) -> Result<(), TestCaseError> {
    let purpose_of = |count: u64| Purpose::ALL[count as usize % Purpose::ALL.len()];
    let end = model.end();
    let clip = |first: u64, count: u64| {
        (model.base + first).min(end)..(model.base + first + count).min(end)
    };
    match *step {
        Step::Take(count) => {
            for _ in 0..count {
                let purpose = purpose_of(u64::from(count));
                match frames.allocate_for(purpose) {
                    Ok(got) => {
                        let got = number(got);
                        prop_assert_eq!(model.get(got), Usage::Free);
                        model.set(got..got + 1, Usage::Taken(purpose));
                    }
                    Err(error) => {
                        prop_assert_eq!(error, FrameError::OutOfMemory);
                        prop_assert!(!model.frames.contains(&Usage::Free));
                        break;
                    }
                }
            }
        }
        Step::Free(first) => {
            let one = model.base + first;
            let expected = model.check(one..one + 1, |usage| matches!(usage, Usage::Taken(_)));
            prop_assert_eq!(frames.free(frame(one)), expected);
            if expected.is_ok() {
                model.set(one..one + 1, Usage::Free);
            }
        }
        Step::TakeRun { order, limit } => {
            let (count, purpose) = (1 << order, purpose_of(u64::from(order)));
            let limit = limit.map(|limit| model.base + limit);
            let got = match limit {
                Some(limit) => frames.allocate_below(address(limit), count, purpose),
                None => frames.allocate_run_for(count, purpose),
            };
            let limit = limit.unwrap_or(u64::MAX);
            match got.map(number) {
                Ok(first) => {
                    prop_assert!(first.is_multiple_of(count) && first + count <= limit);
                    let free = model.check(first..first + count, |usage| usage == Usage::Free);
                    prop_assert_eq!(free, Ok(()));
                    model.set(first..first + count, Usage::Taken(purpose));
                }
                Err(error) => {
                    prop_assert_eq!(error, FrameError::OutOfMemory);
                    prop_assert!(!model.has_run(count, limit), "{} below {}", count, limit);
                }
            }
        }
        Step::FreeRun { first, order } => {
            let (first, count) = (model.base + first, 1 << order);
            let taken = |usage| matches!(usage, Usage::Taken(_));
            if !first.is_multiple_of(count) {
                let refused = frames.free_run(frame(first), count);
                prop_assert_eq!(refused, Err(FrameError::BadRun { count }));
            }
            let first = first / count * count;
            let expected = model.check(first..first + count, taken);
            prop_assert_eq!(frames.free_run(frame(first), count), expected);
            if expected.is_ok() {
                model.set(first..first + count, Usage::Free);
            }
        }
        Step::Reserve { first, count } => {
            let range = clip(first, count);
            let (start, end) = (address(range.start), address(range.end));
            let expected = model.check(range.clone(), |usage| usage == Usage::Free);
            prop_assert_eq!(frames.reserve(start, end), expected);
            if expected.is_ok() {
                model.set(range, Usage::Reserved);
            }
        }
        Step::Unreserve { first, count } => {
            let range = clip(first, count);
            let (start, end) = (address(range.start), address(range.end));
            let expected = model.check(range.clone(), |usage| usage == Usage::Reserved);
            prop_assert_eq!(frames.unreserve(start, end), expected);
            if expected.is_ok() {
                model.set(range, Usage::Free);
            }
        }
        Step::Manage { first, count } => {
            let range = clip(first, count);
            let new = range.clone().filter(|&n| model.get(n) == Usage::Foreign).collect::<Vec<_>>();
            let added = frames.manage(address(range.start), address(range.end));
            prop_assert_eq!(added, Ok(new.len() as u64));
            new.iter().for_each(|&n| model.frames[(n - model.base) as usize] = Usage::Free);
        }
    }
    Ok(())
}

/// Every frame is as the model has it, seen singly, by region and by count.
fn agree(frames: &ChunkFrames, model: &Model) -> Result<(), TestCaseError> {
    for number in model.base..model.end() {
        prop_assert_eq!(frames.usage(frame(number)), model.get(number), "frame {}", number);
    }
    let mut seen = model.base;
    let mut wrong = None;
    frames.for_each_region(|region| {
        let first = number(region.first);
        let skipped = model.check(seen..first, |usage| usage == Usage::Foreign).is_ok();
        seen = first + region.count;
        let right = model.check(first..seen, |usage| usage == region.usage).is_ok();
        if !(skipped && right) {
            wrong = Some(region);
        }
    });
    prop_assert_eq!(wrong, None);
    let census = frames.census();
    let statistics = frames.statistics();
    prop_assert_eq!(census.free, statistics.free());
    prop_assert_eq!(census.taken() + census.reserved, statistics.used);
    for order in 0..=MAX_ORDER {
        prop_assert_eq!(census.runs_of_order(order) > 0, model.has_run(1 << order, u64::MAX));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any sequence of operations on any map agrees with the model.
    #[test]
    fn agrees_with_a_model(map in odd_map(), steps in steps(4 * CHUNK)) {
        run_steps(0, &map, &steps)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    /// The same at the end of 1 TiB, where all levels of the trees are in use.
    #[test]
    fn agrees_with_a_model_below_1_tib(map in odd_map(), steps in steps(4 * CHUNK)) {
        let frames: u64 = map.iter().map(|(hole, length)| hole + length).sum();
        run_steps(TIB - frames, &map, &steps)?;
    }
}
