//! The frame allocator over made-up memory maps.

#![allow(clippy::single_range_in_vec_init)] // a map of one region

mod model;
mod runs;

use super::allocator::{ChunkFrames, Plan};
use super::census::Census;
use super::chunk::FRAMES;
use super::{FrameAllocator, FrameError, OwnedFrame, Purpose, Statistics, Usage};
use crate::layout::PAGE_BYTES;
use core::mem::MaybeUninit;
use core::ops::Range;
use std::cell::RefCell;
use std::collections::BTreeSet;
use x86_64::PhysAddr;
use x86_64::structures::paging::PhysFrame;

/// Frames of 1 TiB; of 16 GiB for Miri, which would take minutes for its records.
const TIB: u64 = if cfg!(miri) { 1 << 22 } else { 1 << 28 };
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
    let many = if cfg!(miri) { 70 } else { 4 * CHUNK };
    for regions in [
        &[3..5, 130..131][..],
        &[0..1, 511..513, 1023..1024, 1025..1026, 4000..4096],
        &[100..100 + many],
        &[TIB - many.min(600)..TIB],
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
#[cfg_attr(miri, ignore = "too long")]
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
