//! Free frames against a plain model: one byte of memory after the other.

use core::ops::Range;
use harness::{Check, Checked, Trial};
use m1_reserve_and_reclaim::{FRAME_BYTES, Frames, Kind, Region, at_boot, reclaimed, subtract};
use std::{collections::BTreeSet, process::ExitCode};

const CHECKS: &[Check] = &[
    Check { name: "nothing-taken", body: nothing_taken },
    Check { name: "one-hole", body: one_hole },
    Check { name: "many-holes", body: many_holes },
    Check { name: "at-boot", body: boot },
    Check { name: "reclaimed", body: reclaim },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

const ROUNDS: u32 = 200;
/// The memory of the model, in frames.
const MEMORY: u64 = 64;

/// What should be free: frames wholly inside, touched by nothing that is taken.
fn model(bytes: &Range<u64>, taken: &[Range<u64>]) -> BTreeSet<u64> {
    let touches = |frame: u64, range: &Range<u64>| {
        !range.is_empty()
            && range.start < (frame + 1) * FRAME_BYTES
            && range.end > frame * FRAME_BYTES
    };
    let inside =
        |frame: u64| bytes.start <= frame * FRAME_BYTES && (frame + 1) * FRAME_BYTES <= bytes.end;
    (0..MEMORY)
        .filter(|frame| inside(*frame) && !taken.iter().any(|range| touches(*frame, range)))
        .collect()
}

fn shown(bytes: &Range<u64>) -> String {
    format!("{:#x}..{:#x}", bytes.start, bytes.end)
}

fn list(frames: &BTreeSet<u64>) -> String {
    let texts: Vec<String> = frames.iter().map(u64::to_string).collect();
    if texts.is_empty() { "none".to_owned() } else { texts.join(" ") }
}

/// Compares what came with what should be free.
fn compare(
    trial: &mut Trial,
    got: &Frames,
    expected: &BTreeSet<u64>,
    taken: &[Range<u64>],
) -> Checked {
    let mut seen = BTreeSet::new();
    for range in got.iter() {
        for frame in range {
            if frame >= MEMORY {
                return trial.fail(format_args!("frame {frame} lies behind the end of the memory"));
            }
            if !seen.insert(frame) {
                return trial.fail(format_args!("frame {frame} is free twice"));
            }
        }
    }
    if seen == *expected {
        return Ok(());
    }
    trial.compared(list(expected), list(&seen));
    if let Some(frame) = seen.difference(expected).next() {
        let holds = |range: &&Range<u64>| {
            range.start < (frame + 1) * FRAME_BYTES && range.end > frame * FRAME_BYTES
        };
        return match taken.iter().find(holds) {
            Some(range) => trial.fail(format_args!(
                "frame {frame} is given out, but a part of it is taken by {}",
                shown(range)
            )),
            None => {
                trial.fail(format_args!("frame {frame} is given out, but it is not free memory"))
            }
        };
    }
    let lost = expected.difference(&seen).next().copied().unwrap_or_default();
    trial.fail(format_args!("frame {lost} is free, and lost"))
}

/// A range of bytes inside the memory; its ends are odd half of the time.
fn range(trial: &mut Trial, frames_max: u64) -> Range<u64> {
    let mut odd = |frame: u64| match trial.random.flip() {
        true => frame * FRAME_BYTES,
        false => frame * FRAME_BYTES + trial.random.below(FRAME_BYTES),
    };
    let first = odd(3);
    let start = first + trial.random.below(MEMORY - 8) * FRAME_BYTES;
    let length = trial.random.below(frames_max * FRAME_BYTES);
    start..(start + length).min(MEMORY * FRAME_BYTES)
}

fn round(trial: &mut Trial, bytes: Range<u64>, taken: &[Range<u64>]) -> Checked {
    trial.given("bytes", shown(&bytes));
    for range in taken {
        trial.given("taken", shown(range));
    }
    let mut free = Frames::new();
    subtract(bytes.clone(), taken, &mut free);
    compare(trial, &free, &model(&bytes, taken), taken)
}

fn nothing_taken(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        trial.round();
        let bytes = range(trial, 40);
        round(trial, bytes, &[])?;
    }
    Ok(())
}

fn one_hole(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        trial.round();
        let (bytes, hole) = (range(trial, 60), range(trial, 20));
        round(trial, bytes, &[hole])?;
    }
    Ok(())
}

fn many_holes(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        trial.round();
        let bytes = range(trial, 60);
        let count = trial.random.within(2..=5);
        let mut holes: Vec<Range<u64>> = (0..count).map(|_| range(trial, 12)).collect();
        if trial.random.flip() {
            let somewhere = bytes.start + FRAME_BYTES;
            holes.push(somewhere..somewhere);
        }
        trial.random.shuffle(&mut holes);
        round(trial, bytes, &holes)?;
    }
    Ok(())
}

/// A memory map of neighbours, and something taken across it.
fn map(trial: &mut Trial) -> (Vec<Region>, Vec<Range<u64>>) {
    trial.round();
    let (mut map, mut start) = (Vec::new(), 0);
    for _ in 0..6 {
        let end =
            start + trial.random.within(1..=8) * FRAME_BYTES + trial.random.below(FRAME_BYTES);
        let kind = trial.random.pick(&[Kind::Usable, Kind::LoaderReclaimable, Kind::Reserved]);
        map.push(Region { bytes: start..end, kind });
        start = end;
    }
    let taken = vec![range(trial, 10), range(trial, 3)];
    for range in &taken {
        trial.given("taken", shown(range));
    }
    let texts: Vec<String> =
        map.iter().map(|region| format!("{:?} {}", region.kind, shown(&region.bytes))).collect();
    trial.given("map", texts.join(", "));
    (map, taken)
}

fn of_kind(kind: Kind, map: &[Region], taken: &[Range<u64>]) -> BTreeSet<u64> {
    map.iter()
        .filter(|region| region.kind == kind)
        .flat_map(|region| model(&region.bytes, taken))
        .collect()
}

fn boot(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let (map, taken) = map(trial);
        let mut free = Frames::new();
        at_boot(&map, &taken, &mut free);
        let loaders = of_kind(Kind::LoaderReclaimable, &map, &taken);
        let early = free.iter().flatten().find(|frame| loaders.contains(frame));
        if let Some(frame) = early {
            return trial.fail(format_args!(
                "frame {frame} still holds the loader's tables, on which the kernel runs"
            ));
        }
        compare(trial, &free, &of_kind(Kind::Usable, &map, &taken), &taken)?;
    }
    Ok(())
}

fn reclaim(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let (map, taken) = map(trial);
        let mut free = Frames::new();
        reclaimed(&map, &taken, &mut free);
        let before = of_kind(Kind::Usable, &map, &taken);
        if let Some(frame) = free.iter().flatten().find(|frame| before.contains(frame)) {
            return trial.fail(format_args!(
                "frame {frame} was given out at boot already: it would have two owners"
            ));
        }
        compare(trial, &free, &of_kind(Kind::LoaderReclaimable, &map, &taken), &taken)?;
    }
    Ok(())
}
