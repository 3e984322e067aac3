//! Any sequence of operations on any memory map, against a list that says what
//! each frame is.

use super::{CHUNK, TIB, address, frame, number};
use crate::frames::allocator::{ChunkFrames, Plan};
use crate::frames::census::MAX_ORDER;
use crate::frames::{FrameError, Purpose, Statistics, Usage};
use core::mem::MaybeUninit;
use core::ops::Range;
use proptest::prelude::*;

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
        1..if cfg!(miri) { 10 } else { 60 },
    )
}

/// Regions of an odd map: a hole, then frames, and so on.
fn odd_map() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let most = if cfg!(miri) { CHUNK + 1 } else { 4 * CHUNK };
    let length = move || prop_oneof![1u64..4, 1u64..700, Just(CHUNK), CHUNK..most];
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
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 200 }))]

    /// Any sequence of operations on any map agrees with the model.
    #[test]
    fn agrees_with_a_model(map in odd_map(), steps in steps(4 * CHUNK)) {
        run_steps(0, &map, &steps)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 20 }))]

    /// The same at the end of 1 TiB, where all levels of the trees are in use.
    #[test]
    fn agrees_with_a_model_below_1_tib(map in odd_map(), steps in steps(4 * CHUNK)) {
        let frames: u64 = map.iter().map(|(hole, length)| hole + length).sum();
        run_steps(TIB - frames, &map, &steps)?;
    }
}
