//! What is drawn is what the heap has.

use super::{
    rig::{CACHED, FREE, UNTOUCHED},
    *,
};
use m1_memory::heap::{
    bins, cache,
    page_map::{Page, Run},
};
use std::collections::BTreeSet;

/// Calls `visit` with the rig before and after each step.
fn walk(mut visit: impl FnMut(usize, Act, &[View], &Rig)) {
    let mut rig = Rig::new();
    for (index, step) in STEPS.iter().enumerate() {
        let before = rig.runs().expect("sound");
        perform(&mut rig, step.act).expect("as the script says");
        visit(index, step.act, &before, &rig);
    }
}

fn is_name(block: char) -> bool {
    ![CACHED, FREE, UNTOUCHED].contains(&block)
}

#[test]
fn runs_cover_their_pages_once() {
    walk(|index, _, _, rig| {
        let mut end = Page(1);
        for View { run, .. } in rig.runs().expect("sound") {
            assert_eq!(run.first, end, "step {index}");
            assert!(run.pages > 0, "step {index}");
            end = run.end();
        }
        assert!(end.0 <= PAGES, "step {index}");
    });
}

#[test]
fn memory_is_behind_what_is_drawn_as_memory() {
    walk(|index, _, _, rig| {
        let mapped = rig.mapped();
        let mut wanted = vec![false; PAGES as usize];
        for View { run, kind, .. } in rig.runs().expect("sound") {
            wanted[0] = true;
            let pages = run.first.0 as usize..run.end().0 as usize;
            wanted[pages].fill(kind != Kind::Unmapped);
        }
        assert_eq!(mapped, wanted, "step {index}");
        let bytes = mapped.iter().filter(|&&on| on).count() * PAGE;
        assert_eq!(rig.statistics().mapped_bytes, bytes as u64, "step {index}");
    });
}

#[test]
fn blocks_lie_apart_and_in_their_runs() {
    walk(|index, _, _, rig| {
        let mut end = 0;
        for View { run, block_bytes, blocks, .. } in rig.runs().expect("sound") {
            let start = run.first.0 as usize * PAGE;
            assert!(start >= end, "step {index}");
            end = start + blocks.len() * block_bytes;
            assert!(end <= start + run.bytes(), "step {index}");
        }
    });
}

#[test]
fn drawn_blocks_add_up_to_the_heap_s_figures() {
    walk(|index, _, _, rig| {
        let runs = rig.runs().expect("sound");
        let (mut used, mut cached) = (0, 0);
        let mut names = BTreeSet::new();
        for View { run, kind, block_bytes, blocks } in &runs {
            let live: Vec<char> = blocks.chars().filter(|&block| is_name(block)).collect();
            cached += blocks.chars().filter(|&block| block == CACHED).count();
            used += live.len() * if *kind == Kind::Large { run.bytes() } else { *block_bytes };
            assert!(live.into_iter().all(|name| names.insert(name)), "step {index}");
        }
        let summary = rig.audit().expect("sound");
        let waiting: u64 = summary.classes.iter().map(|class| class.cached).sum();
        assert_eq!(used as u64, rig.statistics().used_bytes, "step {index}");
        assert_eq!(cached as u64, waiting, "step {index}");
        assert!(used >= rig.asked_bytes(), "step {index}");
    });
}

/// What the script's sentences rest on.
#[test]
fn the_script_shows_what_it_says() {
    let (mut reused, mut joined, mut holes, mut refused) = (false, false, false, false);
    walk(|_, act, before, rig| {
        let after = rig.runs().expect("sound");
        let free = |runs: &[View]| runs.iter().filter(|one| one.kind == Kind::Free).count();
        let hole = |runs: &[View]| runs.iter().any(|one| one.kind == Kind::Unmapped);
        match act {
            Act::Take("H", _) => {
                reused = before[0].blocks.starts_with("Ac") && after[0].blocks.starts_with("AH");
            }
            Act::Give("Q") => {
                let run = Run { first: Page(5), pages: 8 };
                joined = after.iter().any(|one| (one.run, one.kind) == (run, Kind::Free));
            }
            Act::Give("S") => {
                holes = !hole(before) && hole(&after);
                let kept = after.iter().find(|one| one.run.first == Page(5)).expect("a run");
                assert_eq!((kept.kind, kept.run.pages), (Kind::Free, 32));
            }
            Act::Refused(_) => refused = free(&after) == 0,
            _ => {}
        }
    });
    assert!(reused && joined && holes && refused);
    assert_eq!((bins::LONGEST, cache::DEPTH), (63, 8));
}

#[test]
fn every_step_says_something() {
    assert!(STEPS.iter().all(|step| step.text.len() > 20));
    assert_eq!(data().expect("good")["steps"].as_array().map(Vec::len), Some(STEPS.len()));
}
