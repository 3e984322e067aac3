//! `struct hvm_start_info`: what QEMU tells a PVH kernel (Xen,
//! `xen/include/public/arch-x86/hvm/start_info.h`, version 1).

use loader::{
    address::{FOUR_GIB, PhysRange},
    memory::PhysMemory,
    memory_map::Kind,
};
use x86_64::PhysAddr;

/// `XEN_HVM_START_MAGIC_VALUE`.
const MAGIC: u32 = 0x336e_c578;

/// The version that brought the memory map.
const VERSION_WITH_MAP: u32 = 1;

// Offsets of the fields used.
const VERSION: u64 = 4;
const MODULE_COUNT: u64 = 12;
const MODULE_LIST: u64 = 16;
const RSDP: u64 = 32;
const MAP: u64 = 40;
const MAP_COUNT: u64 = 48;

/// Size of a `struct hvm_memmap_table_entry`.
const MAP_ENTRY: u64 = 24;

/// Most map entries believed.
const MAX_MAP_ENTRIES: u64 = 512;

/// The fields used.
pub struct StartInfo {
    modules: Option<PhysAddr>,
    rsdp: u64,
    map: PhysAddr,
    map_count: u64,
}

impl StartInfo {
    /// Reads it; `None` if there is none of the right version at `at`.
    pub fn read(memory: &impl PhysMemory, at: PhysAddr) -> Option<Self> {
        let word = |offset: u64| memory.read_u64(at + offset);
        let half = |offset: u64| {
            let mut bytes = [0; 4];
            memory.read(at + offset, &mut bytes);
            u32::from_le_bytes(bytes)
        };
        let is_sound = half(0) == MAGIC && half(VERSION) >= VERSION_WITH_MAP;
        let map_count = u64::from(half(MAP_COUNT));
        let map = PhysAddr::try_new(word(MAP)).ok()?;
        let list = PhysAddr::try_new(word(MODULE_LIST)).ok()?;
        let modules = (half(MODULE_COUNT) > 0).then_some(list);
        let sane_map = map < FOUR_GIB && (1..=MAX_MAP_ENTRIES).contains(&map_count);
        (is_sound && sane_map && list < FOUR_GIB).then(|| Self {
            modules,
            rsdp: word(RSDP),
            map,
            map_count,
        })
    }

    /// Where the first module, QEMU's initrd, is.
    pub fn first_module(&self, memory: &impl PhysMemory) -> Option<PhysRange> {
        let entry = self.modules?;
        let (start, size) = (memory.read_u64(entry), memory.read_u64(entry + 8));
        let range = PhysRange::from_length(start, size);
        (range.len() == size && range.end() <= FOUR_GIB && !range.is_empty()).then_some(range)
    }

    /// The ACPI root pointer, if QEMU found one.
    pub fn rsdp(&self) -> Option<PhysAddr> {
        PhysAddr::try_new(self.rsdp).ok().filter(|rsdp| !rsdp.is_null() && *rsdp < FOUR_GIB)
    }

    /// The firmware's memory map.
    pub fn memory<'m, M: PhysMemory>(
        &self,
        memory: &'m M,
    ) -> impl Iterator<Item = (PhysRange, Kind)> + use<'m, M> {
        let first = self.map;
        (0..self.map_count).map(move |index| {
            let entry = first + index * MAP_ENTRY;
            let range = PhysRange::from_length(memory.read_u64(entry), memory.read_u64(entry + 8));
            // The low half is the type, the high half reserved.
            (range, kind(memory.read_u64(entry + 16) as u32))
        })
    }
}

/// An `XEN_HVM_MEMMAP_TYPE_*`, which are the E820 types of the ACPI
/// specification, sec. 15.
fn kind(number: u32) -> Kind {
    match number {
        1 => Kind::Usable,
        3 => Kind::AcpiReclaimable,
        4 => Kind::AcpiNvs,
        5 => Kind::Bad,
        _ => Kind::Reserved,
    }
}
