//! Misuse and damage that debug builds notice.

use super::*;
use crate::heap::guard::{Violation, examine_used};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What the heap says to freeing `block` with this layout.
fn verdict(rig: &Rig, block: *mut u8, size: usize, align: usize) -> Result<(), Violation> {
    let heap = &rig.heap;
    examine_used(heap.runs.map(), heap.runs.top(), &heap.cache, block, layout(size, align))
}

/// The message of the panic that `action` ends in.
fn message(action: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(action)).expect_err("the heap noticed nothing");
    payload.downcast_ref::<String>().expect("a formatted message").clone()
}

#[test]
fn good_blocks_pass() {
    let mut rig = Rig::new(64, usize::MAX);
    for (size, align) in [(1, 1), (100, 4), (4096, 4096), (5000, 8), (9000, 16384)] {
        let block = rig.block(size, align).as_ptr();
        assert_eq!(verdict(&rig, block, size, align), Ok(()));
    }
}

#[test]
fn freeing_twice() {
    let mut rig = Rig::new(64, usize::MAX);
    let (other, block) = (rig.block(100, 1), rig.block(100, 1));
    rig.free(block, 100, 1);
    let address = block.as_ptr() as usize;
    assert_eq!(verdict(&rig, block.as_ptr(), 100, 1), Err(Violation::DoubleFree(address)));
    let said = message(|| rig.free(block, 100, 1));
    assert_eq!(said, format!("heap: block {address:#x} is free already"));
    rig.free(other, 100, 1);
    let large = rig.block(10_000, 1);
    rig.block(10_000, 1);
    rig.free(large, 10_000, 1);
    let address = large.as_ptr() as usize;
    assert_eq!(verdict(&rig, large.as_ptr(), 10_000, 1), Err(Violation::DoubleFree(address)));
}

/// Wherever the first free has put the block by the time of the second.
#[test]
fn freeing_twice_after_a_while() {
    let mut rig = Rig::new(64, usize::MAX);
    let blocks: Vec<_> = (0..30).map(|_| rig.block(1000, 1)).collect();
    for &block in &blocks {
        rig.free(block, 1000, 1);
    }
    for &block in &blocks {
        let said = verdict(&rig, block.as_ptr(), 1000, 1);
        assert_eq!(said, Err(Violation::DoubleFree(block.as_ptr() as usize)));
    }
    // The second run joins the first, and its record is no longer looked at.
    let runs = [0; 3].map(|_| rig.block(3 * PAGE, 1));
    rig.free(runs[0], 3 * PAGE, 1);
    rig.free(runs[1], 3 * PAGE, 1);
    for block in &runs[..2] {
        let said = verdict(&rig, block.as_ptr(), 3 * PAGE, 1);
        assert_eq!(said, Err(Violation::DoubleFree(block.as_ptr() as usize)));
    }
}

#[test]
fn addresses_that_are_no_blocks() {
    let mut rig = Rig::new(64, usize::MAX);
    let small = rig.block(100, 1).as_ptr();
    let large = rig.block(10_000, 1).as_ptr();
    for inside in [small.wrapping_add(8), small.wrapping_add(3000), large.wrapping_add(16)] {
        let address = inside as usize;
        let said = verdict(&rig, inside, 100, 1);
        assert_eq!(said, Err(Violation::NotABlock(address)));
    }
    let inside = large.wrapping_add(PAGE);
    assert!(matches!(verdict(&rig, inside, 100, 1), Err(Violation::Foreign(_))));
    let map = rig.heap.runs.map();
    let behind = map.address(rig.heap.runs.top());
    for foreign in [map.address(Page(0)), behind, core::ptr::without_provenance_mut(8)] {
        assert_eq!(verdict(&rig, foreign, 8, 1), Err(Violation::Foreign(foreign as usize)));
    }
}

#[test]
fn another_layout_than_the_block_s() {
    let mut rig = Rig::new(64, usize::MAX);
    let block = rig.block(100, 1).as_ptr();
    let wrong = |given| Err(Violation::WrongLayout { block: block as usize, bytes: 112, given });
    assert_eq!(verdict(&rig, block, 113, 1), wrong(113));
    assert_eq!(verdict(&rig, block, 96, 1), wrong(96));
    assert_eq!(verdict(&rig, block, 10_000, 1), wrong(10_000));
    let large = rig.block(10_000, 1).as_ptr();
    let wrong = |given| Err(Violation::WrongLayout { block: large as usize, bytes: 12288, given });
    assert_eq!(verdict(&rig, large, 8000, 1), wrong(8000));
    assert_eq!(verdict(&rig, large, 100, 1), wrong(100));
}

#[test]
fn writing_to_a_freed_block() {
    for offset in [0, 8, 16, 50, 111] {
        let mut rig = Rig::new(64, usize::MAX);
        let block = rig.block(100, 1);
        rig.free(block, 100, 1);
        // SAFETY: the memory is the rig's; that the block is free is the point.
        unsafe { block.as_ptr().add(offset).write(!block.as_ptr().add(offset).read()) };
        let said = message(|| _ = rig.block(100, 1));
        let address = block.as_ptr() as usize;
        let expected = if offset < 16 {
            Violation::BrokenLink(address)
        } else {
            Violation::WrittenAfterFree(address)
        };
        assert_eq!(said, format!("heap: {expected}"), "offset {offset}");
    }
}

#[test]
fn damaged_records() {
    let mut rig = Rig::new(64, usize::MAX);
    let block = rig.block(100, 1);
    let page = rig.heap.runs.map().page_of(block.as_ptr());
    let record = rig.heap.runs.map().record(page);
    rig.heap.audit().expect("sound before");
    let broken = Violation::BrokenRecord(page);
    // SAFETY: the record is mapped; damaging it is the point.
    unsafe {
        (*record).live += 1;
        assert_eq!(rig.heap.audit(), Err(broken));
        (*record).live = 0;
        assert_eq!(verdict(&rig, block.as_ptr(), 100, 1), Err(broken));
        (*record).live = 1;
        (*record).head = page.plus(1);
        assert!(matches!(verdict(&rig, block.as_ptr(), 100, 1), Err(Violation::Foreign(_))));
        (*record).head = page;
        rig.heap.audit().expect("sound again");
        let free = (*record).free;
        (*record).free = rig.address(page).wrapping_add(5).cast();
        assert_eq!(rig.heap.audit(), Err(broken));
        assert_eq!(message(|| _ = rig.block(100, 1)), format!("heap: {broken}"));
        (*record).free = free;
    }
    rig.free(block, 100, 1);
}

/// A used block that happens to look like a free one is not taken for one.
#[test]
fn a_used_block_may_hold_anything() {
    let mut rig = Rig::new(64, usize::MAX);
    let (one, two) = (rig.block(64, 1), rig.block(64, 1));
    rig.free(one, 64, 1);
    // SAFETY: both have 64 bytes; `one` is only read.
    unsafe { one.copy_to(two, 64) };
    assert_eq!(verdict(&rig, two.as_ptr(), 64, 1), Ok(()));
    rig.free(two, 64, 1);
}
