//! What an address is mapped to, in two machine words.
//!
//! ```text
//!   word 0   physical address of exactly that byte
//!   word 1   the leaf entry's flags; its level in bits 10:9, which the CPU
//!            leaves to software (SDM Vol. 3A, Tables 5-17, 5-19 and 5-20)
//! ```
//!
//! P is 1 in every leaf, so the second word is never 0 and "nothing" needs no
//! room of its own: `Option<Translation>` comes back in two registers.

use super::access::Rights;
use super::entry::{Entry, Flags, Level};
use core::fmt;
use core::num::NonZero;
use x86_64::{PhysAddr, VirtAddr};

/// What an address is mapped to.
#[derive(Clone, Copy)]
pub struct Translation {
    /// The physical address of exactly that byte.
    pub physical: PhysAddr,
    /// See the module.
    leaf: NonZero<u64>,
}

const _: () = assert!(size_of::<Option<Translation>>() == 16);

/// Where the level stands in the second word.
const LEVEL_SHIFT: u32 = 9;
const LEVEL_MASK: u64 = 3 << LEVEL_SHIFT;

impl Translation {
    /// What `address` means if its entry of `level` is `entry`: nothing, or the
    /// leaf that it is. Mappers write no entry that is neither present nor 0.
    #[inline]
    pub(super) fn of_leaf(entry: Entry, level: Level, address: VirtAddr) -> Option<Self> {
        debug_assert!(entry.is_present() || entry == Entry::EMPTY);
        let leaf = NonZero::new(entry.bits())? | ((level as u64) << LEVEL_SHIFT);
        let offset = address.as_u64() & (level.entry_bytes() - 1);
        let physical = PhysAddr::new_truncate(entry.page(level).as_u64() | offset);
        Some(Self { physical, leaf })
    }

    /// The level of the leaf, which gives the page's size.
    pub fn level(&self) -> Level {
        match (self.leaf.get() & LEVEL_MASK) >> LEVEL_SHIFT {
            0 => Level::Pt,
            1 => Level::Pd,
            _ => Level::Pdpt,
        }
    }

    /// What may be done there. The entries above the leaf permit it too.
    pub fn rights(&self) -> Rights {
        Rights::ALL.through(Flags::from_bits_truncate(self.leaf.get()))
    }
}

impl PartialEq for Translation {
    fn eq(&self, other: &Self) -> bool {
        // Not the whole entry: the CPU sets A and D as it likes.
        self.physical == other.physical
            && self.level() == other.level()
            && self.rights() == other.rights()
    }
}

impl Eq for Translation {}

impl fmt::Debug for Translation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Translation")
            .field("physical", &self.physical)
            .field("level", &self.level())
            .field("rights", &self.rights())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::access::Access;
    use super::*;

    #[test]
    fn byte_level_and_rights_come_back() {
        for level in [Level::Pt, Level::Pd, Level::Pdpt] {
            for access in [Access::KERNEL_DATA, Access::USER_CODE, Access::KERNEL_CONSTANTS] {
                let page = PhysAddr::new(0x000f_ffff_c000_0000);
                let leaf = Entry::leaf(page, level, access);
                let offset = level.entry_bytes() - 3;
                let address = VirtAddr::new(0xffff_8000_c000_0000 + offset);
                let found = Translation::of_leaf(leaf, level, address).expect("present");
                assert_eq!(found.physical.as_u64(), page.as_u64() + offset);
                assert_eq!((found.level(), found.rights()), (level, access.rights()));
            }
        }
        assert_eq!(Translation::of_leaf(Entry::EMPTY, Level::Pt, VirtAddr::zero()), None);
    }

    #[test]
    fn what_the_cpu_notes_makes_no_difference() {
        let leaf = Entry::leaf(PhysAddr::new(0x5000), Level::Pt, Access::USER_DATA);
        let used = Entry::from_bits(leaf.bits() | (Flags::ACCESSED | Flags::DIRTY).bits());
        let translate = |entry| Translation::of_leaf(entry, Level::Pt, VirtAddr::zero());
        assert_eq!(translate(leaf), translate(used));
    }
}
