//! What the direct map has to hold: all RAM, and nothing but RAM.

use super::access::Access;
use crate::layout::PAGE_BYTES;
use m0_boot::memory_map::{Kind, MemoryMap};
use x86_64::PhysAddr;

/// A stretch of RAM that is mapped alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RamRange {
    /// First byte.
    pub start: PhysAddr,
    /// One past the last byte.
    pub end: PhysAddr,
    /// How the direct map gives access to it.
    pub access: Access,
}

/// The RAM in `map`, in whole pages, neighbours with the same access as one (so
/// that large pages fit).
pub fn ranges(map: &MemoryMap) -> impl Iterator<Item = RamRange> {
    let mut pieces = map
        .iter()
        .filter_map(|region| {
            let start = region.start.align_up(PAGE_BYTES);
            let end = region.end.align_down(PAGE_BYTES);
            let access = access_for(region.kind)?;
            (start < end).then_some(RamRange { start, end, access })
        })
        .peekable();
    core::iter::from_fn(move || {
        let mut range = pieces.next()?;
        while let Some(next) =
            pieces.next_if(|next| next.start == range.end && next.access == range.access)
        {
            range.end = next.end;
        }
        Some(range)
    })
}

/// Access to RAM of one kind; None for what is no RAM of ours. The kernel's own
/// image is read-only in the direct map, so that no alias of its text can be
/// written.
fn access_for(kind: Kind) -> Option<Access> {
    match kind {
        Kind::Usable | Kind::BootloaderReclaimable | Kind::AcpiReclaimable => {
            Some(Access::KERNEL_DATA)
        }
        Kind::ExecutableAndModules => Some(Access::KERNEL_CONSTANTS),
        Kind::Reserved | Kind::AcpiNvs | Kind::Bad | Kind::Framebuffer => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_join_and_what_is_no_ram_stays_out() {
        let mut map = MemoryMap::default();
        let regions = [
            (0x1000, 0x9e000, Kind::Usable),
            (0x9f000, 0x1000, Kind::BootloaderReclaimable),
            (0xa0000, 0x6_0000, Kind::Reserved),
            (0x10_0000, 0x1800, Kind::AcpiReclaimable),
            (0x10_2000, 0x1000, Kind::ExecutableAndModules),
            (0x10_3000, 0x1000, Kind::Usable),
            (0x10_5000, 0x800, Kind::AcpiReclaimable),
        ];
        for (base, length, kind) in regions {
            map.push(base, length, kind).expect("in order");
        }
        let found: Vec<_> = ranges(&map)
            .map(|range| (range.start.as_u64(), range.end.as_u64(), range.access))
            .collect();
        let (data, constants) = (Access::KERNEL_DATA, Access::KERNEL_CONSTANTS);
        let expected = [
            (0x1000, 0xa0000, data),
            (0x10_0000, 0x10_1000, data),
            (0x10_2000, 0x10_3000, constants),
            (0x10_3000, 0x10_4000, data),
        ];
        assert_eq!(found, expected);
    }
}
