//! The list of holes: by hand, one step at a time, and then under random use.

use harness::{Check, Checked, Trial};
use m1_free_list_heap::{Heap, Hole};
use std::process::ExitCode;

const CHECKS: &[Check] = &[
    Check { name: "first-fit", body: first_fit },
    Check { name: "alignment", body: alignment },
    Check { name: "no-room", body: no_room },
    Check { name: "give-back", body: give_back },
    Check { name: "coalesce", body: coalesce },
    Check { name: "in-use", body: in_use },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

/// Rounds of each check.
const ROUNDS: u32 = 100;

fn shown(holes: &[Hole]) -> String {
    let texts: Vec<_> =
        holes.iter().map(|hole| format!("{}..{}", hole.start, hole.end())).collect();
    if texts.is_empty() { "no hole".to_owned() } else { texts.join(" ") }
}

/// Holes at random, with blocks between: `count` of them, their starts and lengths
/// multiples of `unit`.
fn holes(trial: &mut Trial, count: usize, unit: u64) -> Vec<Hole> {
    let mut end = 0;
    let holes: Vec<_> = (0..count)
        .map(|_| {
            let start = end + trial.random.within(1..=20) * unit;
            let bytes = trial.random.within(1..=20) * unit;
            end = start + bytes;
            Hole { start: start as usize, bytes: bytes as usize }
        })
        .collect();
    trial.given("holes", shown(&holes));
    holes
}

/// What the first fit leaves of `holes`.
fn taken(holes: &[Hole], bytes: usize, align: usize) -> Option<(usize, Vec<Hole>)> {
    let fits = |hole: &Hole| hole.start.next_multiple_of(align) + bytes <= hole.end();
    let index = holes.iter().position(fits)?;
    let hole = holes[index];
    let start = hole.start.next_multiple_of(align);
    let parts = [
        Hole { start: hole.start, bytes: start - hole.start },
        Hole { start: start + bytes, bytes: hole.end() - start - bytes },
    ];
    let mut left = holes.to_vec();
    left.splice(index..=index, parts.into_iter().filter(|part| part.bytes > 0));
    Some((start, left))
}

/// Compares the lists.
fn compare(trial: &mut Trial, got: &[Hole], expected: &[Hole]) -> Checked {
    if got == expected {
        return Ok(());
    }
    let sum = |holes: &[Hole]| holes.iter().map(|hole| hole.bytes).sum::<usize>();
    let mut sorted = got.to_vec();
    sorted.sort_unstable_by_key(|hole| hole.start);
    let message = if got.iter().any(|hole| hole.bytes == 0) {
        "a hole of 0 bytes is none: where a block fits exactly, nothing is left"
    } else if sorted != got {
        "the list is not in the order of addresses"
    } else if sorted.windows(2).any(|two| two[0].end() > two[1].start) {
        "two holes overlap"
    } else if sorted.windows(2).any(|two| two[0].end() == two[1].start) {
        "two holes are neighbours: they are one"
    } else if sum(got) < sum(expected) {
        "bytes got lost: they are in no hole and in no block"
    } else if sum(got) > sum(expected) {
        "bytes are in a hole and in a block: they would be given out twice"
    } else {
        "the list of holes"
    };
    trial.compared(shown(expected), shown(got));
    trial.fail(message)
}

/// One allocation from `holes`.
fn allocate(trial: &mut Trial, holes: &[Hole], bytes: usize, align: usize) -> Checked {
    trial.given("bytes", bytes);
    trial.given("align", align);
    let mut heap = Heap::with_holes(holes);
    let got = heap.allocate(bytes, align);
    let expected = taken(holes, bytes, align);
    match (got, expected) {
        (None, None) => compare(trial, heap.holes(), holes),
        (Some(start), None) => {
            trial.compared("None", format_args!("Some({start})"));
            trial.fail("it fits nowhere: the block would reach over the end of its hole")
        }
        (None, Some((start, _))) => {
            trial.compared(format_args!("Some({start})"), "None");
            trial.fail("there is a hole in which it fits")
        }
        (Some(start), Some((right, left))) => {
            if !start.is_multiple_of(align) {
                trial.compared(right, start);
                return trial.fail("the start is no multiple of `align`");
            }
            let inside = |hole: &Hole| start >= hole.start && start + bytes <= hole.end();
            if !holes.iter().any(inside) {
                trial.compared(right, start);
                return trial.fail("the block is not inside a hole: it lies over another block");
            }
            let message = if start > right {
                "the first hole in which it fits is taken, and its lowest place"
            } else {
                "the start of the block"
            };
            trial.equal(message, start, right)?;
            compare(trial, heap.holes(), &left)
        }
    }
}

/// Without alignment: the first hole that is large enough.
fn first_fit(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        trial.round();
        let count = trial.random.within(1..=6) as usize;
        let holes = holes(trial, count, 8);
        // Often exactly one of them.
        let bytes = trial.random.pick(&holes).bytes - trial.random.pick(&[0, 0, 1, 4]);
        allocate(trial, &holes, bytes, 1)?;
    }
    Ok(())
}

