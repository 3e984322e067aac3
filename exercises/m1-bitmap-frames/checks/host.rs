//! The allocator against a plain model.

use harness::{Check, Checked, Trial};
use m1_bitmap_frames::{Bitmap, FreeError};
use std::{collections::BTreeSet, process::ExitCode};

const CHECKS: &[Check] = &[
    Check { name: "each-once", body: each_once },
    Check { name: "takes-back", body: takes_back },
    Check { name: "next-fit", body: next_fit },
    Check { name: "double-free", body: double_free },
    Check { name: "foreign-frame", body: foreign_frame },
    Check { name: "long-run", body: long_run },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

/// Words for the largest count, and one that must stay untouched.
const WORDS: usize = 5;
/// What the words hold before: `new` clears them.
const JUNK: u64 = 0xdead_beef_dead_beef;

/// First frame and count, at random; seldom a multiple of 64.
fn place(trial: &mut Trial) -> (u64, u64) {
    trial.round();
    let first = trial.random.within(1..=1 << 36);
    let count = trial.random.within(65..=256);
    trial.given("first", first);
    trial.given("count", count);
    (first, count)
}

/// Takes a frame, and checks that it is one of ours and was free.
fn take(
    trial: &mut Trial,
    bitmap: &mut Bitmap,
    taken: &mut BTreeSet<u64>,
    (first, count): (u64, u64),
) -> Result<u64, harness::Failed> {
    let failed = |checked: Checked| checked.map(|()| 0);
    let Some(frame) = bitmap.allocate() else {
        let free = count - taken.len() as u64;
        let message = format!("no frame came, but {free} of {count} are free");
        return failed(trial.fail(message));
    };
    if frame < first || frame >= first + count {
        trial.given("frame", frame);
        let message = "a frame that the allocator does not have: the last word has bits to spare";
        return failed(trial.fail(message));
    }
    if !taken.insert(frame) {
        trial.given("frame", frame);
        return failed(trial.fail("this frame has an owner already"));
    }
    Ok(frame)
}

fn each_once(trial: &mut Trial) -> Checked {
    for _ in 0..20 {
        let place = place(trial);
        let mut words = [JUNK; WORDS];
        let mut bitmap = Bitmap::new(&mut words, place.0, place.1);
        let mut taken = BTreeSet::new();
        for _ in 0..place.1 {
            take(trial, &mut bitmap, &mut taken, place)?;
        }
        if let Some(frame) = bitmap.allocate() {
            trial.given("frame", frame);
            return trial.fail(match taken.contains(&frame) {
                true => "this frame has an owner already",
                false => {
                    "a frame that the allocator does not have: the last word has bits to spare"
                }
            });
        }
        trial.equal("free frames, when all are taken", bitmap.free_count(), 0)?;
    }
    Ok(())
}

fn takes_back(trial: &mut Trial) -> Checked {
    for _ in 0..20 {
        let place = place(trial);
        let mut words = [JUNK; WORDS];
        let mut bitmap = Bitmap::new(&mut words, place.0, place.1);
        trial.equal("free frames at the beginning", bitmap.free_count(), place.1)?;
        let mut taken = BTreeSet::new();
        while (taken.len() as u64) < place.1 {
            take(trial, &mut bitmap, &mut taken, place)?;
        }
        let back = place.0 + trial.random.below(place.1);
        trial.given("freed", back);
        trial.equal("giving back a frame that was taken", bitmap.free(back), Ok(()))?;
        trial.equal("free frames, after one came back", bitmap.free_count(), 1)?;
        trial.equal("the only free frame", bitmap.allocate(), Some(back))?;
    }
    Ok(())
}

fn next_fit(trial: &mut Trial) -> Checked {
    for _ in 0..20 {
        let place = place(trial);
        let (first, count) = place;
        let mut words = [JUNK; WORDS];
        let mut bitmap = Bitmap::new(&mut words, first, count);
        let mut taken = BTreeSet::new();
        let half = trial.random.within(2..=count / 2);
        let mut last = 0;
        for _ in 0..half {
            last = take(trial, &mut bitmap, &mut taken, place)?;
        }
        let back = first + trial.random.below(last - first);
        trial.given("freed", back);
        trial.given("taken last", last);
        if let Err(error) = bitmap.free(back) {
            return trial.fail(format_args!("giving back a frame that was taken: {error:?}"));
        }
        let got = bitmap.allocate();
        if got == Some(back) {
            return trial.fail("that is first-fit: the search began at the first frame again");
        }
        trial.equal("the frame behind the one taken last", got, Some(last + 1))?;
        for _ in half + 1..count {
            bitmap.allocate();
        }
        trial.equal("behind the last frame comes the first", bitmap.allocate(), Some(back))?;
    }
    Ok(())
}

fn double_free(trial: &mut Trial) -> Checked {
    for _ in 0..20 {
        let place = place(trial);
        let mut words = [JUNK; WORDS];
        let mut bitmap = Bitmap::new(&mut words, place.0, place.1);
        let Some(frame) = bitmap.allocate() else { return trial.fail("no frame came") };
        let never = place.0 + place.1 - 1;
        trial.given("frame", frame);
        trial.equal("the first time", bitmap.free(frame), Ok(()))?;
        let wrong = "the second time: the frame could have a new owner by then";
        trial.equal(wrong, bitmap.free(frame), Err(FreeError::AlreadyFree))?;
        trial.equal("a frame never taken", bitmap.free(never), Err(FreeError::AlreadyFree))?;
        trial.equal("free frames", bitmap.free_count(), place.1)?;
    }
    Ok(())
}

fn foreign_frame(trial: &mut Trial) -> Checked {
    for _ in 0..20 {
        let (first, count) = place(trial);
        let mut words = [JUNK; WORDS];
        let mut bitmap = Bitmap::new(&mut words, first, count);
        for frame in [first - 1, 0, first + count, first + count + 1, first + 64 * 64, u64::MAX] {
            trial.given("frame", frame);
            let message = "a frame that the allocator never had";
            trial.equal(message, bitmap.free(frame), Err(FreeError::Foreign))?;
            trial.round();
        }
    }
    Ok(())
}

fn long_run(trial: &mut Trial) -> Checked {
    let place = place(trial);
    let mut words = [JUNK; WORDS];
    let mut bitmap = Bitmap::new(&mut words, place.0, place.1);
    let mut taken = BTreeSet::new();
    for _ in 0..5000 {
        let full = taken.len() as u64 == place.1;
        if full || (!taken.is_empty() && trial.random.below(5) < 2) {
            let at = trial.random.index(taken.len());
            let frame = taken.iter().nth(at).copied().unwrap_or_default();
            taken.remove(&frame);
            trial.equal("giving back a taken frame", bitmap.free(frame), Ok(()))?;
        } else {
            take(trial, &mut bitmap, &mut taken, place)?;
        }
        trial.equal("free frames", bitmap.free_count(), place.1 - taken.len() as u64)?;
    }
    Ok(())
}
