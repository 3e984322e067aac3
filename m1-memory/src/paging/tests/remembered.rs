//! What a mapper remembers of its last walks is never older than the tables.

use super::{DATA, Machine, Simulated, frame, page};
use crate::frames::FrameAllocator;
use crate::layout::KERNEL_HALF;
use crate::paging::access::Access;
use crate::paging::entry::{ENTRIES, Level};
use crate::paging::mapper::Mapper;
use std::sync::atomic::Ordering::Relaxed;
use x86_64::VirtAddr;

const GIB: u64 = 1 << 30;

fn map(tables: &mut Mapper<Simulated>, machine: &mut Machine, address: VirtAddr, access: Access) {
    let mapped = tables.map(address, frame(1), Level::Pt, access, machine);
    mapped.expect("maps").not_needed();
}

fn unmap(tables: &mut Mapper<Simulated>, machine: &mut Machine, address: VirtAddr) {
    tables.unmap(address).expect("mapped").1.not_needed();
    tables.release_tables(machine);
}

/// Tables with a copy of the PML4's upper half, as a process has them.
fn sharing(machine: &mut Machine, kernel: &Mapper<Simulated>) -> Mapper<Simulated> {
    let tables = machine.tables();
    for index in ENTRIES / 2..ENTRIES {
        let at = VirtAddr::new_truncate(u64::from(index) * Level::Pml4.entry_bytes());
        let entry = kernel.slot(kernel.root(), Level::Pml4, at).load(Relaxed);
        tables.slot(tables.root(), Level::Pml4, at).store(entry, Relaxed);
    }
    tables
}

/// Fills what the allocator gives out next, and takes it back.
fn spoil_free_frames(machine: &mut Machine, tables: &Mapper<Simulated>) {
    let taken: Vec<_> = (0..4).map(|_| machine.allocate().expect("a frame")).collect();
    for &frame in &taken {
        for index in 0..ENTRIES {
            let at = VirtAddr::new(u64::from(index) << 12);
            tables.slot(frame, Level::Pt, at).store(u64::MAX, Relaxed);
        }
    }
    for frame in taken {
        // SAFETY: just allocated, and used no longer.
        unsafe { machine.free(frame) }.expect("ours");
    }
}

#[test]
fn a_reader_of_the_kernel_s_half_sees_its_directories_go() {
    let mut machine = Machine::new(16);
    let mut kernel = machine.tables();
    map(&mut kernel, &mut machine, page(0), DATA);
    kernel.fix_kernel_half();
    let process = sharing(&mut machine, &kernel);
    assert_eq!(process.translate(page(0)), kernel.translate(page(0)));
    assert!(process.translate(page(0)).is_some());

    unmap(&mut kernel, &mut machine, page(0));
    spoil_free_frames(&mut machine, &kernel);
    assert_eq!((kernel.translate(page(0)), process.translate(page(0))), (None, None));

    map(&mut kernel, &mut machine, page(1), DATA);
    assert_eq!(process.translate(page(1)), kernel.translate(page(1)));
    assert!(process.translate(page(1)).is_some());
}

#[test]
fn its_own_directories_are_forgotten_when_they_go() {
    let mut machine = Machine::new(16);
    let mut tables = machine.tables();
    for address in [VirtAddr::new(0x1000), VirtAddr::new(5 * GIB), KERNEL_HALF] {
        for _ in 0..2 {
            map(&mut tables, &mut machine, address, DATA);
            assert!(tables.translate(address).is_some());
            unmap(&mut tables, &mut machine, address);
            spoil_free_frames(&mut machine, &tables);
            assert_eq!(tables.translate(address), None);
        }
    }
}

#[test]
fn a_gib_that_was_directories_may_be_one_page_and_back() {
    let mut machine = Machine::new(16);
    let mut tables = machine.tables();
    let address = VirtAddr::new(3 * GIB);
    map(&mut tables, &mut machine, address, DATA);
    assert!(tables.translate(address).is_some_and(|found| found.level() == Level::Pt));
    unmap(&mut tables, &mut machine, address);
    let whole = frame(0).align_down(GIB);
    let mapped = tables.map(address, whole, Level::Pdpt, DATA, &mut machine);
    mapped.expect("1 GiB").not_needed();
    assert!(tables.translate(address).is_some_and(|found| found.level() == Level::Pdpt));
    tables.split(address, Level::Pt, &mut machine).expect("splits").not_needed();
    assert!(tables.translate(address).is_some_and(|found| found.level() == Level::Pt));
    let last = address + (GIB - 1);
    let found = tables.translate(last).expect("mapped");
    assert_eq!((found.physical, found.level()), (whole + (GIB - 1), Level::Pd));
}

#[test]
fn entries_opened_for_ring_3_are_open_to_later_pages() {
    let mut machine = Machine::new(16);
    let mut tables = machine.tables();
    let closed = VirtAddr::new(0x1000);
    let open = [VirtAddr::new(0x2000), VirtAddr::new(0x60_0000), VirtAddr::new(GIB)];
    map(&mut tables, &mut machine, closed, DATA);
    for address in open {
        map(&mut tables, &mut machine, address, Access::USER_DATA);
    }
    for address in open {
        let walked = tables.first_mapping(address, 0x1000).expect("mapped");
        assert_eq!(walked.rights, Access::USER_DATA.rights(), "{address:?}");
        assert_eq!(tables.translate(address).map(|found| found.rights()), Some(walked.rights));
    }
    assert_eq!(tables.translate(closed).map(|found| found.rights()), Some(DATA.rights()));
}
