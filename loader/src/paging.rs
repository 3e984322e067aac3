//! The page tables under which the kernel is entered: 4-level paging with the
//! direct map, the kernel's segments, and one page of identity mapping that the
//! hand-off removes on its way (Intel SDM, vol. 3A, sec. 4.5 "4-Level Paging";
//! Limine protocol, "Entry memory layout" and "Caching").

use core::fmt;

use x86_64::{PhysAddr, VirtAddr, structures::paging::PageTableFlags as Flags};

use crate::{
    address::{FOUR_GIB, PAGE, PhysRange, direct},
    image::Image,
    memory::PhysMemory,
    memory_map::{Kind, MapError, MemoryMap},
};

const MIB_2: u64 = 2 << 20;
const GIB: u64 = 1 << 30;

/// The bits of an entry that hold an address.
pub(crate) const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// Bytes in a table entry.
const ENTRY: u64 = 8;

/// Selects the upper half of the PAT, in a 4 KiB page and in a larger one
/// (Intel SDM, vol. 3A, sec. 4.9.2 "Paging and Memory Typing When the PAT is
/// Supported").
const PAT_SMALL: u64 = 1 << 7;
const PAT_LARGE: u64 = 1 << 12;

/// What the CPU offers for page tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PagingFeatures {
    /// Pages can be barred from execution.
    pub no_execute: bool,
    /// 1 GiB pages.
    pub gib_pages: bool,
    /// The Page Attribute Table.
    pub pat: bool,
}

/// How accesses to a page are cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// As ordinary memory.
    WriteBack,
    /// For framebuffers; ordinary where the CPU has no PAT.
    WriteCombining,
}

/// Why the tables could not be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PagingError {
    /// No memory for a table.
    Map(MapError),
    /// Something else is mapped there.
    Taken {
        /// The address.
        address: VirtAddr,
    },
}

impl From<MapError> for PagingError {
    fn from(error: MapError) -> Self {
        Self::Map(error)
    }
}

impl fmt::Display for PagingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Map(error) => error.fmt(f),
            Self::Taken { address } => {
                write!(f, "two mappings claim {address:#x}; please report this loader bug")
            }
        }
    }
}

/// Page tables under construction.
pub struct PageTables<'a, M> {
    memory: &'a mut M,
    map: &'a mut MemoryMap,
    features: PagingFeatures,
    root: PhysAddr,
}

impl<'a, M: PhysMemory> PageTables<'a, M> {
    /// Empty tables, built in memory taken from `map`.
    ///
    /// # Errors
    /// No memory left.
    pub fn new(
        memory: &'a mut M,
        map: &'a mut MemoryMap,
        features: PagingFeatures,
    ) -> Result<Self, PagingError> {
        let root = new_table(memory, map)?;
        Ok(Self { memory, map, features, root })
    }

    /// The physical address of the PML4, for CR3.
    pub fn root(&self) -> PhysAddr {
        self.root
    }

    /// Maps physical memory at the direct map's offset: the first 4 GiB and,
    /// above, all that the memory map does not call reserved or bad.
    ///
    /// # Errors
    /// No memory left.
    pub fn map_direct(&mut self) -> Result<(), PagingError> {
        let flags = Flags::PRESENT | Flags::WRITABLE;
        // The regions from before the tables took memory of their own are as
        // good: all of that is mapped either way.
        let before = self.map.clone();
        let mut done = PhysAddr::zero();
        for region in before.regions() {
            let (range, caching) = match region.kind {
                Kind::Framebuffer => (region.range.outward(), Caching::WriteCombining),
                kind if kind.is_mapped_above_4_gib() => {
                    let above = PhysRange::new(FOUR_GIB, region.range.end());
                    (region.range.overlap(above).outward(), Caching::WriteBack)
                }
                _ => continue,
            };
            if range.is_empty() {
                continue;
            }
            // All up to 4 GiB is mapped, also where the map is silent.
            let gap = PhysRange::new(done, range.start().min(FOUR_GIB));
            self.map(direct(gap.start()), gap, flags, Caching::WriteBack)?;
            // Regions that need not be page-aligned may meet in a page.
            let range = PhysRange::new(range.start().max(done), range.end());
            self.map(direct(range.start()), range, flags, caching)?;
            done = range.end();
        }
        let rest = PhysRange::new(done, FOUR_GIB);
        self.map(direct(rest.start()), rest, flags, Caching::WriteBack)
    }

