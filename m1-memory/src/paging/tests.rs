//! The paging code over simulated physical memory.

#[cfg(not(miri))] // thousands of pages are too many to interpret
mod direct_map;
mod model;
mod remembered;
mod whole_ranges;

use super::access::{Access, Owner, Rights, Use};
use super::audit::{Violation, audit, audit_regions};
use super::entry::{Entry, Flags, Level};
use super::mapper::{Mapper, Mapping, PagingError};
use crate::frames::FrameAllocator;
use crate::frames::FrameError;
use crate::layout::PAGE_BYTES;
use crate::physical::PhysicalMemory;
use crate::regions::{Growth, Kind, Region, RegionMap};
use std::sync::atomic::Ordering::Relaxed;
use x86_64::structures::paging::PhysFrame;
use x86_64::{PhysAddr, VirtAddr};

/// RAM that is a buffer; physical address 0 is its first byte.
#[derive(Clone, Copy)]
pub struct Simulated(*mut u8);

// SAFETY: `Machine` hands out frames of its own buffer only.
unsafe impl PhysicalMemory for Simulated {
    fn pointer(&self, address: PhysAddr) -> *mut u8 {
        self.0.wrapping_add(address.as_u64() as usize)
    }
}

/// Simulated RAM and its frames, each given out once at a time.
pub struct Machine {
    ram: Vec<[u64; 512]>,
    free: Vec<u64>,
}

// SAFETY: `free` holds each frame once, and `free()` refuses what is in it.
unsafe impl FrameAllocator for Machine {
    fn allocate(&mut self) -> Result<PhysFrame, FrameError> {
        let number = self.free.pop().ok_or(FrameError::OutOfMemory)?;
        Ok(PhysFrame::containing_address(PhysAddr::new(number * PAGE_BYTES)))
    }

    unsafe fn free(&mut self, frame: PhysFrame) -> Result<(), FrameError> {
        let number = frame.start_address().as_u64() / PAGE_BYTES;
        assert!((1..self.ram.len() as u64).contains(&number), "{frame:?} is no frame of ours");
        assert!(!self.free.contains(&number), "{frame:?} freed twice");
        self.free.push(number);
        Ok(())
    }
}

impl Machine {
    /// RAM with `frames` frames to give out; frame 0 is not.
    pub fn new(frames: usize) -> Self {
        // Old contents must not matter, so they are not zero.
        let ram = vec![[u64::MAX; 512]; frames + 1];
        Self { ram, free: (1..=frames as u64).rev().collect() }
    }

    pub fn tables(&mut self) -> Mapper<Simulated> {
        let memory = Simulated(self.ram.as_mut_ptr().cast());
        Mapper::create(memory, self).expect("a frame for the root")
    }

    /// Frames given out.
    pub fn used(&self) -> usize {
        self.ram.len() - 1 - self.free.len()
    }
}

fn page(number: u64) -> VirtAddr {
    VirtAddr::new_truncate(0xffff_ffff_a000_0000 + number * PAGE_BYTES)
}

fn frame(number: u64) -> PhysAddr {
    PhysAddr::new(0x1_0000_0000 + number * PAGE_BYTES)
}

const DATA: Access = Access::KERNEL_DATA;

#[test]
fn a_mapped_page_translates_byte_for_byte() {
    let mut machine = Machine::new(8);
    let mut tables = machine.tables();
    tables.map(page(3), frame(7), Level::Pt, DATA, &mut machine).expect("maps").not_needed();
    let found = tables.translate(page(3) + 0x123u64).expect("translates");
    assert_eq!((found.physical, found.level()), (frame(7) + 0x123u64, Level::Pt));
    assert_eq!(found.rights().to_string(), "rw--g");
    assert_eq!(tables.translate(page(4)), None);
}

#[test]
fn an_occupied_page_is_refused_with_its_frame() {
    let mut machine = Machine::new(8);
    let mut tables = machine.tables();
    tables.map(page(0), frame(1), Level::Pt, DATA, &mut machine).expect("maps").not_needed();
    let again = tables.map(page(0), frame(2), Level::Pt, DATA, &mut machine);
    let rights = Rights { write: true, execute: false, user: false, global: true };
    let existing = Mapping { page: page(0), physical: frame(1), level: Level::Pt, rights };
    let expected = PagingError::Occupied { address: page(0), existing };
    assert_eq!(again.expect_err("refused"), expected);
}

#[test]
fn large_pages_translate_and_are_not_split_unasked() {
    let mut machine = Machine::new(8);
    let mut tables = machine.tables();
    let (address, physical) = (VirtAddr::new(0xffff_8000_4020_0000), PhysAddr::new(0x4020_0000));
    tables.map(address, physical, Level::Pd, DATA, &mut machine).expect("2 MiB").not_needed();
    let found = tables.translate(address + 0x1f_ffffu64).expect("last byte");
    assert_eq!((found.physical, found.level()), (physical + 0x1f_ffffu64, Level::Pd));
    let existing = Mapping { page: address, physical, level: Level::Pd, rights: found.rights() };
    let inside = address + 0x3000u64;
    let refused = PagingError::LargePage { address: inside, existing };
    assert_eq!(tables.unmap(inside).expect_err("no 4 KiB page"), refused);
    let occupied = PagingError::Occupied { address: inside, existing };
    let over = tables.map(inside, frame(0), Level::Pt, DATA, &mut machine);
    assert_eq!(over.expect_err("in the way"), occupied);
}

