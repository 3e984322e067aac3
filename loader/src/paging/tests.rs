//! The tables over simulated memory, walked as the CPU walks them.

use super::*;
use crate::{image, memory::Simulated, test_kernel::Kernel};
use proptest::prelude::*;

const ALL: PagingFeatures = PagingFeatures { no_execute: true, gib_pages: true, pat: true };
const NONE: PagingFeatures = PagingFeatures { no_execute: false, gib_pages: false, pat: false };

/// An entry that translates an address, and the size of its page.
fn walk(memory: &Simulated, root: PhysAddr, address: VirtAddr) -> Option<(u64, u64)> {
    let mut table = root;
    for (index, span) in [
        (address.p4_index(), 1 << 39),
        (address.p3_index(), GIB),
        (address.p2_index(), MIB_2),
        (address.p1_index(), PAGE),
    ] {
        let entry = memory.read_u64(table + u64::from(index) * ENTRY);
        let flags = Flags::from_bits_truncate(entry);
        if !flags.contains(Flags::PRESENT) {
            return None;
        }
        if span == PAGE || flags.contains(Flags::HUGE_PAGE) {
            return Some((entry, span));
        }
        table = PhysAddr::new(entry & ADDRESS);
    }
    None
}

fn translate(memory: &Simulated, root: PhysAddr, address: VirtAddr) -> Option<u64> {
    let (entry, span) = walk(memory, root, address)?;
    Some((entry & ADDRESS & !(span - 1)) + (address.as_u64() & (span - 1)))
}

/// Memory below 16 MiB, some above 4 GiB, a framebuffer.
fn machine() -> (Simulated, MemoryMap) {
    let mut map = MemoryMap::new();
    for (start, end, kind) in [
        (0x10_0000, 0x100_0000, Kind::Usable),
        (0x8000_0000, 0x8030_1000, Kind::Framebuffer),
        (1 << 32, (1 << 32) + 3 * MIB_2 + PAGE, Kind::Usable),
        ((1 << 32) + 4 * MIB_2, (1 << 32) + 5 * MIB_2, Kind::Reserved),
        ((1 << 32) + 5 * MIB_2 + 0x10, (1 << 32) + 5 * MIB_2 + 0x20, Kind::AcpiNvs),
        ((1 << 32) + 5 * MIB_2 + 0x20, (1 << 32) + 5 * MIB_2 + 0x30, Kind::AcpiReclaimable),
    ] {
        map.mark(PhysRange::from_length(start, end - start), kind).unwrap();
    }
    (Simulated::new(0x100_0000), map)
}

#[test]
fn the_direct_map_covers_4_gib_and_the_memory_above() {
    for features in [ALL, NONE] {
        let (mut memory, mut map) = machine();
        let mut tables = PageTables::new(&mut memory, &mut map, features).unwrap();
        tables.map_direct().unwrap();
        let root = tables.root();
        let mapped = |phys: u64| {
            let virt = direct(PhysAddr::new(phys));
            let found = translate(&memory, root, virt);
            assert!(found.is_none_or(|it| it == phys), "{phys:#x} shows {found:x?}");
            found.is_some()
        };
        for phys in (0..1 << 32).step_by(0x10_0000) {
            assert!(mapped(phys), "{phys:#x}");
        }
        let above = 1 << 32;
        assert!(mapped(above) && mapped(above + 3 * MIB_2 + PAGE - 1));
        assert!(!mapped(above + 3 * MIB_2 + PAGE), "a hole is not mapped");
        assert!(!mapped(above + 4 * MIB_2), "reserved memory is not mapped");
        assert!(mapped(above + 5 * MIB_2), "tables that share a page are");
    }
}

