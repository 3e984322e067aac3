//! Runs, limits, and ranges that are reserved or added.

use super::{CHUNK, address, all_of, frame, number, with};
use crate::frames::{FrameError, Purpose, Usage};
use crate::layout::PAGE_BYTES;
use x86_64::PhysAddr;

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
