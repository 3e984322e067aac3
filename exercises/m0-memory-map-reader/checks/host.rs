//! The three questions, about maps made up at random.

use harness::{Check, Checked, Random, Trial};
use m0_memory_map_reader::{Entry, Kind, holes, largest_usable, usable_bytes};
use std::fmt;
use std::ops::Range;
use std::process::ExitCode;

const CHECKS: &[Check] = &[
    Check { name: "usable-total", body: usable_total },
    Check { name: "largest", body: largest },
    Check { name: "holes", body: find_holes },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

const PAGE: u64 = 4096;
const TAKEN: [Kind; 4] = [Kind::Reserved, Kind::Acpi, Kind::Loader, Kind::Kernel];

/// A map of up to `most` entries side by side, most of them next to each other.
fn side_by_side(random: &mut Random, most: u64) -> Vec<Entry> {
    let mut map = Vec::new();
    let mut base = random.below(3) * PAGE;
    for _ in 0..random.within(0..=most) {
        let kind = if random.flip() { Kind::Usable } else { random.pick(&TAKEN) };
        let length = random.within(1..=9) * PAGE;
        map.push(Entry { base, length, kind });
        let gap = if random.below(3) == 0 { random.within(1..=5) * PAGE } else { 0 };
        base += length + gap;
    }
    map
}

/// A map with an entry of each kind.
fn one_of_each(random: &mut Random) -> Vec<Entry> {
    let mut kinds = [Kind::Usable, Kind::Reserved, Kind::Acpi, Kind::Loader, Kind::Kernel];
    random.shuffle(&mut kinds);
    let mut base = 0;
    let mut entry = |kind| {
        let length = random.within(1..=9) * PAGE;
        base += length;
        Entry { base: base - length, length, kind }
    };
    kinds.map(&mut entry).to_vec()
}

/// As [`side_by_side`], with entries that are not usable on top of others that are not.
fn overlapping(random: &mut Random, most: u64) -> Vec<Entry> {
    let mut map = side_by_side(random, most);
    for below in map.clone() {
        if below.kind != Kind::Usable && random.flip() {
            let base = below.base + random.below(below.length / PAGE) * PAGE;
            let length = random.within(1..=(below.end() - base) / PAGE) * PAGE;
            map.push(Entry { base, length, kind: random.pick(&TAKEN) });
        }
    }
    map.sort_by_key(|entry| entry.base);
    map
}

/// A map for people: in units of pages.
struct Shown<'a>(&'a [Entry]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, entry) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let Entry { base, kind, .. } = entry;
            write!(f, "{comma}{base:#x}..{:#x} {kind:?}", entry.end())?;
        }
        f.write_str("]")
    }
}

/// Rounds with small maps first: they explain best.
fn rounds() -> impl Iterator<Item = u64> {
    (0..300).map(|round| 1 + round / 40)
}

fn total(map: &[Entry], counts: impl Fn(&Entry) -> bool) -> u64 {
    map.iter().filter(|&entry| counts(entry)).map(|entry| entry.length).sum()
}

fn usable_total(trial: &mut Trial) -> Checked {
    for (round, most) in rounds().enumerate() {
        trial.round();
        let map = match round {
            0 => one_of_each(&mut trial.random),
            _ => side_by_side(&mut trial.random, most),
        };
        trial.given("map", Shown(&map));
        let got = usable_bytes(&map);
        let expected = total(&map, |entry| entry.kind == Kind::Usable);
        let message = if got == expected {
            ""
        } else if got == total(&map, |_| true) {
            "all entries were added up: only `Usable` ones count"
        } else if got == total(&map, |entry| matches!(entry.kind, Kind::Usable | Kind::Loader)) {
            "the loader's memory was counted: it is still in use"
        } else {
            "the lengths of all usable entries, in bytes"
        };
        trial.equal_hex(message, got, expected)?;
    }
    // More than 32 bits.
    trial.round();
    let base = 1 << 32;
    let length = trial.random.within(5..=64) << 30;
    let map = [Entry { base, length, kind: Kind::Usable }];
    trial.given("map", Shown(&map));
    trial.equal_hex("a machine with much RAM", usable_bytes(&map), length)
}

fn reference_largest(map: &[Entry]) -> Option<Entry> {
    // The last of equals, from the end.
    map.iter().rev().filter(|entry| entry.kind == Kind::Usable).max_by_key(|e| e.length).copied()
}

fn largest(trial: &mut Trial) -> Checked {
    for most in rounds() {
        trial.round();
        let map = side_by_side(&mut trial.random, most);
        trial.given("map", Shown(&map));
        let (got, expected) = (largest_usable(&map), reference_largest(&map));
        let message = match (got, expected) {
            (Some(got), _) if got.kind != Kind::Usable => "that entry is not usable",
            (Some(got), Some(expected)) if got.length == expected.length => {
                "another entry is as large and lies lower"
            }
            (Some(_), None) => "nothing in this map is usable",
            _ => "the largest usable entry",
        };
        trial.equal(message, got, expected)?;
    }
    Ok(())
}

fn reference_holes(map: &[Entry]) -> Vec<Range<u64>> {
    let mut found = Vec::new();
    for pair in 1..map.len() {
        let reached = map[..pair].iter().map(Entry::end).max().unwrap_or(0);
        if map[pair].base > reached {
            found.push(reached..map[pair].base);
        }
    }
    found
}

/// Ranges for people.
fn shown(ranges: &[Range<u64>]) -> String {
    let ranges: Vec<String> = ranges.iter().map(|hole| format!("{hole:#x?}")).collect();
    format!("[{}]", ranges.join(", "))
}

fn find_holes(trial: &mut Trial) -> Checked {
    for most in rounds() {
        trial.round();
        let map = overlapping(&mut trial.random, most);
        trial.given("map", Shown(&map));
        let mut got = Vec::new();
        holes(&map, &mut |hole| got.push(hole));
        let expected = reference_holes(&map);
        if got == expected {
            continue;
        }
        let covered = |hole: &&Range<u64>| {
            map.iter().any(|entry| hole.start < entry.end() && entry.base < hole.end)
        };
        let below = |hole: &Range<u64>| map.first().is_some_and(|first| hole.end <= first.base);
        let above = |hole: &Range<u64>| map.iter().all(|entry| hole.start >= entry.end());
        trial.compared(shown(&expected), shown(&got));
        return if let Some(empty) = got.iter().find(|hole| hole.start >= hole.end) {
            trial.fail(format_args!(
                "{empty:#x?} is empty: entries that touch or overlap leave no hole between them"
            ))
        } else if let Some(hole) = got.iter().find(covered) {
            trial.fail(format_args!(
                "{hole:#x?} is no hole: an earlier entry reaches into it or past it"
            ))
        } else if let Some(hole) = got.iter().find(|&hole| below(hole)) {
            trial.fail(format_args!("{hole:#x?} lies below the first entry, not between two"))
        } else if let Some(hole) = got.iter().find(|&hole| above(hole)) {
            trial.fail(format_args!("{hole:#x?} lies above the last entry, not between two"))
        } else {
            trial.fail("the ranges between entries that no entry covers, lowest first")
        };
    }
    Ok(())
}
