//! One paging-structure entry, and the levels of the tree.
//!
//! ```text
//!  63 62 61      52 51                       12 11  9 8 7 6 5 4 3 2 1 0
//! +--+-+-----------+---------------------------+-----+-+-+-+-+-+-+-+-+-+
//! |NX| | count     | physical address 51:12    | ign.|G|S|D|A|C|T|U|W|P|
//! +--+-+-----------+---------------------------+-----+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! S (bit 7) says "this is a leaf" in a PDPT or PD entry. In a PT entry that bit
//! is PAT, which with C and T selects a memory type; in a large leaf PAT is bit
//! 12, the lowest of the address field, which a large page's alignment leaves
//! free (Intel SDM Vol. 3A, 5.5.4 "Linear-Address Translation with 4-Level
//! Paging and 5-Level Paging", Tables 5-15 to 5-20).
//!
//! The CPU ignores bits 62:52 of an entry that points to a table. We keep there
//! how many entries of that table are in use, so that a table that has become
//! empty is known without a look at its 512 entries.

use super::access::Access;
use bitflags::bitflags;
use x86_64::structures::paging::PhysFrame;
use x86_64::{PhysAddr, VirtAddr};

bitflags! {
    /// The bits of an entry that are not its address.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Flags: u64 {
        /// P: the entry is in use.
        const PRESENT = 1 << 0;
        /// R/W: writes are allowed below this entry.
        const WRITABLE = 1 << 1;
        /// U/S: ring 3 is allowed below this entry.
        const USER = 1 << 2;
        /// PWT: write through the cache (with PCD and PAT, the memory type).
        const WRITE_THROUGH = 1 << 3;
        /// PCD: do not cache.
        const CACHE_DISABLE = 1 << 4;
        /// A: the CPU has used the entry.
        const ACCESSED = 1 << 5;
        /// D: the CPU has written through the entry.
        const DIRTY = 1 << 6;
        /// PS: the entry maps a large page.
        const LARGE = 1 << 7;
        /// G: the translation survives a change of CR3.
        const GLOBAL = 1 << 8;
        /// XD: no instruction fetches below this entry.
        const NO_EXECUTE = 1 << 63;
    }
}

/// Bits 51 to 12: the physical address of a table or a page.
const ADDRESS_MASK: u64 = 0x000f_ffff_ffff_f000;

/// PAT, where a leaf of 4 KiB has it.
const PAT_SMALL: u64 = 1 << 7;
/// PAT, where a large leaf has it.
const PAT_LARGE: u64 = 1 << 12;

/// Adds one entry in use to the table that an entry points to.
pub(super) const COUNT_ONE: u64 = 1 << 52;
const COUNT_MASK: u64 = 0x3ff << 52;
const _: () = assert!(COUNT_MASK / COUNT_ONE > ENTRIES as u64);

/// Entries in a table.
pub const ENTRIES: u16 = 512;

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Entry(u64);

impl Entry {
    /// An entry that is not present.
    pub const EMPTY: Self = Self(0);

    /// An entry pointing to a frame or table.
    #[inline]
    pub fn new(address: PhysAddr, flags: Flags) -> Self {
        Self((address.as_u64() & ADDRESS_MASK) | flags.bits())
    }

    /// A leaf of a table of `level` that gives `access` to `physical`.
    #[inline]
    pub fn leaf(physical: PhysAddr, level: Level, access: Access) -> Self {
        let large = if level == Level::Pt { Flags::empty() } else { Flags::LARGE };
        Self::new(physical, access.leaf_flags() | large)
    }

    #[inline]
    pub(super) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    #[inline]
    pub(super) const fn bits(self) -> u64 {
        self.0
    }

    /// Where the page of this leaf of `level` begins: the address field without
    /// the PAT bit of a large leaf.
    #[inline]
    pub fn page(self, level: Level) -> PhysAddr {
        PhysAddr::new_truncate(self.0 & ADDRESS_MASK & !(level.entry_bytes() - 1))
    }

