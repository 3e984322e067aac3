//! The physical memory map: who owns which range of RAM.
//!
//! The loader reports it (Limine protocol, "Memory Map Feature"); [`MemoryMap`]
//! is our own copy, because the loader's copy lies in memory that M1 reclaims.

use arrayvec::ArrayVec;
use core::fmt;
use x86_64::PhysAddr;

/// Most regions we keep. OVMF reports some 40 on a PC with 5 GiB.
pub const CAPACITY: usize = 256;

/// What a region of physical memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Free for the kernel. Page-aligned, overlapping nothing.
    Usable,
    /// Never to be touched.
    Reserved,
    /// ACPI tables; free once they have been read.
    AcpiReclaimable,
    /// ACPI's own; never free.
    AcpiNvs,
    /// Broken.
    Bad,
    /// The loader's page tables, stack, GDT and answers; free once the kernel
    /// uses none of them. Page-aligned, overlapping nothing.
    BootloaderReclaimable,
    /// The kernel image and the files loaded beside it.
    ExecutableAndModules,
    /// Pixels.
    Framebuffer,
}

impl Kind {
    /// The kind as people read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Usable => "usable",
            Self::Reserved => "reserved",
            Self::AcpiReclaimable => "ACPI reclaimable",
            Self::AcpiNvs => "ACPI NVS",
            Self::Bad => "bad memory",
            Self::BootloaderReclaimable => "bootloader reclaimable",
            Self::ExecutableAndModules => "executable and modules",
            Self::Framebuffer => "framebuffer",
        }
    }
}

/// A half-open range of physical addresses of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First byte.
    pub start: PhysAddr,
    /// One past the last byte.
    pub end: PhysAddr,
    /// What it is.
    pub kind: Kind,
}

impl Region {
    /// Length in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.end - self.start
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kib = self.size_bytes() / 1024;
        write!(
            f,
            "{:#014x}-{:#014x} {kib:>10} KiB  {}",
            self.start.as_u64(),
            self.end.as_u64(),
            self.kind.name()
        )
    }
}

/// All regions, sorted by start address.
#[derive(Clone, Debug, Default)]
pub struct MemoryMap {
    regions: ArrayVec<Region, CAPACITY>,
}

/// The loader's map cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// More regions than [`CAPACITY`].
    TooMany,
    /// A region whose end does not fit the physical address space.
    Overflow {
        /// Its start.
        base: u64,
        /// Its length in bytes.
        length: u64,
    },
    /// A region starts below its predecessor, or a usable one overlaps it.
    Unsorted {
        /// Start of the second of the two.
        base: u64,
    },
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany => write!(f, "memory map has more than {CAPACITY} regions"),
            Self::Overflow { base, length } => {
                write!(f, "memory map region at {base:#x} with {length:#x} bytes has no valid end")
            }
            Self::Unsorted { base } => {
                write!(f, "memory map region at {base:#x} is out of order or overlaps usable RAM")
            }
        }
    }
}

impl MemoryMap {
    /// Appends a region given by the loader.
    ///
    /// # Errors
    /// See [`MapError`]. Order and overlap are what the protocol guarantees;
    /// they are checked because everything above relies on them.
    pub fn push(&mut self, base: u64, length: u64, kind: Kind) -> Result<(), MapError> {
        let overflow = MapError::Overflow { base, length };
        let end = base.checked_add(length).ok_or(overflow)?;
        let start = PhysAddr::try_new(base).map_err(|_| overflow)?;
        let end = PhysAddr::try_new(end).map_err(|_| overflow)?;
        if let Some(last) = self.regions.last() {
            let exclusive = last.kind == Kind::Usable || kind == Kind::Usable;
            if start < last.start || (exclusive && start < last.end) {
                return Err(MapError::Unsorted { base });
            }
        }
        self.regions.try_push(Region { start, end, kind }).map_err(|_| MapError::TooMany)
    }

    /// All regions, lowest first.
    pub fn iter(&self) -> impl Iterator<Item = &Region> + Clone {
        self.regions.iter()
    }

    /// Regions of one kind.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Region> + Clone {
        self.iter().filter(move |region| region.kind == kind)
    }

    /// Bytes of one kind.
    pub fn total_bytes(&self, kind: Kind) -> u64 {
        self.of_kind(kind).map(Region::size_bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_by_kind() {
        let mut map = MemoryMap::default();
        map.push(0x1000, 0x9000, Kind::Usable).expect("first");
        map.push(0x9fc00, 0x400, Kind::Reserved).expect("hole before it");
        map.push(0x10_0000, 0x10_0000, Kind::Usable).expect("last");
        assert_eq!(map.total_bytes(Kind::Usable), 0x10_9000);
        assert_eq!(map.of_kind(Kind::Usable).count(), 2);
    }

    #[test]
    fn reserved_regions_may_overlap_each_other_but_not_usable_ones() {
        let mut map = MemoryMap::default();
        map.push(0x1000, 0x3000, Kind::Reserved).expect("first");
        map.push(0x2000, 0x1000, Kind::AcpiNvs).expect("overlap of two reserved");
        map.push(0x4000, 0x2000, Kind::Usable).expect("usable after them");
        let refused = map.push(0x5000, 0x1000, Kind::Reserved);
        assert_eq!(refused, Err(MapError::Unsorted { base: 0x5000 }));
    }

    #[test]
    fn refuses_what_cannot_be_an_address() {
        let mut map = MemoryMap::default();
        let refused = map.push(u64::MAX - 1, 2, Kind::Usable);
        assert_eq!(refused, Err(MapError::Overflow { base: u64::MAX - 1, length: 2 }));
    }

    #[test]
    fn refuses_more_than_it_can_hold() {
        let mut map = MemoryMap::default();
        for index in 0..CAPACITY as u64 {
            map.push(index * 0x1000, 0x1000, Kind::Reserved).expect("fits");
        }
        let refused = map.push(CAPACITY as u64 * 0x1000, 0x1000, Kind::Reserved);
        assert_eq!(refused, Err(MapError::TooMany));
    }
}
