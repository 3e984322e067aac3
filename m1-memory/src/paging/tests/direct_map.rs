//! The audit of the direct map, with each kind of fault planted.

use super::{Machine, Simulated};
use crate::layout;
use crate::paging::access::Access;
use crate::paging::audit::{Violation, audit_direct_map};
use crate::paging::entry::Level;
use crate::paging::mapper::Mapper;
use crate::paging::ram::RamRange;
use x86_64::PhysAddr;

const MIB: u64 = 1 << 20;

fn range(start: u64, end: u64, access: Access) -> RamRange {
    RamRange { start: PhysAddr::new(start), end: PhysAddr::new(end), access }
}

/// RAM with a hole, and a piece in the middle that is read-only.
fn ram() -> [RamRange; 4] {
    [
        range(0x1000, 0x9_f000, Access::KERNEL_DATA),
        range(MIB, 4 * MIB, Access::KERNEL_DATA),
        range(4 * MIB, 5 * MIB, Access::KERNEL_CONSTANTS),
        range(5 * MIB, 3 << 30, Access::KERNEL_DATA),
    ]
}

/// Builds the direct map of `ram()`, lets `plant` spoil it, and audits it.
fn audited(plant: impl FnOnce(&mut Mapper<Simulated>, &mut Machine)) -> Result<u64, Violation> {
    let mut machine = Machine::new(64);
    let mut tables = machine.tables();
    for RamRange { start, end, access } in ram() {
        let address = layout::DIRECT_MAP + start.as_u64();
        tables
            .map_range(address, start, end - start, Level::Pdpt, access, &mut machine)
            .expect("RAM does not overlap")
            .not_needed();
    }
    plant(&mut tables, &mut machine);
    audit_direct_map(&tables, ram().into_iter())
}

#[test]
fn exactly_ram_is_clean() {
    let bytes = ram().iter().map(|range| range.end - range.start).sum();
    assert_eq!(audited(|_, _| ()), Ok(bytes));
}

#[test]
fn a_page_too_many_is_found() {
    for beyond in [0, 0xa_0000, 3 << 30, 1 << 40] {
        let found = audited(|tables, machine| {
            let address = layout::DIRECT_MAP + beyond;
            let physical = PhysAddr::new(beyond);
            tables
                .map(address, physical, Level::Pt, Access::KERNEL_DATA, machine)
                .expect("free")
                .not_needed();
        });
        let Err(Violation::NotRam(page)) = found else { panic!("{beyond:#x}: {found:?}") };
        assert_eq!(page.physical.as_u64(), beyond);
    }
}

#[test]
fn a_page_too_few_is_found() {
    for gone in [0x1000, 0x9_e000, MIB, 5 * MIB, (3 << 30) - 4096, 1 << 30] {
        let found = audited(|tables, machine| {
            let address = layout::DIRECT_MAP + gone;
            tables.unmap_page(address, Level::Pt, machine).expect("mapped").1.not_needed();
        });
        assert_eq!(found, Err(Violation::RamMissing(PhysAddr::new(gone))));
    }
}

#[test]
fn a_page_elsewhere_is_found() {
    let found = audited(|tables, machine| {
        let (address, other) = (layout::DIRECT_MAP + (2 << 30), PhysAddr::new(0x5000));
        tables.remap(address, other, Level::Pt, machine).expect("mapped").1.not_needed();
    });
    assert!(matches!(found, Err(Violation::Displaced(_))), "{found:?}");
}

#[test]
fn wrong_rights_are_found() {
    for (at, access) in [
        (4 * MIB, Access::KERNEL_DATA),
        (0x1000, Access::KERNEL_CONSTANTS),
        (4 * MIB, Access::KERNEL_CODE),
    ] {
        let found = audited(|tables, machine| {
            let address = layout::DIRECT_MAP + at;
            tables.protect_page(address, Level::Pt, access, machine).expect("mapped").not_needed();
        });
        assert!(matches!(found, Err(Violation::WrongAccess(_))), "{found:?}");
    }
}