    /// This leaf with other rights; address, memory type, A and D stay.
    #[must_use]
    pub fn with_access(self, access: Access) -> Self {
        let rights = Flags::WRITABLE | Flags::USER | Flags::GLOBAL | Flags::NO_EXECUTE;
        Self((self.0 & !rights.bits()) | access.leaf_flags().bits())
    }

    /// This leaf of `level` on another page, which nobody has used or written;
    /// rights and memory type stay.
    #[must_use]
    pub fn moved_to(self, physical: PhysAddr, level: Level) -> Self {
        let used = Flags::ACCESSED | Flags::DIRTY;
        let kept = self.0 & !used.bits() & !self.page(level).as_u64();
        Self(kept | physical.as_u64())
    }

    /// Entry `index` of the table, one level down, that maps what this large
    /// leaf of `level` maps, with the same rights, memory type, A, D and G.
    #[must_use]
    pub fn part(self, level: Level, index: u16) -> Self {
        let Some(below) = level.below() else { return self };
        let address = self.page(level).as_u64() + u64::from(index) * below.entry_bytes();
        let mut rest = self.0 & !ADDRESS_MASK;
        if below == Level::Pt {
            rest &= !Flags::LARGE.bits();
        }
        if self.0 & PAT_LARGE != 0 {
            rest |= if below == Level::Pt { PAT_SMALL } else { PAT_LARGE };
        }
        Self(address | rest)
    }

    /// How many entries of the table it points to are in use.
    #[inline]
    pub fn count(self) -> u16 {
        ((self.0 & COUNT_MASK) / COUNT_ONE) as u16
    }

    /// Its address field.
    #[inline]
    pub fn address(self) -> PhysAddr {
        PhysAddr::new_truncate(self.0 & ADDRESS_MASK)
    }

    /// The table it points to.
    #[inline]
    pub fn table(self) -> PhysFrame {
        PhysFrame::containing_address(self.address())
    }

    /// Its flags.
    #[inline]
    pub fn flags(self) -> Flags {
        Flags::from_bits_truncate(self.0)
    }

    /// Whether the CPU uses the entry at all.
    #[inline]
    pub fn is_present(self) -> bool {
        self.0 & Flags::PRESENT.bits() != 0
    }

    /// Whether it leads on to a table. For entries of a PDPT or PD: one of a PT
    /// has another meaning for bit 7, and one of a PML4 is never a leaf.
    #[inline]
    pub fn is_table(self) -> bool {
        // Without P, bit 0 of the difference is 1; with it, S is as it was.
        let both = (Flags::PRESENT | Flags::LARGE).bits();
        self.0.wrapping_sub(Flags::PRESENT.bits()) & both == 0
    }

    /// Whether the walk ends at this entry of a table of `level`.
    #[inline]
    pub fn is_leaf(self, level: Level) -> bool {
        level == Level::Pt || self.0 & Flags::LARGE.bits() != 0
    }
}

/// A level of the tree, named after its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Page table: entries map 4 KiB.
    Pt,
    /// Page directory: entries cover 2 MiB.
    Pd,
    /// Page-directory-pointer table: entries cover 1 GiB.
    Pdpt,
    /// PML4: entries cover 512 GiB; never leaves.
    Pml4,
}

impl Level {
    /// log2 of the bytes one entry covers.
    #[inline]
    const fn shift(self) -> u32 {
        12 + 9 * self as u32
    }

    /// Bytes that one entry of this table covers.
    #[inline]
    pub const fn entry_bytes(self) -> u64 {
        1 << self.shift()
    }

    /// The index into this table for an address.
    #[inline]
    pub fn index(self, address: VirtAddr) -> u16 {
        (address.as_u64() >> self.shift()) as u16 % ENTRIES
    }

