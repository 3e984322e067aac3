//! Ranges, splitting, and tables that come and go.

use super::{DATA, Machine, frame, page};
use crate::frames::FrameError;
use crate::layout::PAGE_BYTES;
use crate::paging::access::Access;
use crate::paging::entry::{Flags, Level};
use crate::paging::mapper::{Mapping, PagingError};
use std::sync::atomic::Ordering::Relaxed;
use x86_64::{PhysAddr, VirtAddr};

const LARGE: VirtAddr = VirtAddr::new_truncate(0xffff_ffff_a000_0000);
const MIB: u64 = 1 << 20;

#[test]
fn an_emptied_table_is_given_back_after_its_last_page() {
    let mut machine = Machine::new(8);
    let mut tables = machine.tables();
    for number in 0..3 {
        tables
            .map(page(number), frame(number), Level::Pt, DATA, &mut machine)
            .expect("maps")
            .not_needed();
    }
    assert_eq!(machine.used(), 4, "root, PDPT, PD and PT");
    for number in [1, 0, 2] {
        assert_eq!(tables.release_tables(&mut machine), 0);
        tables.unmap(page(number)).expect("mapped").1.not_needed();
    }
    assert_eq!(machine.used(), 4, "not before the flush");
    assert_eq!(tables.release_tables(&mut machine), 2);
    assert_eq!(machine.used(), 2, "the PDPT below the kernel's half stays");
}

#[test]
fn a_user_half_tree_goes_to_the_last_table() {
    let mut machine = Machine::new(8);
    let mut tables = machine.tables();
    let address = VirtAddr::new(0x1_0000);
    tables
        .map(address, frame(0), Level::Pt, Access::USER_DATA, &mut machine)
        .expect("maps")
        .not_needed();
    tables.unmap(address).expect("mapped").1.not_needed();
    assert_eq!(tables.release_tables(&mut machine), 3);
    assert_eq!(machine.used(), 1);
}

#[test]
fn fixed_top_entries_refuse_new_ones_and_stay() {
    let mut machine = Machine::new(16);
    let mut tables = machine.tables();
    tables.map(page(0), frame(0), Level::Pt, DATA, &mut machine).expect("maps").not_needed();
    tables.fix_kernel_half();
    let top = tables.read(tables.root(), Level::Pml4, page(0));
    tables.unmap(page(0)).expect("mapped").1.not_needed();
    tables.release_tables(&mut machine);
    tables.map(page(5), frame(5), Level::Pt, DATA, &mut machine).expect("below it").not_needed();
    let now = tables.read(tables.root(), Level::Pml4, page(0));
    assert_eq!((now, now.count()), (top, 0), "copies in other address spaces stay good");

    let address = VirtAddr::new(0xffff_9000_0000_0000);
    let used = machine.used();
    let refused = tables.map(address, frame(0), Level::Pt, DATA, &mut machine);
    assert_eq!(refused.expect_err("new PML4 entry"), PagingError::TopLevelFixed { address });
    assert_eq!(machine.used(), used);
    let user = VirtAddr::new(0x7000_0000_0000);
    tables
        .map(user, frame(0), Level::Pt, Access::USER_DATA, &mut machine)
        .expect("user half")
        .not_needed();
}

#[test]
fn splitting_keeps_rights_and_used_bits() {
    let mut machine = Machine::new(16);
    let mut tables = machine.tables();
    let gib = VirtAddr::new(0xffff_8000_4000_0000);
    let physical = PhysAddr::new(0x4000_0000);
    tables.map(gib, physical, Level::Pdpt, DATA, &mut machine).expect("1 GiB").not_needed();
    let top = tables.read(tables.root(), Level::Pml4, gib).table();
    let used = (Flags::ACCESSED | Flags::DIRTY).bits();
    tables.slot(top, Level::Pdpt, gib).fetch_or(used, Relaxed);
    let inside = gib + 0x345_6000u64;
    let flush = tables.split(inside, Level::Pt, &mut machine).expect("splits");
    assert!(flush.covers(gib) && flush.covers(gib + 0x3fff_f000u64));
    flush.not_needed();
    for offset in [0, 0x20_0000, 0x345_6789, 0x3fff_ffff] {
        let found = tables.translate(gib + offset).expect("still mapped");
        assert_eq!(found.physical, physical + offset);
        assert_eq!(found.rights().to_string(), "rw--g");
    }
    let level = |offset: u64| tables.translate(gib + offset).map(|found| found.level());
    assert_eq!([level(0), level(0x345_6000)], [Some(Level::Pd), Some(Level::Pt)]);
    let path = tables.walk(inside, Level::Pt);
    assert!(path.entry.flags().contains(Flags::ACCESSED | Flags::DIRTY));
    let mut regions = 0;
    tables.for_each_region(|_| regions += 1);
    assert_eq!(regions, 1, "one region as before");
}

