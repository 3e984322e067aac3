//! Ranges of physical memory, and the page size everything is counted in.
//!
//! [`PhysRange`] is half-open and never ends before it starts. Addresses are
//! `x86_64`'s [`PhysAddr`] and [`VirtAddr`], so neither is taken for the other.

use x86_64::{PhysAddr, VirtAddr};

/// Bytes in a page (Intel SDM, vol. 3A, sec. 4.3 "32-Bit Paging" and on).
pub const PAGE: u64 = 4096;

/// Where the direct map (HHDM) of physical memory starts: the first address of
/// the higher half under 4-level paging.
pub const HHDM: VirtAddr = VirtAddr::new(0xffff_8000_0000_0000);

/// 1 MiB: below lies what firmware and real-mode code want for themselves.
pub const ONE_MIB: PhysAddr = PhysAddr::new(1 << 20);

/// 4 GiB: the loader reaches, and therefore allocates, only memory below.
pub const FOUR_GIB: PhysAddr = PhysAddr::new(1 << 32);

/// The first address that no x86-64 CPU has (Intel SDM, vol. 3A, sec. 4.1.4
/// "Enumeration of Paging Features by CPUID": at most 52 bits).
const PHYS_LIMIT: u64 = 1 << 52;

/// Where the direct map shows `address`.
pub fn direct(address: PhysAddr) -> VirtAddr {
    HHDM + address.as_u64()
}

/// A half-open range of physical addresses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PhysRange {
    start: PhysAddr,
    end: PhysAddr,
}

impl core::fmt::Debug for PhysRange {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:#x}..{:#x}", self.start, self.end)
    }
}

impl PhysRange {
    /// From `start` up to `end`; empty where `end` lies below `start`.
    pub fn new(start: PhysAddr, end: PhysAddr) -> Self {
        Self { start, end: end.max(start) }
    }

    /// `length` bytes from `start`, as firmware states ranges. What lies
    /// beyond the physical address space is cut off.
    pub fn from_length(start: u64, length: u64) -> Self {
        let clamp = |address: u64| PhysAddr::new(address.min(PHYS_LIMIT - PAGE));
        Self { start: clamp(start), end: clamp(start.saturating_add(length)) }
    }

    /// The first address.
    pub fn start(self) -> PhysAddr {
        self.start
    }

    /// The first address behind the range.
    pub fn end(self) -> PhysAddr {
        self.end
    }

    /// Length in bytes.
    pub fn len(self) -> u64 {
        self.end - self.start
    }

    /// Whether there is nothing in it.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The part that `self` and `other` share.
    pub fn overlap(self, other: Self) -> Self {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }

    /// The whole pages inside.
    pub fn inward(self) -> Self {
        Self::new(PhysAddr::new((self.start.as_u64() + PAGE - 1) & !(PAGE - 1)), {
            self.end.align_down(PAGE)
        })
    }

    /// All pages touched.
    pub fn outward(self) -> Self {
        Self::new(self.start.align_down(PAGE), self.end.align_up(PAGE))
    }
}

/// `bytes` rounded up to whole pages, unless that overflows.
pub fn round_up(bytes: u64) -> Option<u64> {
    bytes.checked_next_multiple_of(PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_shrinks_to_whole_pages_and_grows_to_touched_ones() {
        let range = PhysRange::from_length(0x1001, 0x2fff);
        assert_eq!(range.inward(), PhysRange::from_length(0x2000, 0x2000));
        assert_eq!(range.outward(), PhysRange::from_length(0x1000, 0x3000));
        assert!(PhysRange::from_length(0x1001, 0xffe).inward().is_empty());
    }

    #[test]
    fn a_range_beyond_the_address_space_is_cut_off() {
        let range = PhysRange::from_length(0x1000, u64::MAX);
        assert_eq!(range.end().as_u64(), (1 << 52) - PAGE);
        assert!(PhysRange::from_length(u64::MAX, u64::MAX).is_empty());
    }
}
