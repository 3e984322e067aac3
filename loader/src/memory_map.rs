//! The memory map: what each range of physical memory is for.
//!
//! Built from the firmware's map, then carved by the loader's own allocations,
//! then handed to the kernel (Limine protocol, "Memory Map Feature"). The
//! regions are sorted and disjoint, and those of a kind that the kernel may use
//! as memory consist of whole pages and never include page 0.

use arrayvec::ArrayVec;
use x86_64::PhysAddr;

use crate::address::{FOUR_GIB, ONE_MIB, PAGE, PhysRange, round_up};

/// How many regions fit. Real firmware reports some two hundred at most, and
/// neighbours of one kind are merged.
pub const CAPACITY: usize = 512;

/// What a region is. Where two claims overlap, the one further down this list
/// wins: the derived order is the order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Free memory.
    Usable,
    /// Free once the firmware's boot services are no longer running, that is
    /// for the kernel but not for the loader, whose CPU still uses tables there.
    FirmwareReclaimable,
    /// The loader's: page tables, stack, responses, its own image.
    LoaderReclaimable,
    /// The kernel and its modules.
    ExecutableAndModules,
    /// ACPI tables, free once read.
    AcpiReclaimable,
    /// ACPI's own storage.
    AcpiNvs,
    /// Not memory, or the firmware's.
    Reserved,
    /// The screen.
    Framebuffer,
    /// Broken memory.
    Bad,
}

impl Kind {
    /// The protocol's number (`LIMINE_MEMMAP_*`).
    pub fn protocol_type(self) -> u64 {
        match self {
            Self::Usable | Self::FirmwareReclaimable => 0,
            Self::Reserved => 1,
            Self::AcpiReclaimable => 2,
            Self::AcpiNvs => 3,
            Self::Bad => 4,
            Self::LoaderReclaimable => 5,
            Self::ExecutableAndModules => 6,
            Self::Framebuffer => 7,
        }
    }

    /// Whether the direct map shows the kind above 4 GiB (base revisions 1
    /// and 2: all but reserved and bad memory).
    pub fn is_mapped_above_4_gib(self) -> bool {
        !matches!(self, Self::Reserved | Self::Bad)
    }

    /// Whether regions of the kind must be whole pages.
    fn is_paged(self) -> bool {
        self <= Self::ExecutableAndModules
    }
}

/// One region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Where.
    pub range: PhysRange,
    /// What for.
    pub kind: Kind,
}

/// Why the map could not be built or carved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// More than [`CAPACITY`] regions.
    Full,
    /// No free run of this many bytes between 1 MiB and 4 GiB.
    OutOfMemory {
        /// The size asked for.
        bytes: u64,
    },
}

impl core::fmt::Display for MapError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Full => write!(f, "the memory map has more than {CAPACITY} regions"),
            Self::OutOfMemory { bytes } => write!(
                f,
                "not enough memory: no free run of {} KiB below 4 GiB; give the machine more",
                bytes.div_ceil(1024)
            ),
        }
    }
}

/// Sorted, disjoint regions.
#[derive(Clone, Debug, Default)]
pub struct MemoryMap {
    /// To the byte, as marked. Cutting to pages only when they are looked at
    /// makes the order of the marks irrelevant.
    regions: ArrayVec<Region, CAPACITY>,
}

impl MemoryMap {
    /// A map of nothing, but for page 0, which is never usable.
    pub fn new() -> Self {
        let mut regions = ArrayVec::new();
        regions.push(Region { range: PhysRange::from_length(0, PAGE), kind: Kind::Reserved });
        Self { regions }
    }

    /// The regions, lowest first.
    pub fn regions(&self) -> impl Iterator<Item = Region> {
        let cut = |&Region { range, kind }: &Region| {
            let range = if kind.is_paged() { range.inward() } else { range };
            Region { range, kind }
        };
        self.regions.iter().map(cut).filter(|region| !region.range.is_empty())
    }