#[test]
fn the_framebuffer_is_write_combining_to_the_page() {
    let (mut memory, mut map) = machine();
    let mut tables = PageTables::new(&mut memory, &mut map, ALL).unwrap();
    tables.map_direct().unwrap();
    let root = tables.root();
    let wc = |phys| {
        let (entry, span) = walk(&memory, root, direct(PhysAddr::new(phys))).unwrap();
        let pat = if span == PAGE { PAT_SMALL } else { PAT_LARGE };
        entry & pat != 0 && entry & Flags::WRITE_THROUGH.bits() != 0
    };
    assert!(!wc(0x7fff_f000));
    assert!(wc(0x8000_0000) && wc(0x8020_0000) && wc(0x8030_0000));
    assert!(!wc(0x8030_1000));
}

#[test]
fn the_image_has_its_segments_permissions() {
    let file = Kernel::fixed(b"data").file();
    let image = image::plan(&file).unwrap();
    let (mut memory, mut map) = machine();
    let place = map.allocate(image.size(), Kind::ExecutableAndModules).unwrap();
    let mut tables = PageTables::new(&mut memory, &mut map, ALL).unwrap();
    tables.map_image(&image, place).unwrap();
    let root = tables.root();
    let flags = |offset: u64| {
        let (entry, span) = walk(&memory, root, image.base() + offset)?;
        assert_eq!(span, PAGE);
        assert_eq!(entry & ADDRESS, place.start().as_u64() + offset);
        let flags = Flags::from_bits_truncate(entry);
        let execute = !flags.contains(Flags::NO_EXECUTE);
        Some((flags.contains(Flags::WRITABLE), execute))
    };
    assert_eq!(flags(0), Some((false, true)));
    assert_eq!(flags(0x1000), Some((false, false)));
    assert_eq!(flags(0x2000), Some((true, false)));
    assert_eq!(flags(0x3000), Some((true, false)));
    assert_eq!(flags(0x4000), None);
}

#[test]
fn the_trampoline_is_undone_by_one_entry() {
    let (mut memory, mut map) = machine();
    let mut tables = PageTables::new(&mut memory, &mut map, ALL).unwrap();
    let code = PhysRange::from_length(0x10_0f80, 0x100);
    let entry = tables.map_trampoline(code).unwrap();
    let root = tables.root();
    assert_eq!(translate(&memory, root, VirtAddr::new(0x10_0f80)), Some(0x10_0f80));
    assert_eq!(translate(&memory, root, VirtAddr::new(0x10_107f)), Some(0x10_107f));
    memory.write_u64(PhysAddr::new(entry - crate::address::HHDM), 0);
    assert_eq!(translate(&memory, root, VirtAddr::new(0x10_0f80)), None);
}

#[test]
fn no_memory_for_tables_is_an_error() {
    let (mut memory, _) = machine();
    let mut map = MemoryMap::new();
    map.mark(PhysRange::from_length(0x10_0000, 2 * PAGE), Kind::Usable).unwrap();
    let mut tables = PageTables::new(&mut memory, &mut map, NONE).unwrap();
    let error = PagingError::Map(MapError::OutOfMemory { bytes: PAGE });
    assert_eq!(tables.map_direct(), Err(error));
}

proptest! {
    #[test]
    fn any_range_is_mapped_exactly(
        start in 0u64..0x20_0000,
        length in 1u64..0x20_0000,
        gib_pages: bool,
    ) {
        let (mut memory, mut map) = machine();
        let features = PagingFeatures { gib_pages, ..ALL };
        let mut tables = PageTables::new(&mut memory, &mut map, features).unwrap();
        let range = PhysRange::from_length(start * PAGE, length * PAGE);
        let flags = Flags::PRESENT;
        tables.map(direct(range.start()), range, flags, Caching::WriteBack).unwrap();
        let root = tables.root();
        let at = |phys: u64| translate(&memory, root, direct(PhysAddr::new(phys)));
        let (first, last) = (range.start().as_u64(), range.end().as_u64() - 1);
        for phys in [first, last, first + (last - first) / 2] {
            prop_assert_eq!(at(phys), Some(phys));
        }
        prop_assert_eq!(at(last + 1), None);
        if first > 0 {
            prop_assert_eq!(at(first - 1), None);
        }
    }
}