    /// Maps the kernel loaded at `place` with its segments' permissions.
    ///
    /// # Errors
    /// No memory left.
    pub fn map_image(&mut self, image: &Image, place: PhysRange) -> Result<(), PagingError> {
        let mut done = image.base();
        for segment in image.segments() {
            let mut flags = Flags::PRESENT;
            flags.set(Flags::WRITABLE, segment.permissions.write);
            flags.set(Flags::NO_EXECUTE, !segment.permissions.execute);
            // Segments of the same permissions may meet in a page.
            let start = segment.first_page().max(done);
            let pages = PhysRange::new(
                image.physical(place, start),
                image.physical(place, segment.end_page()),
            );
            self.map_pages(start, pages, flags, Caching::WriteBack, PAGE)?;
            done = segment.end_page();
        }
        Ok(())
    }

    /// Maps the hand-off code at its own address, and returns where in the
    /// direct map the top-level entry is that has to be cleared to undo that.
    ///
    /// # Errors
    /// No memory left, or the code lies beyond the lower half.
    pub fn map_trampoline(&mut self, code: PhysRange) -> Result<VirtAddr, PagingError> {
        let address = VirtAddr::new_truncate(code.start().as_u64());
        if address.as_u64() != code.start().as_u64() {
            return Err(PagingError::Taken { address });
        }
        self.map_pages(address, code.outward(), Flags::PRESENT, Caching::WriteBack, PAGE)?;
        Ok(direct(self.root + u64::from(address.p4_index()) * ENTRY))
    }

    /// Maps `range` at `address` with the largest pages that fit.
    fn map(
        &mut self,
        address: VirtAddr,
        range: PhysRange,
        flags: Flags,
        caching: Caching,
    ) -> Result<(), PagingError> {
        let largest = if self.features.gib_pages { GIB } else { MIB_2 };
        self.map_pages(address, range, flags, caching, largest)
    }

    /// Maps `range` at `address` with pages of up to `largest` bytes.
    fn map_pages(
        &mut self,
        address: VirtAddr,
        range: PhysRange,
        flags: Flags,
        caching: Caching,
        largest: u64,
    ) -> Result<(), PagingError> {
        let mut offset = 0;
        while offset < range.len() {
            let (virt, phys) = (address.as_u64() + offset, range.start().as_u64() + offset);
            let fits = |&size: &u64| {
                size <= largest
                    && (virt | phys).is_multiple_of(size)
                    && size <= range.len() - offset
            };
            let size = [GIB, MIB_2].into_iter().find(fits).unwrap_or(PAGE);
            self.set(VirtAddr::new(virt), self.leaf(phys, flags, caching, size), size)?;
            offset += size;
        }
        Ok(())
    }

    /// A leaf entry for a page of `size` bytes.
    fn leaf(&self, phys: u64, mut flags: Flags, caching: Caching, size: u64) -> u64 {
        if !self.features.no_execute {
            flags.remove(Flags::NO_EXECUTE);
        }
        let mut extra = 0;
        if caching == Caching::WriteCombining && self.features.pat {
            // PAT entry 5: PAT = 1, PCD = 0, PWT = 1; see `handoff::PAT_LAYOUT`.
            flags |= Flags::WRITE_THROUGH;
            extra = if size == PAGE { PAT_SMALL } else { PAT_LARGE };
        }
        if size > PAGE {
            flags |= Flags::HUGE_PAGE;
        }
        phys | flags.bits() | extra
    }

    /// Writes the leaf entry for the page of `size` bytes at `address`.
    fn set(&mut self, address: VirtAddr, leaf: u64, size: u64) -> Result<(), PagingError> {
        let mut table = self.root;
        let levels = [
            (address.p4_index(), 1 << 39),
            (address.p3_index(), GIB),
            (address.p2_index(), MIB_2),
            (address.p1_index(), PAGE),
        ];
        for (index, span) in levels {
            let slot = table + u64::from(index) * ENTRY;
            let entry = self.memory.read_u64(slot);
            if span == size {
                if entry != 0 && entry != leaf {
                    return Err(PagingError::Taken { address });
                }
                self.memory.write_u64(slot, leaf);
                return Ok(());
            }
            let entry_flags = Flags::from_bits_truncate(entry);
            if !entry_flags.contains(Flags::PRESENT) {
                table = new_table(self.memory, self.map)?;
                let flags = (Flags::PRESENT | Flags::WRITABLE).bits();
                self.memory.write_u64(slot, table.as_u64() | flags);
            } else if entry_flags.contains(Flags::HUGE_PAGE) {
                return Err(PagingError::Taken { address });
            } else {
                table = PhysAddr::new(entry & ADDRESS);
            }
        }
        Ok(())
    }
}

/// An empty table.
fn new_table(memory: &mut impl PhysMemory, map: &mut MemoryMap) -> Result<PhysAddr, MapError> {
    let frame = map.allocate(PAGE, Kind::LoaderReclaimable)?;
    memory.zero(frame);
    Ok(frame.start())
}

#[cfg(test)]
mod tests;