    /// States that `range` is `kind`. Regions of higher precedence keep what
    /// they have.
    ///
    /// A page that holds something of the loader's is the loader's whole; one
    /// that is only partly usable is not usable.
    ///
    /// # Errors
    /// [`MapError::Full`].
    pub fn mark(&mut self, range: PhysRange, kind: Kind) -> Result<(), MapError> {
        let range = match kind {
            Kind::LoaderReclaimable | Kind::ExecutableAndModules => range.outward(),
            _ => range,
        };
        let mut marked = Self { regions: ArrayVec::new() };
        let mut uncovered = range.start();
        for &old in &self.regions {
            let gap = PhysRange::new(uncovered, old.range.start().min(range.end()));
            marked.push(Region { range: gap, kind })?;
            let shared = old.range.overlap(range);
            if shared.is_empty() {
                marked.push(old)?;
            } else {
                let before = PhysRange::new(old.range.start(), shared.start());
                let after = PhysRange::new(shared.end(), old.range.end());
                marked.push(Region { range: before, kind: old.kind })?;
                marked.push(Region { range: shared, kind: old.kind.max(kind) })?;
                marked.push(Region { range: after, kind: old.kind })?;
            }
            uncovered = uncovered.max(old.range.end());
        }
        marked.push(Region { range: PhysRange::new(uncovered, range.end()), kind })?;
        *self = marked;
        Ok(())
    }

    /// Takes `bytes`, rounded up to pages, of usable memory between 1 MiB and
    /// 4 GiB and marks them `kind`.
    ///
    /// The lowest fitting place is taken, so that the loader's memory lies
    /// together and the rest stays in long runs.
    ///
    /// # Errors
    /// [`MapError::OutOfMemory`], [`MapError::Full`].
    pub fn allocate(&mut self, bytes: u64, kind: Kind) -> Result<PhysRange, MapError> {
        let out_of_memory = MapError::OutOfMemory { bytes };
        let size = round_up(bytes).ok_or(out_of_memory)?;
        let window = PhysRange::new(ONE_MIB, FOUR_GIB);
        let fitting = self
            .regions()
            .filter(|region| region.kind == Kind::Usable)
            .map(|region| region.range.overlap(window))
            .find(|range| range.len() >= size)
            .ok_or(out_of_memory)?;
        let taken = PhysRange::from_length(fitting.start().as_u64(), size);
        self.mark(taken, kind)?;
        Ok(taken)
    }

    /// The kind at `address`, if the map says anything of it.
    pub fn kind_at(&self, address: PhysAddr) -> Option<Kind> {
        self.regions()
            .find(|Region { range, .. }| (range.start()..range.end()).contains(&address))
            .map(|region| region.kind)
    }

