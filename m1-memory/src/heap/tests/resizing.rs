//! `reallocate`: in place where possible.

use super::*;

fn resize(rig: &mut Rig, block: NonNull<u8>, old: usize, new: usize) -> Option<NonNull<u8>> {
    // SAFETY: the tests pass live blocks with their sizes.
    unsafe { rig.heap.reallocate(block, layout(old, 8), new) }
}

#[test]
fn within_a_class_the_block_stays() {
    let mut rig = Rig::new(64, usize::MAX);
    let block = rig.block(65, 8);
    assert_eq!(resize(&mut rig, block, 65, 80), Some(block));
    assert_ne!(resize(&mut rig, block, 80, 81), Some(block));
}

#[test]
fn a_large_block_grows_where_it_is() {
    let mut rig = Rig::new(1024, usize::MAX);
    let mut block = rig.block(2 * PAGE, 8);
    let (start, mut size) = (block, 2 * PAGE);
    for pages in [3, 10, 100, 500] {
        block = resize(&mut rig, block, size, pages * PAGE).expect("memory");
        size = pages * PAGE;
        assert_eq!(block, start, "{pages} pages");
        assert_eq!(rig.heap.statistics().used_bytes, size as u64);
        rig.heap.audit().expect("sound");
    }
}

#[test]
fn a_large_block_shrinks_where_it_is_and_its_memory_goes() {
    let mut rig = Rig::new(1024, usize::MAX);
    let block = rig.block(500 * PAGE, 8);
    let full = rig.mapped();
    assert_eq!(resize(&mut rig, block, 500 * PAGE, 5 * PAGE), Some(block));
    assert!(rig.mapped() < full - 400);
    assert_eq!(rig.heap.statistics().used_bytes, 5 * PAGE as u64);
    rig.free(block, 5 * PAGE, 8);
    rig.heap.audit().expect("sound");
}

#[test]
fn a_neighbour_in_the_way_means_moving() {
    let mut rig = Rig::new(1024, usize::MAX);
    let block = rig.block(2 * PAGE, 8);
    let neighbour = rig.block(2 * PAGE, 8);
    // SAFETY: the block is live and has that many bytes.
    unsafe { block.as_ptr().write_bytes(0x77, 2 * PAGE) };
    let moved = resize(&mut rig, block, 2 * PAGE, 40 * PAGE).expect("memory");
    assert_ne!(moved, block);
    // SAFETY: the block is live; its first bytes were copied.
    let kept = unsafe { core::slice::from_raw_parts(moved.as_ptr(), 2 * PAGE) };
    assert!(kept.iter().all(|&byte| byte == 0x77));
    rig.free(neighbour, 2 * PAGE, 8);
    rig.free(moved, 40 * PAGE, 8);
}

#[test]
fn a_resize_that_fails_leaves_the_block() {
    let mut rig = Rig::new(64, 30);
    let block = rig.block(100, 8);
    assert_eq!(resize(&mut rig, block, 100, 40 * PAGE), None);
    rig.free(block, 100, 8);
    assert_eq!(rig.heap.statistics().used_bytes, 0);
}