/// Holes that begin anywhere, and blocks that do not.
fn alignment(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        trial.round();
        let holes = holes(trial, 6, 5);
        let align = 1 << trial.random.within(1..=6);
        // Often exactly what one of the first holes has behind an aligned start.
        let hole = trial.random.pick(&holes[..2]);
        let fits = hole.end().saturating_sub(hole.start.next_multiple_of(align));
        let any = trial.random.within(1..=60) as usize;
        let bytes = if fits > 0 && trial.random.below(3) > 0 { fits } else { any };
        allocate(trial, &holes, bytes, align)?;
    }
    Ok(())
}

/// Nothing fits.
fn no_room(trial: &mut Trial) -> Checked {
    for round in 0..ROUNDS {
        trial.round();
        let count = trial.random.below(4) as usize;
        let holes = holes(trial, count, 8);
        let largest = holes.iter().map(|hole| hole.bytes).max().unwrap_or(0);
        let bytes = match round % 3 {
            0 => largest + 1,
            1 => usize::MAX - trial.random.below(8) as usize,
            _ => largest + trial.random.within(1..=1000) as usize,
        };
        trial.given("bytes", bytes);
        let mut heap = Heap::with_holes(&holes);
        let got = heap.allocate(bytes, 1 << trial.random.below(7));
        trial.equal("no hole is large enough", got, None)?;
        compare(trial, heap.holes(), &holes)?;
    }
    Ok(())
}

/// Blocks with blocks on both sides.
fn give_back(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        trial.round();
        let mut all = holes(trial, 7, 8);
        trial.round();
        let block = all.remove(trial.random.index(7));
        let count = trial.random.index(7);
        let before: Vec<_> = all.iter().copied().take(count).collect();
        free(trial, &before, block)?;
    }
    Ok(())
}

/// Frees `block` in a heap with `holes`.
fn free(trial: &mut Trial, holes: &[Hole], block: Hole) -> Checked {
    trial.given("holes", shown(holes));
    trial.given("block", format_args!("{}..{}", block.start, block.end()));
    let mut expected: Vec<Hole> = Vec::new();
    let mut all = holes.to_vec();
    all.push(block);
    all.sort_unstable_by_key(|hole| hole.start);
    for hole in all {
        match expected.last_mut() {
            Some(last) if last.end() == hole.start => last.bytes += hole.bytes,
            _ => expected.push(hole),
        }
    }
    let mut heap = Heap::with_holes(holes);
    heap.free(block.start, block.bytes);
    compare(trial, heap.holes(), &expected)
}

/// Blocks with a hole below, above, or both.
fn coalesce(trial: &mut Trial) -> Checked {
    for round in 0..ROUNDS {
        trial.round();
        let mut holes = holes(trial, 6, 8);
        trial.round();
        let index = 1 + trial.random.index(4);
        let whole = holes[index];
        let below = trial.random.within(1..=3) as usize;
        let above = trial.random.within(1..=3) as usize;
        let (below, above) = [(below, 0), (0, above), (below, above)][round as usize % 3];
        let parts = [
            Hole { start: whole.start, bytes: below },
            Hole { start: whole.end() - above, bytes: above },
        ];
        let block = Hole { start: whole.start + below, bytes: whole.bytes - below - above };
        holes.splice(index..=index, parts.into_iter().filter(|part| part.bytes > 0));
        free(trial, &holes, block)?;
    }
    Ok(())
}

/// Blocks come and go, and each keeps what is written to it.
fn in_use(trial: &mut Trial) -> Checked {
    const BYTES: usize = 4096;
    const BLOCKS: usize = 24;
    for _ in 0..4 {
        trial.round();
        let mut memory = vec![0_u8; BYTES];
        let mut heap = Heap::with_holes(&[Hole { start: 0, bytes: BYTES }]);
        let mut blocks: Vec<(usize, usize, u8)> = Vec::new();
        for step in 0..400 {
            trial.round();
            trial.given("step", step);
            let free = blocks.len() == BLOCKS || trial.random.below(5) < 2;
            if free && !blocks.is_empty() {
                let (start, bytes, mark) = blocks.swap_remove(trial.random.index(blocks.len()));
                trial.given("block", format_args!("{start}..{}", start + bytes));
                let kept = memory[start..start + bytes].iter().all(|byte| *byte == mark);
                trial.holds(kept, "somebody else wrote into a block")?;
                heap.free(start, bytes);
                continue;
            }
            let bytes = trial.random.within(1..=400) as usize;
            let align = 1 << trial.random.below(7);
            trial.given("bytes", bytes);
            trial.given("align", align);
            let before = heap.holes().to_vec();
            let start = heap.allocate(bytes, align);
            let expected = taken(&before, bytes, align).map(|(start, _)| start);
            trial.equal("the first fit among the holes", start, expected)?;
            let Some(start) = start else { continue };
            let mark = (step % 251) as u8;
            memory[start..start + bytes].fill(mark);
            blocks.push((start, bytes, mark));
        }
        trial.round();
        for (start, bytes, _) in blocks {
            heap.free(start, bytes);
        }
        let whole = [Hole { start: 0, bytes: BYTES }];
        if heap.holes() != whole {
            trial.compared(shown(&whole), shown(heap.holes()));
            return trial.fail("when all blocks are back, the heap is one hole again");
        }
    }
    Ok(())
}