#[test]
fn a_page_in_a_large_one_is_split_off_when_asked_for() {
    let mut machine = Machine::new(16);
    let mut tables = machine.tables();
    let physical = PhysAddr::new(0x4000_0000);
    tables.map(LARGE, physical, Level::Pd, DATA, &mut machine).expect("2 MiB").not_needed();
    let third = LARGE + 3 * PAGE_BYTES;
    let closed = Access::KERNEL_CONSTANTS;
    tables.protect_page(third, Level::Pt, closed, &mut machine).expect("splits").not_needed();
    let rights = |address| tables.translate(address).map(|found| found.rights().to_string());
    assert_eq!(rights(third).as_deref(), Some("r---g"));
    assert_eq!(rights(third + PAGE_BYTES).as_deref(), Some("rw--g"));
    let (old, flush) = tables.remap(third, frame(9), Level::Pt, &mut machine).expect("moves");
    flush.not_needed();
    assert_eq!((old.page, old.physical), (third, physical + 3 * PAGE_BYTES));
    let found = tables.translate(third + 1u64).expect("mapped");
    assert_eq!((found.physical, found.rights().write), (frame(9) + 1u64, false));
    let whole = tables.unmap_page(LARGE, Level::Pd, &mut machine).expect_err("not whole any more");
    let Mapping { page, .. } = match whole {
        PagingError::SmallerPages { existing, .. } => existing,
        other => panic!("{other:?}"),
    };
    assert_eq!(page, LARGE);
}

#[test]
fn ranges_use_the_largest_pages_that_fit() {
    let mut machine = Machine::new(16);
    let mut tables = machine.tables();
    let (start, physical) = (LARGE + MIB, PhysAddr::new(0x4010_0000));
    let bytes = 4 * MIB;
    tables
        .map_range(start, physical, bytes, Level::Pdpt, DATA, &mut machine)
        .expect("maps")
        .not_needed();
    let mut sizes = [0; 4];
    tables.for_each_page(|page| sizes[page.level as usize] += 1);
    assert_eq!(sizes, [512, 1, 0, 0], "256 small, one large, 256 small");
    let mut seen = 0;
    let flush = tables
        .unmap_range(start, bytes, &mut machine, |mapping| seen += mapping.level.entry_bytes())
        .expect("unmaps");
    flush.not_needed();
    assert_eq!(seen, bytes);
    tables.release_tables(&mut machine);
    assert_eq!(machine.used(), 2, "root and PDPT");
}

#[test]
fn a_range_that_fails_leaves_nothing_half_mapped() {
    // Without an obstacle 2 PTs, a PD and a PDPT are needed; give ever fewer.
    for frames in 1..5 {
        let mut machine = Machine::new(frames);
        let mut tables = machine.tables();
        let failed = tables.map_range(LARGE, frame(0), 4 * MIB, Level::Pt, DATA, &mut machine);
        let refused = PagingError::Frames(FrameError::OutOfMemory);
        assert_eq!(failed.expect_err("too few frames"), refused);
        assert_eq!(tables.first_mapping(LARGE, 4 * MIB), None);
        assert!(machine.used() <= 2, "root, and the PDPT if there was a frame for it");
    }
    let mut machine = Machine::new(16);
    let mut tables = machine.tables();
    let obstacle = LARGE + 3 * MIB;
    tables.map(obstacle, frame(0), Level::Pt, DATA, &mut machine).expect("maps").not_needed();
    let used = machine.used();
    let failed = tables.map_range(LARGE, frame(0), 4 * MIB, Level::Pt, DATA, &mut machine);
    let Err(PagingError::Occupied { address, existing }) = failed else { panic!("{failed:?}") };
    assert_eq!((address, existing.page), (obstacle, obstacle));
    assert_eq!((machine.used(), tables.translate(LARGE)), (used, None));
}

#[test]
fn a_range_with_a_hole_is_not_changed() {
    let mut machine = Machine::new(16);
    let mut tables = machine.tables();
    for number in [0, 1, 3] {
        tables
            .map(page(number), frame(number), Level::Pt, DATA, &mut machine)
            .expect("maps")
            .not_needed();
    }
    let hole = PagingError::NotMapped { address: page(2) };
    let bytes = 4 * PAGE_BYTES;
    let closed = tables.protect_range(page(0), bytes, Access::KERNEL_CONSTANTS, &mut machine);
    assert_eq!(closed.expect_err("hole"), hole);
    assert!(tables.translate(page(0)).is_some_and(|found| found.rights().write));
    let gone = tables.unmap_range(page(0), bytes, &mut machine, |_| panic!("unmapped"));
    assert_eq!(gone.expect_err("hole"), hole);
}

#[test]
fn ranges_that_are_none_are_refused() {
    let mut machine = Machine::new(8);
    let mut tables = machine.tables();
    for (start, bytes) in
        [(0xffff_ffff_ffff_f000, 2 * PAGE_BYTES), (0x7fff_ffff_f000, 2 * PAGE_BYTES), (0x1000, 5)]
    {
        let start = VirtAddr::new(start);
        let refused = tables.map_range(start, frame(0), bytes, Level::Pt, DATA, &mut machine);
        assert_eq!(refused.expect_err("no range"), PagingError::BadRange { start, bytes });
    }
    let last = VirtAddr::new(0xffff_ffff_ffff_f000);
    tables
        .map_range(last, frame(0), PAGE_BYTES, Level::Pt, DATA, &mut machine)
        .expect("last page")
        .not_needed();
}
