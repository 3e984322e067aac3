//! Random operations against a model that knows what every block must hold.

use super::*;
use crate::heap::statistics::Summary;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Pages of the heap in one case.
const PAGES: usize = if cfg!(miri) { 64 } else { 512 };

#[derive(Clone, Debug)]
enum Step {
    Allocate { size: usize, align: usize },
    Free { which: usize },
    Resize { which: usize, size: usize },
}

struct Live {
    block: NonNull<u8>,
    layout: Layout,
    fill: u8,
}

impl Live {
    fn write(&self) {
        // SAFETY: the block is live.
        unsafe { self.block.as_ptr().write_bytes(self.fill, self.layout.size()) };
    }

    fn holds(&self, bytes: usize) -> bool {
        // SAFETY: the block is live and was written.
        let content = unsafe { core::slice::from_raw_parts(self.block.as_ptr(), bytes) };
        // Miri sees each wrong write anyway, and is slow.
        let step = if cfg!(miri) { 97 } else { 1 };
        content.iter().step_by(step).all(|&byte| byte == self.fill)
    }
}

/// The heap and what it must be holding.
struct Model {
    rig: Rig,
    live: Vec<Live>,
    /// Where each live block begins and ends.
    places: BTreeMap<usize, usize>,
    next_fill: u8,
}

impl Model {
    fn new(pages: usize, limit: usize) -> Self {
        let rig = Rig::new(pages, limit);
        Self { rig, live: Vec::new(), places: BTreeMap::new(), next_fill: 0 }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Allocate { size, align } => {
                let layout = layout(size, align);
                if let Some(block) = self.rig.heap.allocate(layout) {
                    self.hold(block, layout);
                }
            }
            Step::Free { which } if !self.live.is_empty() => {
                let live = self.release(which);
                self.rig.free(live.block, live.layout.size(), live.layout.align());
            }
            Step::Resize { which, size } if !self.live.is_empty() => {
                let live = self.release(which);
                // SAFETY: the block is live; its size is not zero.
                let moved = unsafe { self.rig.heap.reallocate(live.block, live.layout, size) };
                let Some(block) = moved else {
                    assert!(live.holds(live.layout.size()), "a failed resize lost bytes");
                    self.hold(live.block, live.layout);
                    return;
                };
                let kept = size.min(live.layout.size());
                assert!(Live { block, ..live }.holds(kept), "a resize lost bytes");
                self.hold(block, layout(size, live.layout.align()));
            }
            _ => {}
        }
    }

    fn hold(&mut self, block: NonNull<u8>, layout: Layout) {
        let start = block.as_ptr() as usize;
        assert_eq!(start % layout.align(), 0, "{layout:?}");
        let end = start + layout.size();
        let before = self.places.range(..end).next_back();
        assert!(before.is_none_or(|(_, &before_end)| before_end <= start), "blocks overlap");
        self.places.insert(start, end);
        self.next_fill = self.next_fill.wrapping_add(1);
        let live = Live { block, layout, fill: self.next_fill };
        live.write();
        self.live.push(live);
    }

    fn release(&mut self, which: usize) -> Live {
        let live = self.live.swap_remove(which % self.live.len());
        assert!(live.holds(live.layout.size()), "a block was overwritten");
        self.places.remove(&(live.block.as_ptr() as usize));
        live
    }

    /// Checks the heap's own books against the model's.
    fn check(&self) -> Summary {
        let summary = self.rig.heap.audit().unwrap_or_else(|broken| panic!("{broken}"));
        let statistics = self.rig.heap.statistics();
        let small: u64 = summary.classes.iter().map(|class| class.live).sum();
        assert_eq!(small + summary.large, self.live.len() as u64);
        let asked: usize = self.live.iter().map(|live| live.layout.size()).sum();
        assert!(statistics.used_bytes >= asked as u64);
        assert!(statistics.peak_bytes >= statistics.used_bytes);
        let slabs: u64 = summary.classes.iter().map(|class| class.slab_bytes).sum();
        let records = self.rig.heap.runs.map().record_pages(self.rig.heap.runs.top()).bytes();
        let mapped = slabs + summary.large_bytes + summary.free_bytes + records as u64;
        assert_eq!(mapped, (self.rig.mapped() * PAGE) as u64, "{summary:?}");
        summary
    }

    /// Frees everything; nothing may be left, and it must be one piece again.
    fn finish(mut self) {
        while !self.live.is_empty() {
            self.step(&Step::Free { which: self.live.len() / 2 });
        }
        self.check();
        assert_eq!(self.rig.heap.statistics().used_bytes, 0);
        self.rig.set_limit(usize::MAX);
        let map = self.rig.heap.runs.map();
        let all = (map.end().0 - map.first().0) as usize * PAGE;
        let block = self.rig.block(all, 1);
        self.rig.free(block, all, 1);
    }
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![6 => 1usize..600, 3 => 600usize..5000, 1 => 5000usize..if cfg!(miri) { 10_000 } else { 200_000 }]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (size(), 0u32..14).prop_map(|(size, shift)| {
            // High alignments are rarer than low ones.
            Step::Allocate { size, align: 1 << (shift * shift / 13) }
        }),
        4 => any::<usize>().prop_map(|which| Step::Free { which }),
        1 => (any::<usize>(), size()).prop_map(|(which, size)| Step::Resize { which, size }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 1 } else { 100 }, ..ProptestConfig::default() })]

    /// Blocks are disjoint, aligned, keep their bytes, and all come back.
    #[test]
    fn agrees_with_the_model(
        steps in prop::collection::vec(step(), 1..if cfg!(miri) { 25 } else { 500 })
    ) {
        let mut model = Model::new(PAGES, usize::MAX);
        for (number, step) in steps.iter().enumerate() {
            model.step(step);
            if number % 16 == 0 {
                model.check();
            }
        }
        model.check();
        model.finish();
    }

    /// The same where memory runs out all the time: what failed left no trace.
    #[test]
    fn agrees_with_the_model_when_memory_is_short(
        limit in 0usize..120,
        steps in prop::collection::vec(step(), 1..if cfg!(miri) { 25 } else { 500 })
    ) {
        let mut model = Model::new(PAGES, limit);
        for step in &steps {
            model.step(step);
        }
        model.check();
        model.finish();
    }
}

/// Tens of thousands of operations on one heap, with a live set that grows and
/// shrinks.
#[test]
fn agrees_with_the_model_for_long() {
    let mut random = Random::new(7);
    let mut model = Model::new(8 * PAGES, usize::MAX);
    let steps = if cfg!(miri) { 40 } else { 60_000 };
    for number in 0..steps {
        let growing = number / 8192 % 2 == 0;
        let step = match random.below(20) {
            0 => Step::Resize { which: random.below(1 << 20), size: random.between(1, 20_000) },
            kind if (kind < 11) == growing || model.live.len() < 10 => {
                let size = match random.below(50) {
                    0 if !cfg!(miri) => random.between(4097, 100_000),
                    kind => random.between(1, 1024 << (kind % 3)),
                };
                Step::Allocate { size, align: 1 << random.below(7) }
            }
            _ => Step::Free { which: random.below(1 << 20) },
        };
        model.step(&step);
        if number % 4096 == 0 {
            model.check();
        }
    }
    model.finish();
}