    /// Appends a region, merged with the last one where that is its
    /// continuation.
    fn push(&mut self, region: Region) -> Result<(), MapError> {
        if region.range.is_empty() {
            return Ok(());
        }
        if let Some(last) = self.regions.last_mut()
            && last.kind == region.kind
            && last.range.end() == region.range.start()
        {
            last.range = PhysRange::new(last.range.start(), region.range.end());
            return Ok(());
        }
        self.regions.try_push(region).map_err(|_| MapError::Full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KINDS: [Kind; 9] = [
        Kind::Usable,
        Kind::FirmwareReclaimable,
        Kind::LoaderReclaimable,
        Kind::ExecutableAndModules,
        Kind::AcpiReclaimable,
        Kind::AcpiNvs,
        Kind::Reserved,
        Kind::Framebuffer,
        Kind::Bad,
    ];

    fn range(start: u64, end: u64) -> PhysRange {
        PhysRange::from_length(start, end - start)
    }

    fn pc() -> MemoryMap {
        let mut map = MemoryMap::new();
        map.mark(range(0x10_0000, 0x1000_0000), Kind::Usable).unwrap();
        map.mark(range(0, 0x9_fc00), Kind::Usable).unwrap();
        map.mark(range(0x9_fc00, 0xa_0000), Kind::Reserved).unwrap();
        map
    }

    #[test]
    fn a_pc_map_is_sorted_and_page_aligned_without_page_0() {
        let expected = [
            Region { range: range(0, 0x1000), kind: Kind::Reserved },
            Region { range: range(0x1000, 0x9_f000), kind: Kind::Usable },
            Region { range: range(0x9_fc00, 0xa_0000), kind: Kind::Reserved },
            Region { range: range(0x10_0000, 0x1000_0000), kind: Kind::Usable },
        ];
        assert_eq!(pc().regions().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn allocations_start_at_1_mib_and_do_not_overlap() {
        let mut map = pc();
        let first = map.allocate(1, Kind::LoaderReclaimable).unwrap();
        let second = map.allocate(0x1001, Kind::ExecutableAndModules).unwrap();
        assert_eq!(first, range(0x10_0000, 0x10_1000));
        assert_eq!(second, range(0x10_1000, 0x10_3000));
        assert_eq!(map.kind_at(second.start()), Some(Kind::ExecutableAndModules));
    }

    #[test]
    fn firmware_memory_is_for_the_kernel_not_for_the_loader() {
        let mut map = MemoryMap::new();
        map.mark(range(0x10_0000, 0x20_0000), Kind::FirmwareReclaimable).unwrap();
        let error = map.allocate(0x1000, Kind::LoaderReclaimable).unwrap_err();
        assert_eq!(error, MapError::OutOfMemory { bytes: 0x1000 });
        assert_eq!(map.regions().last().unwrap().kind.protocol_type(), 0);
    }

    #[test]
    fn memory_above_4_gib_is_not_taken() {
        let mut map = MemoryMap::new();
        map.mark(range(1 << 32, 1 << 33), Kind::Usable).unwrap();
        assert!(map.allocate(1, Kind::LoaderReclaimable).is_err());
        assert!(map.allocate(u64::MAX, Kind::LoaderReclaimable).is_err());
    }

    #[test]
    fn too_many_regions_are_an_error() {
        let mut map = MemoryMap::new();
        let mut outcome = Ok(());
        for index in 1..=CAPACITY as u64 {
            outcome = map.mark(range(index * 0x4000, index * 0x4000 + 0x1000), Kind::Usable);
        }
        assert_eq!(outcome, Err(MapError::Full));
    }

    proptest! {
        #[test]
        fn any_marks_leave_a_sound_map(
            marks in prop::collection::vec((0u64..0x40_0000, 0u64..0x10_0000, 0usize..9), 0..60),
            takes in prop::collection::vec(1u64..0x2_0000, 0..8),
        ) {
            let mut map = MemoryMap::new();
            for &(start, length, kind) in &marks {
                map.mark(PhysRange::from_length(start, length), KINDS[kind]).unwrap();
            }
            let free = |map: &MemoryMap| -> u64 {
                map.regions().filter(|r| r.kind == Kind::Usable).map(|r| r.range.len()).sum()
            };
            for &bytes in &takes {
                let before = free(&map);
                if let Ok(range) = map.allocate(bytes, Kind::LoaderReclaimable) {
                    prop_assert_eq!(free(&map), before - range.len());
                    prop_assert!(range.start() >= ONE_MIB);
                }
            }
            let regions: Vec<_> = map.regions().collect();
            for pair in regions.windows(2) {
                prop_assert!(pair[0].range.end() <= pair[1].range.start());
            }
            for region in regions.iter() {
                prop_assert!(!region.range.is_empty());
                if region.kind.is_paged() {
                    prop_assert_eq!(region.range, region.range.inward());
                    prop_assert!(region.range.start().as_u64() >= PAGE);
                }
            }
            // Precedence: no address is of a lower kind than any mark on it.
            for &(start, length, kind) in &marks {
                let kind = KINDS[kind];
                for address in [start, start + length / 2, (start + length).saturating_sub(1)] {
                    if address >= start && address < start + length
                        && let Some(found) = map.kind_at(PhysAddr::new(address))
                    {
                        prop_assert!(found >= kind);
                    }
                }
            }
        }
    }
}
