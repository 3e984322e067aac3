//! Growing into memory and giving it back.

use super::*;

const MIB: usize = 1 << 20;

#[test]
fn a_heap_without_blocks_has_touched_nothing() {
    let rig = Rig::new(1024, usize::MAX);
    assert_eq!(rig.mapped(), 0);
}

#[test]
fn a_large_block_comes_and_goes_with_its_memory() {
    let mut rig = Rig::new(2048, usize::MAX);
    let small = rig.block(8, 8);
    let before = rig.mapped();
    let large = rig.block(MIB, 1);
    assert!(rig.mapped() >= 256);
    rig.free(large, MIB, 1);
    assert!(rig.mapped() <= before + 40, "{} pages stayed", rig.mapped() - before);
    rig.free(small, 8, 8);
}

/// Memory in the middle goes back too, and is used again before the heap grows.
#[test]
fn a_hole_gives_its_memory_back_and_is_filled_again() {
    let mut rig = Rig::new(2048, usize::MAX);
    let low = rig.block(MIB, 1);
    let high = rig.block(MIB, 1);
    let (full, top) = (rig.mapped(), rig.heap.runs.top());
    rig.free(low, MIB, 1);
    assert!(rig.mapped() < full - 200, "the hole stayed mapped");
    assert!(rig.heap.audit().expect("sound").unmapped_bytes > 200 * PAGE as u64);
    assert_eq!(rig.heap.runs.top(), top);
    let again = rig.block(MIB, 1);
    assert_eq!(again, low);
    assert_eq!((rig.mapped(), rig.heap.runs.top()), (full, top));
    rig.free(again, MIB, 1);
    rig.free(high, MIB, 1);
    assert!(rig.mapped() <= 80);
    rig.heap.audit().expect("sound");
}

/// A block that comes and goes at the edge does not map and unmap each time.
#[test]
fn breathing_does_not_thrash() {
    let mut rig = Rig::new(2048, usize::MAX);
    let held: Vec<_> = (0..100).map(|_| rig.block(4096, 1)).collect();
    let block = rig.block(64 * 1024, 1);
    rig.free(block, 64 * 1024, 1);
    let mapped = rig.mapped();
    for _ in 0..20 {
        let block = rig.block(64 * 1024, 1);
        rig.free(block, 64 * 1024, 1);
        assert_eq!(rig.mapped(), mapped);
    }
    held.into_iter().for_each(|block| rig.free(block, 4096, 1));
}

/// Memory reserved in the wrong places is put to use before a request fails.
#[test]
fn free_memory_elsewhere_is_moved_to_where_it_is_needed() {
    let mut rig = Rig::new(2048, 256);
    let mut blocks: Vec<_> = (0..60).map(|_| rig.block(4 * PAGE, 1)).collect();
    // Every other block: 30 runs of 4 free pages each.
    for index in (0..30).rev() {
        let block = blocks.remove(2 * index);
        rig.free(block, 4 * PAGE, 1);
    }
    assert!(rig.heap.allocate(layout(100 * PAGE, 1)).is_some());
    assert!(rig.mapped() <= 256);
    rig.heap.audit().expect("sound");
}

/// Failing on the way changes nothing, whatever the limit hits.
#[test]
fn out_of_memory_is_rolled_back() {
    for limit in 0..40 {
        let mut rig = Rig::new(2048, limit);
        let first = rig.heap.allocate(layout(100, 1));
        let before = rig.heap.statistics().used_bytes;
        assert_eq!(rig.heap.allocate(layout(40 * PAGE, 1)), None);
        assert_eq!(rig.heap.statistics().used_bytes, before);
        rig.heap.audit().unwrap_or_else(|broken| panic!("limit {limit}: {broken}"));
        rig.set_limit(2000);
        rig.block(40 * PAGE, 1);
        if let Some(first) = first {
            rig.free(first, 100, 1);
        }
    }
}
