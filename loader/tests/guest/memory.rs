//! The memory map and the direct map.

use limine::memory_map::EntryType;
use x86_64::{
    instructions::port::{PortReadOnly, PortWriteOnly},
    registers::control::Cr3,
};

use crate::{
    requests::{self, BOOTLOADER_INFO, EXECUTABLE_FILE, HHDM, MEMORY_MAP, hhdm},
    run::check,
    walk,
};

const PAGE: u64 = 4096;
const FOUR_GIB: u64 = 1 << 32;
const MIB: u64 = 1 << 20;

/// QEMU's firmware configuration device and its item for the memory size
/// (QEMU, `docs/specs/fw_cfg.rst`).
const FW_CFG_SELECT: u16 = 0x510;
const FW_CFG_DATA: u16 = 0x511;
const FW_CFG_RAM_SIZE: u16 = 3;

/// What firmware keeps for itself at most: tables, runtime services, the
/// legacy hole.
const FIRMWARE_SHARE: u64 = 24 * MIB;

fn is_paged(kind: EntryType) -> bool {
    kind == EntryType::USABLE || kind == EntryType::BOOTLOADER_RECLAIMABLE
}

pub fn total() {
    let installed = installed();
    let is_memory = |kind| {
        is_paged(kind)
            || kind == EntryType::EXECUTABLE_AND_MODULES
            || kind == EntryType::ACPI_RECLAIMABLE
            || kind == EntryType::ACPI_NVS
    };
    let entries = requests::memory_map().iter();
    let total: u64 =
        entries.filter(|entry| is_memory(entry.entry_type)).map(|entry| entry.length).sum();
    check!(
        "memory-total",
        total <= installed && total + FIRMWARE_SHARE >= installed,
        "the map holds {total} bytes of memory, QEMU was given {installed}"
    );
}

/// The memory QEMU was given, by its own word.
fn installed() -> u64 {
    let mut data = PortReadOnly::<u8>::new(FW_CFG_DATA);
    // SAFETY: reading the device touches no memory.
    let bytes = unsafe {
        PortWriteOnly::new(FW_CFG_SELECT).write(FW_CFG_RAM_SIZE);
        core::array::from_fn(|_| data.read())
    };
    u64::from_le_bytes(bytes)
}

pub fn map() {
    let map = requests::memory_map();
    check!("map-not-empty", !map.is_empty(), "no entries");
    let unsorted = map.windows(2).position(|pair| pair[0].base > pair[1].base);
    check!("sorted", unsorted.is_none(), "not after entry {unsorted:?}");
    let end = |index: usize| map[index].base + map[index].length;
    let collision = (0..map.len()).find(|&a| {
        is_paged(map[a].entry_type)
            && (0..map.len()).any(|b| a != b && map[a].base < end(b) && map[b].base < end(a))
    });
    check!("usable-is-disjoint", collision.is_none(), "entry {collision:?} overlaps another");
    let unaligned = map.iter().position(|entry| {
        is_paged(entry.entry_type) && !(entry.base | entry.length).is_multiple_of(PAGE)
    });
    check!("usable-is-aligned", unaligned.is_none(), "entry {unaligned:?} is not");
    let low = map.iter().position(|entry| is_paged(entry.entry_type) && entry.base < PAGE);
    check!("page-0-is-not-usable", low.is_none(), "entry {low:?} includes it");
    let empty = map.iter().position(|entry| entry.length == 0);
    check!("no-empty-entry", empty.is_none(), "entry {empty:?} is");
    let usable: u64 = map
        .iter()
        .filter(|entry| entry.entry_type == EntryType::USABLE)
        .map(|entry| entry.length)
        .sum();
    check!("most-is-usable", usable >= installed() / 2, "only {usable} bytes are");
}

pub fn direct_map() {
    let offset = hhdm();
    if requests::is_myria() {
        let expected = 0xffff_8000_0000_0000;
        check!("myria-offset", offset == expected, "{offset:#x} instead of {expected:#x}");
        let lower = walk::root().iter().take(256).filter(|entry| !entry.is_unused()).count();
        check!("myria-lower-half-is-empty", lower == 0, "{lower} top-level entries are used");
    }
    let wrong = |at: u64| {
        walk::translate(offset + at)
            .is_none_or(|it| it.physical != at || !it.write || !it.execute || it.user)
    };
    let gap = (0..FOUR_GIB).step_by(PAGE as usize * 16).find(|&at| wrong(at));
    let found = gap.and_then(|at| walk::translate(offset + at));
    check!("first-4-gib-mapped", gap.is_none(), "at {gap:#x?}: {found:x?}");
    let mut bad = None;
    for entry in requests::memory_map() {
        let is_excluded =
            entry.entry_type == EntryType::RESERVED || entry.entry_type == EntryType::BAD_MEMORY;
        if !is_excluded {
            let inside = (entry.base..entry.base + entry.length).step_by(2 * MIB as usize);
            let last = entry.base + entry.length - 1;
            bad = bad.or(inside.chain([last]).find(|&at| wrong(at)));
        }
    }
    check!("all-memory-mapped", bad.is_none(), "not at {bad:#x?}");
}

pub fn answers_are_reclaimable() {
    let kind = |pointer: *const u8| requests::entry_of_direct(pointer, 1).map(|it| it.entry_type);
    let pointers = [
        ("bootloader-info", BOOTLOADER_INFO.get_response().map(|it| (&raw const *it).cast())),
        ("bootloader-name", Some(requests::loader_name().as_ptr())),
        ("hhdm", HHDM.get_response().map(|it| (&raw const *it).cast())),
        ("memory-map", MEMORY_MAP.get_response().map(|it| (&raw const *it).cast())),
        ("map-entries", Some(requests::memory_map().as_ptr().cast())),
        ("file", EXECUTABLE_FILE.get_response().map(|it| (&raw const *it.file()).cast())),
        ("page-tables", Some((hhdm() + Cr3::read().0.start_address().as_u64()) as *const u8)),
        ("gdt", Some(x86_64::instructions::tables::sgdt().base.as_ptr())),
    ];
    for (name, pointer) in pointers {
        let reclaimable = pointer.and_then(kind) == Some(EntryType::BOOTLOADER_RECLAIMABLE);
        check!(name, reclaimable, "{pointer:?} is not in bootloader-reclaimable memory");
    }
}
