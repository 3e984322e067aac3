//! Address spaces beside each other, from the captured lists of regions.

use crate::transcript::{
    normal::normal,
    record::{PHYSICAL, VIRTUAL},
};
use anyhow::{Context, Result, bail};
use serde::Serialize;
use similar::{Algorithm, DiffOp, capture_diff_slices};
use std::collections::BTreeMap;

/// A range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Region {
    pub start: u64,
    /// One past the last address.
    pub end: u64,
    /// `r-xu-`; empty for physical memory, which has none.
    pub rights: String,
    pub name: String,
}

/// What a milestone says of memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Map {
    pub virtual_memory: Vec<Region>,
    pub physical_memory: Vec<Region>,
}

/// A row of two maps: at least one side is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pair {
    pub left: Option<Region>,
    pub right: Option<Region>,
}

/// Reads a captured list.
pub fn parse(text: &str) -> Result<Map> {
    let mut map = Map::default();
    let mut physical = None;
    for line in text.lines() {
        match (line, physical) {
            (VIRTUAL, _) => physical = Some(false),
            (PHYSICAL, _) => physical = Some(true),
            (_, Some(true)) => map.physical_memory.push(region(line, false)?),
            (_, Some(false)) => map.virtual_memory.push(region(line, true)?),
            (_, None) => bail!("`{line}` stands before any heading"),
        }
    }
    Ok(map)
}

fn region(line: &str, with_rights: bool) -> Result<Region> {
    let read = || {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let number = |text: &str| u64::from_str_radix(text.strip_prefix("0x")?, 16).ok();
        let (rights, name) = if with_rights { rest.split_once(' ')? } else { ("", rest) };
        let (rights, name) = (rights.to_owned(), name.to_owned());
        Some(Region { start: number(start)?, end: number(end)?, rights, name })
    };
    read().with_context(|| format!("`{line}` is no region"))
}

impl Region {
    /// Its size for people.
    pub fn size(&self) -> String {
        let kib = (self.end - self.start) / 1024;
        match kib {
            0..10_240 => format!("{kib} KiB"),
            10_240..10_485_760 => format!("{} MiB", kib / 1024),
            _ => format!("{} GiB", kib / 1024 / 1024),
        }
    }

    /// What makes it the same region in another milestone.
    fn key(&self) -> String {
        normal(&format!("{:#x} {} {}", self.start, self.rights, self.name))
    }
}

/// Puts two lists beside each other.
pub fn align(left: &[Region], right: &[Region]) -> Vec<Pair> {
    let keys = |regions: &[Region]| regions.iter().map(Region::key).collect::<Vec<_>>();
    let mut pairs = Vec::new();
    for op in capture_diff_slices(Algorithm::Lcs, &keys(left), &keys(right)) {
        let (old, new) = (&left[op.old_range()], &right[op.new_range()]);
        match op {
            DiffOp::Equal { .. } => pairs.extend(
                old.iter()
                    .zip(new)
                    .map(|(l, r)| Pair { left: Some(l.clone()), right: Some(r.clone()) }),
            ),
            _ => {
                pairs.extend(old.iter().map(|l| Pair { left: Some(l.clone()), right: None }));
                pairs.extend(new.iter().map(|r| Pair { left: None, right: Some(r.clone()) }));
            }
        }
    }
    pairs
}

/// Puts two lists beside each other by address alone: what was usable RAM to one
/// milestone is free frames to the next.
pub fn merge(left: &[Region], right: &[Region]) -> Vec<Pair> {
    let mut pairs: BTreeMap<u64, Pair> = BTreeMap::new();
    for one in left {
        pairs.insert(one.start, Pair { left: Some(one.clone()), right: None });
    }
    for one in right {
        let pair = pairs.entry(one.start).or_insert(Pair { left: None, right: None });
        pair.right = Some(one.clone());
    }
    pairs.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[virtual]\n\
        0x0000000000010000-0x0000000000011000 r-xu- program's code\n\
        0xffffffff80000000-0xffffffff8001e000 r-x-g kernel text\n\
        [physical]\n0x0000000000001000-0x000000000009f000 usable\n";

    #[test]
    fn captured_lists_are_read() {
        let map = parse(TEXT).expect("a map");
        assert_eq!(map.virtual_memory.len(), 2);
        assert_eq!(map.virtual_memory[1].rights, "r-x-g");
        assert_eq!(map.physical_memory[0].size(), "632 KiB");
        assert!(parse("0x0-0x1 a").is_err() && parse("[virtual]\nx").is_err());
    }

    #[test]
    fn physical_ranges_meet_at_their_first_address() {
        let region =
            |start, name: &str| Region { start, end: 9, rights: "".into(), name: name.into() };
        let pairs = merge(&[region(1, "a"), region(3, "b")], &[region(2, "c"), region(3, "d")]);
        let shape: Vec<(bool, bool)> =
            pairs.iter().map(|pair| (pair.left.is_some(), pair.right.is_some())).collect();
        assert_eq!(shape, [(true, false), (false, true), (true, true)]);
    }

    #[test]
    fn a_region_that_only_grew_is_the_same() {
        let left = parse(TEXT).expect("a map").virtual_memory;
        let mut right = left[1..].to_vec();
        right[0].end += 0x3000;
        let pairs = align(&left, &right);
        assert_eq!(pairs.len(), 2);
        assert!(pairs[0].right.is_none());
        assert!(pairs[1].left.is_some() && pairs[1].right.is_some());
    }
}