    /// The page size of a leaf at this level, as people write it.
    pub const fn page_name(self) -> &'static str {
        match self {
            Self::Pt => "4 KiB",
            Self::Pd => "2 MiB",
            Self::Pdpt => "1 GiB",
            Self::Pml4 => "512 GiB",
        }
    }

    /// The table whose entries point to tables of this level.
    #[inline]
    pub fn above(self) -> Option<Self> {
        match self {
            Self::Pt => Some(Self::Pd),
            Self::Pd => Some(Self::Pdpt),
            Self::Pdpt => Some(Self::Pml4),
            Self::Pml4 => None,
        }
    }

    /// The table that an entry of this one points to.
    #[inline]
    pub fn below(self) -> Option<Self> {
        match self {
            Self::Pml4 => Some(Self::Pdpt),
            Self::Pdpt => Some(Self::Pd),
            Self::Pd => Some(Self::Pt),
            Self::Pt => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_splits_into_four_indices() {
        let address = VirtAddr::new(0xffff_ffff_8020_1000);
        let levels = [Level::Pml4, Level::Pdpt, Level::Pd, Level::Pt];
        assert_eq!(levels.map(|level| level.index(address)), [511, 510, 1, 1]);
    }

    #[test]
    fn levels_cover_the_manual_s_sizes() {
        assert_eq!(Level::Pt.entry_bytes(), 4 << 10);
        assert_eq!(Level::Pd.entry_bytes(), 2 << 20);
        assert_eq!(Level::Pdpt.entry_bytes(), 1 << 30);
        assert_eq!(Level::Pml4.entry_bytes(), 512 << 30);
    }

    #[test]
    fn address_and_flags_do_not_mix() {
        let flags = Flags::PRESENT | Flags::NO_EXECUTE;
        let entry = Entry::new(PhysAddr::new(0x000f_ffff_ffff_f000), flags);
        assert_eq!(entry.address().as_u64(), 0x000f_ffff_ffff_f000);
        assert_eq!(entry.flags(), flags);
    }

    #[test]
    fn the_pat_bit_moves_when_a_large_page_is_split() {
        let used = Flags::ACCESSED | Flags::DIRTY | Flags::CACHE_DISABLE;
        let plain = Entry::leaf(PhysAddr::new(0x4000_0000), Level::Pdpt, Access::KERNEL_DATA);
        let large = Entry(plain.0 | used.bits() | PAT_LARGE);
        assert_eq!(large.page(Level::Pdpt).as_u64(), 0x4000_0000);
        let middle = large.part(Level::Pdpt, 3);
        assert_eq!(middle.0, large.0 + 3 * Level::Pd.entry_bytes(), "PAT stays at bit 12");
        let small = middle.part(Level::Pd, 5);
        assert_eq!(small.page(Level::Pt).as_u64(), 0x4060_5000);
        assert_eq!(small.0 & 0xfff, (large.0 & 0xfff) | PAT_SMALL, "PAT is bit 7 in a PT");
        let without = plain.part(Level::Pdpt, 0).part(Level::Pd, 0);
        assert!(!without.flags().contains(Flags::LARGE), "bit 7 would be PAT");
        assert_eq!(without.flags(), Access::KERNEL_DATA.leaf_flags());
    }

    #[test]
    fn rights_and_page_change_independently() {
        let leaf = Entry::leaf(PhysAddr::new(0x20_0000), Level::Pd, Access::KERNEL_DATA);
        let leaf = Entry(leaf.0 | PAT_LARGE | (Flags::ACCESSED | Flags::DIRTY).bits());
        let closed = leaf.with_access(Access::KERNEL_CONSTANTS);
        assert_eq!(closed.0, leaf.0 & !Flags::WRITABLE.bits());
        let moved = leaf.moved_to(PhysAddr::new(0x60_0000), Level::Pd);
        assert_eq!(moved.page(Level::Pd).as_u64(), 0x60_0000);
        assert_eq!(moved.0 & PAT_LARGE, PAT_LARGE);
        assert!(!moved.flags().intersects(Flags::ACCESSED | Flags::DIRTY));
    }
}
