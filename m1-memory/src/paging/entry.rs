//! One paging-structure entry, and the levels of the tree.
//!
//! ```text
//!  63 62     52 51                       12 11  9 8 7 6 5 4 3 2 1 0
//! +--+---------+---------------------------+-----+-+-+-+-+-+-+-+-+-+
//! |NX| ignored | physical address 51:12    | ign.|G|S|D|A|C|T|U|W|P|
//! +--+---------+---------------------------+-----+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! S (bit 7) says "this is a leaf" in a PDPT or PD entry; in a PT entry the bit
//! selects a memory type instead (Intel SDM Vol. 3A, 5.5.4 "Linear-Address
//! Translation with 4-Level Paging and 5-Level Paging", Tables 5-15 to 5-20).

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
    pub fn new(address: PhysAddr, flags: Flags) -> Self {
        Self((address.as_u64() & ADDRESS_MASK) | flags.bits())
    }

    /// Its address field.
    pub fn address(self) -> PhysAddr {
        PhysAddr::new(self.0 & ADDRESS_MASK)
    }

    /// The table it points to.
    pub fn table(self) -> PhysFrame {
        PhysFrame::containing_address(self.address())
    }

    /// Its flags.
    pub fn flags(self) -> Flags {
        Flags::from_bits_truncate(self.0)
    }

    /// Whether the CPU uses the entry at all.
    pub fn is_present(self) -> bool {
        self.flags().contains(Flags::PRESENT)
    }

    /// Whether the walk ends at this entry of a table of `level`.
    pub fn is_leaf(self, level: Level) -> bool {
        level == Level::Pt || self.flags().contains(Flags::LARGE)
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
    const fn shift(self) -> u32 {
        12 + 9 * self as u32
    }

    /// Bytes that one entry of this table covers.
    pub const fn entry_bytes(self) -> u64 {
        1 << self.shift()
    }

    /// The index into this table for an address.
    pub fn index(self, address: VirtAddr) -> u16 {
        (address.as_u64() >> self.shift()) as u16 % ENTRIES
    }

    /// The table that an entry of this one points to.
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
}