#[test]
fn misaligned_addresses_are_refused() {
    let mut machine = Machine::new(8);
    let mut tables = machine.tables();
    let address = page(0) + 8u64;
    let refused = PagingError::Misaligned { address };
    assert_eq!(
        tables.map(address, frame(0), Level::Pt, DATA, &mut machine).expect_err("address"),
        refused
    );
    assert_eq!(tables.unmap(address).expect_err("unmap"), refused);
    let odd = tables.map(page(0), frame(1), Level::Pd, DATA, &mut machine);
    assert_eq!(odd.expect_err("frame"), PagingError::Misaligned { address: page(0) });
}

#[test]
fn without_frames_for_tables_nothing_is_mapped() {
    let mut machine = Machine::new(2);
    let mut tables = machine.tables();
    let failed = tables.map(page(0), frame(0), Level::Pt, DATA, &mut machine);
    assert_eq!(failed.expect_err("no tables"), PagingError::Frames(FrameError::OutOfMemory));
    assert_eq!(tables.translate(page(0)), None);
    assert_eq!(machine.used(), 1, "the root alone");
}

#[test]
fn user_bits_are_set_only_on_the_way_to_user_pages() {
    let mut machine = Machine::new(16);
    let mut tables = machine.tables();
    let user = VirtAddr::new(0x1_0000);
    tables
        .map(user, frame(0), Level::Pt, Access::USER_CODE, &mut machine)
        .expect("user")
        .not_needed();
    tables.map(page(0), frame(1), Level::Pt, DATA, &mut machine).expect("kernel").not_needed();
    assert_eq!(tables.translate(user).map(|to| to.rights().to_string()).as_deref(), Some("r-xu-"));
    let top = |address| tables.read(tables.root(), Level::Pml4, address).flags();
    assert!(top(user).contains(Flags::USER));
    assert!(!top(page(0)).contains(Flags::USER));
}

#[test]
fn neighbours_with_equal_rights_are_one_region() {
    let mut machine = Machine::new(16);
    let mut tables = machine.tables();
    for number in [0, 1, 2, 4] {
        let access = if number == 2 { Access::KERNEL_CODE } else { DATA };
        tables
            .map(page(number), frame(number), Level::Pt, access, &mut machine)
            .expect("maps")
            .not_needed();
    }
    let mut regions = Vec::new();
    tables.for_each_region(|region| {
        regions.push(format!(
            "{}+{:x} {}",
            (region.start - page(0)) / PAGE_BYTES,
            region.last - region.start,
            region.rights
        ));
    });
    assert_eq!(regions, ["0+1fff rw--g", "2+fff r-x-g", "4+fff rw--g"]);
}

#[test]
fn the_last_page_of_the_address_space_is_a_region_too() {
    let mut machine = Machine::new(16);
    let mut tables = machine.tables();
    let last = VirtAddr::new(0xffff_ffff_ffff_f000);
    tables.map(last, frame(0), Level::Pt, DATA, &mut machine).expect("maps").not_needed();
    let mut ends = Vec::new();
    tables.for_each_region(|region| ends.push(region.last.as_u64()));
    assert_eq!(ends, [u64::MAX]);
}

/// Plants an entry that no `Access` can express and expects the audit to see it.
fn audited_with(flags: Flags, address: VirtAddr, table_flags: Flags) -> Result<(), Violation> {
    let mut machine = Machine::new(16);
    let mut tables = machine.tables();
    let access = Access {
        usage: Use::Read,
        owner: if table_flags.contains(Flags::USER) { Owner::User } else { Owner::Kernel },
    };
    tables.map(address, frame(0), Level::Pt, access, &mut machine).expect("maps").not_needed();
    let table = [Level::Pml4, Level::Pdpt, Level::Pd]
        .into_iter()
        .fold(tables.root(), |table, level| tables.read(table, level, address).table());
    let planted = Entry::new(frame(0), flags | Flags::PRESENT).bits();
    tables.slot(table, Level::Pt, address).store(planted, Relaxed);
    audit(&tables).map(|_| ())
}

#[test]
fn the_audit_catches_each_kind_of_planted_fault() {
    let kernel = Flags::empty();
    let clean = Flags::GLOBAL | Flags::NO_EXECUTE;
    assert_eq!(audited_with(clean, page(0), kernel), Ok(()));
    let open = audited_with(Flags::WRITABLE | Flags::GLOBAL, page(0), kernel);
    assert!(matches!(open, Err(Violation::WritableAndExecutable(_))), "{open:?}");
    let user = audited_with(clean | Flags::USER, page(0), Flags::USER);
    assert!(matches!(user, Err(Violation::UserInKernelHalf(_))), "{user:?}");
    let local = audited_with(Flags::NO_EXECUTE, page(0), kernel);
    assert!(matches!(local, Err(Violation::NotGlobal(_))), "{local:?}");
    let low = VirtAddr::new(0x1_0000);
    assert_eq!(audited_with(Flags::USER, low, Flags::USER), Ok(()), "user code in the user half");
}

#[test]
fn the_audit_knows_what_was_planned() {
    let region = Region {
        start: page(0),
        end: page(4),
        name: "test",
        kind: Kind::Kernel,
        access: DATA,
        growth: Growth::Up,
    };
    let mut regions = RegionMap::<1>::new();
    regions.add(region).expect("the first");
    let audited = |number, access| {
        let mut machine = Machine::new(8);
        let mut tables = machine.tables();
        let at = page(number);
        tables.map(at, frame(0), Level::Pt, access, &mut machine).expect("maps").not_needed();
        audit_regions(&tables, |address| regions.find(address).copied())
    };
    assert_eq!(audited(3, DATA), Ok(()));
    let outside = audited(4, DATA);
    assert!(matches!(outside, Err(Violation::Unplanned(_))), "{outside:?}");
    let closed = audited(3, Access::KERNEL_CONSTANTS);
    assert!(matches!(closed, Err(Violation::NotAsPlanned(_, _))), "{closed:?}");
}
