//! How much of the memory blocks get, and what is left of it afterwards.

use super::*;

/// Fills a heap until failure; the part of the mapped bytes that was asked for,
/// in thousandths, and the blocks.
fn fill(rig: &mut Rig, mut size: impl FnMut() -> usize) -> (usize, Vec<(NonNull<u8>, usize)>) {
    let mut blocks = Vec::new();
    let mut asked = 0;
    loop {
        let size = size();
        let Some(block) = rig.heap.allocate(layout(size, 8)) else { break };
        asked += size;
        blocks.push((block, size));
    }
    (asked * 1000 / (rig.mapped() * PAGE), blocks)
}

/// Frees all blocks in a random order; then most of the heap is one block.
fn one_block_again(mut rig: Rig, mut blocks: Vec<(NonNull<u8>, usize)>) {
    let mut random = Random::new(3);
    let peak = rig.heap.statistics().mapped_bytes as usize;
    while !blocks.is_empty() {
        let (block, size) = blocks.swap_remove(random.below(blocks.len()));
        rig.free(block, size, 8);
    }
    rig.heap.audit().unwrap_or_else(|broken| panic!("{broken}"));
    assert!(rig.heap.allocate(layout(peak / 100 * 85, 8)).is_some(), "{peak} bytes in pieces");
}

fn pages() -> usize {
    if cfg!(miri) { 64 } else { 1024 }
}

#[test]
fn small_blocks_of_one_size_fill_the_heap() {
    for size in [64, 4096] {
        let mut rig = Rig::new(pages(), usize::MAX);
        let (used, blocks) = fill(&mut rig, || size);
        assert!(used >= 950, "{used} of 1000 at {size} bytes");
        one_block_again(rig, blocks);
    }
}

#[test]
#[cfg_attr(miri, ignore = "too long")]
fn blocks_of_all_sizes_fill_the_heap() {
    let mut random = Random::new(1);
    let mut rig = Rig::new(pages(), usize::MAX);
    let (used, blocks) = fill(&mut rig, || random.between(8, 4096));
    assert!(used >= 880, "{used} of 1000");
    one_block_again(rig, blocks);
}

/// Replacing blocks at random for long keeps the waste within bounds. Each class
/// keeps the slabs of its own highest tide, so this is more than when filled.
#[test]
#[cfg_attr(miri, ignore = "too long")]
fn a_steady_state_does_not_spread_out() {
    let mut random = Random::new(2);
    let mut rig = Rig::new(8192, usize::MAX);
    let mut blocks = Vec::new();
    for _ in 0..4000 {
        let size = random.between(8, 4096);
        blocks.push((rig.block(size, 8), size));
    }
    for _ in 0..20_000 {
        let (block, size) = blocks.swap_remove(random.below(blocks.len()));
        rig.free(block, size, 8);
        let size = random.between(8, 4096);
        blocks.push((rig.block(size, 8), size));
    }
    let asked: usize = blocks.iter().map(|&(_, size)| size).sum();
    let used = asked * 1000 / (rig.mapped() * PAGE);
    assert!(used >= 800, "{used} of 1000");
    one_block_again(rig, blocks);
}

/// When only single pages are left, they still become slabs.
#[test]
fn the_last_page_is_used() {
    let mut rig = Rig::new(64, 12);
    let (_, blocks) = fill(&mut rig, || 3584);
    assert_eq!(rig.mapped(), 12);
    // 11 pages beside the records': a slab of 7 pages with 8 blocks, 4 of one.
    assert_eq!(blocks.len(), 12);
    assert_eq!(rig.heap.statistics().failures, 1);
}

#[test]
fn blocks_are_given_out_last_in_first_out() {
    let mut rig = Rig::new(16, usize::MAX);
    let (one, two) = (rig.block(100, 1), rig.block(100, 1));
    rig.free(one, 100, 1);
    rig.free(two, 100, 1);
    assert_eq!((rig.block(100, 1), rig.block(100, 1)), (two, one));
}

#[test]
fn all_alignments_are_served() {
    let mut rig = Rig::new(1024, usize::MAX);
    for shift in 0..=19 {
        for size in [1, 100, 5000] {
            let align = 1 << shift;
            let block = rig.block(size, align);
            assert_eq!(block.as_ptr() as usize % align, 0);
            rig.free(block, size, align);
            rig.heap.audit().unwrap_or_else(|broken| panic!("{broken}"));
        }
    }
    assert_eq!(rig.heap.statistics().used_bytes, 0);
}

#[test]
fn what_cannot_be_is_none() {
    let mut rig = Rig::new(64, usize::MAX);
    let largest = isize::MAX as usize;
    for (size, align) in [(64 * PAGE, 1), (largest - 4096, 1), (1, 1 << 40), (1, 1 << 62)] {
        assert_eq!(rig.heap.allocate(layout(size, align)), None, "{size} aligned to {align}");
    }
    assert_eq!(rig.heap.statistics().failures, 4);
    rig.block(40 * PAGE, 1);
}

#[test]
fn figures_by_class() {
    let mut rig = Rig::new(64, usize::MAX);
    let blocks = [0; 300].map(|_| rig.block(60, 1));
    rig.block(10_000, 1);
    let summary = rig.heap.audit().expect("a sound heap");
    let class = summary.classes[3];
    assert_eq!((class.block_bytes, class.live), (64, 300));
    assert_eq!((class.slabs, class.capacity, class.slab_bytes), (5, 5 * 64, 5 * 4096));
    assert_eq!((summary.large, summary.large_bytes), (1, 3 * 4096));
    for block in blocks {
        rig.free(block, 60, 1);
    }
    let statistics = rig.heap.statistics();
    assert_eq!(statistics.used_bytes, 3 * 4096);
    assert_eq!(statistics.peak_bytes, 300 * 64 + 3 * 4096);
    assert_eq!(statistics.allocations, 301);
}
