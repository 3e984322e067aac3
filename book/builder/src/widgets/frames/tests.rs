//! Every step's figures against what is drawn, and what the story promises.

use super::*;

/// A step as the page gets it.
struct Step {
    value: Value,
    /// First, count, kind.
    regions: Vec<[u64; 3]>,
}

impl Step {
    fn figure(&self, name: &str) -> u64 {
        self.value["figures"][name].as_u64().expect("a figure")
    }

    fn count(&self, wanted: impl Fn(u64) -> bool) -> u64 {
        self.regions.iter().filter(|[.., kind]| wanted(*kind)).map(|[_, count, _]| count).sum()
    }

    /// What each frame is.
    fn cells(&self) -> Vec<Option<u64>> {
        let mut cells = vec![None; map::END as usize];
        for [first, count, kind] in &self.regions {
            cells[*first as usize..(first + count) as usize].fill(Some(*kind));
        }
        cells
    }
}

fn triples(value: &Value) -> Vec<[u64; 3]> {
    serde_json::from_value(value.clone()).expect("three numbers each")
}

fn steps() -> Vec<Step> {
    let data = data().expect("the story holds");
    let steps = data["steps"].as_array().expect("steps").iter();
    steps.map(|value| Step { value: value.clone(), regions: triples(&value["regions"]) }).collect()
}

#[test]
fn the_figures_are_those_of_the_cells() {
    for (index, step) in steps().iter().enumerate() {
        let free = step.count(|kind| kind == 0);
        assert_eq!(step.figure("free"), free, "step {index}");
        assert_eq!(step.figure("used"), step.count(|kind| kind != 0), "step {index}");
        assert_eq!(step.figure("total"), step.count(|_| true), "step {index}");
        assert!(step.figure("longest") <= free && step.figure("used") <= step.figure("peak"));
    }
}

#[test]
fn regions_are_sorted_and_apart_and_inside_the_map() {
    let map = map::map();
    let ours = ["usable", "bootloader reclaimable"];
    let usable = |frame: u64| {
        map.iter().any(|region| {
            let (first, count) = (region[0].as_u64(), region[1].as_u64());
            let (first, count) = (first.expect("a number"), count.expect("a number"));
            (first..first + count).contains(&frame)
                && region[2].as_str().is_some_and(|kind| ours.contains(&kind))
        })
    };
    for step in steps() {
        let mut end = 0;
        for [first, count, kind] in step.regions {
            assert!(first >= end && count > 0 && (kind as usize) < map::kinds().len());
            end = first + count;
            assert!(usable(first) && usable(end - 1), "frames {first:#x} to {end:#x}");
        }
    }
}

#[test]
fn what_changed_is_what_differs() {
    let mut before = vec![None; map::END as usize];
    for step in steps() {
        let after = step.cells();
        let mut changed = vec![false; after.len()];
        let ranges: Vec<[usize; 2]> =
            serde_json::from_value(step.value["changed"].clone()).expect("pairs");
        for [first, count] in ranges {
            changed[first..first + count].fill(true);
        }
        for (frame, is_marked) in changed.into_iter().enumerate() {
            assert_eq!(is_marked, before[frame] != after[frame], "frame {frame:#x}");
        }
        before = after;
    }
}

#[test]
fn a_refusal_changes_nothing_and_each_kind_is_shown() {
    let steps = steps();
    let refused: Vec<&Step> = steps.iter().filter(|step| step.value["ok"] == false).collect();
    for step in &refused {
        assert_eq!(step.value["changed"], json!([]), "{}", step.value["call"]);
    }
    let answers: Vec<&str> =
        refused.iter().filter_map(|one| one.value["answer"].as_str()).collect();
    for part in ["free already", "not belong", "is reserved", "out of physical", "aligned run"] {
        assert!(answers.iter().any(|answer| answer.contains(part)), "nothing is refused: {part}");
    }
    assert!((30..=42).contains(&steps.len()), "{} steps", steps.len());
    assert!(steps.iter().all(|step| step.value["said"].as_str().is_some_and(|s| s.len() > 40)));
}
