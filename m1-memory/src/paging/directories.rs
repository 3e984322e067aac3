//! The page directories that were passed last: half of every walk, kept at hand.
//!
//! ```text
//!   PML4 ─> PDPT ─> PD ─> PT ─> page
//!   └── remembered ─┘    └ read anew each time
//! ```
//!
//! A CPU remembers upper levels too (Intel SDM Vol. 3A, 5.10.3 "Paging-Structure
//! Caches"). We stop at the PD because what lies below it comes and goes: pages,
//! page tables, large pages that are split. All of that is read from memory each
//! time, so it can change without a word to this cache. There are but two things
//! to tell it: a directory is unlinked ([`forget`](Directories::forget)), or the
//! entries above one were opened further (the same).
//!
//! One directory covers 1 GiB. Slots go by the low bits of its number, so sixteen
//! neighbours never get in each other's way: the direct map of 14 GiB of RAM, say,
//! beside the image and the heap in one directory and the stacks in the next.

use super::access::Permits;
use super::entry::Level;
use core::cell::Cell;
use x86_64::VirtAddr;
use x86_64::structures::paging::PhysFrame;

/// How many are remembered; a power of two.
const SLOTS: usize = 16;
const _: () = assert!(SLOTS.is_power_of_two());

/// A page directory on the way to some addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Directory {
    /// The frame of the PD.
    pub(super) table: PhysFrame,
    /// What PML4 and PDPT permit.
    pub(super) above: Permits,
}

/// The directories passed last. Reading remembers too, hence the cells.
#[derive(Debug)]
pub(super) struct Directories {
    /// Which GiB, by number; `NONE` if none.
    numbers: [Cell<u64>; SLOTS],
    // Two more arrays, not one of structs: the CPU scales an index by 8 at most.
    tables: [Cell<PhysFrame>; SLOTS],
    above: [Cell<Permits>; SLOTS],
}

/// No address has so many GiB below it.
const NONE: u64 = u64::MAX;

impl Directories {
    /// None; `anything` is never read.
    pub(super) fn none(anything: PhysFrame) -> Self {
        Self {
            numbers: [const { Cell::new(NONE) }; SLOTS],
            tables: core::array::from_fn(|_| Cell::new(anything)),
            above: [const { Cell::new(Permits::ALL) }; SLOTS],
        }
    }

    /// The directory on the way to `address`, if it was passed lately.
    #[inline]
    pub(super) fn find(&self, address: VirtAddr) -> Option<Directory> {
        let number = number(address);
        let slot = slot(number);
        let found = || Directory { table: self.tables[slot].get(), above: self.above[slot].get() };
        (self.numbers[slot].get() == number).then(found)
    }

    /// The directory on the way to `address` is this one.
    #[inline]
    pub(super) fn remember(&self, address: VirtAddr, directory: Directory) {
        let number = number(address);
        let slot = slot(number);
        self.numbers[slot].set(number);
        self.tables[slot].set(directory.table);
        self.above[slot].set(directory.above);
    }

    /// What was said of the directory on the way to `address` holds no longer.
    pub(super) fn forget(&self, address: VirtAddr) {
        let number = number(address);
        let kept = &self.numbers[slot(number)];
        if kept.get() == number {
            kept.set(NONE);
        }
    }
}

/// The number of the GiB that `address` lies in.
#[inline]
fn number(address: VirtAddr) -> u64 {
    address.as_u64() / Level::Pdpt.entry_bytes()
}

#[inline]
fn slot(number: u64) -> usize {
    number as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;
    use x86_64::PhysAddr;

    const GIB: u64 = 1 << 30;

    fn directory(number: u64) -> Directory {
        let table = PhysFrame::containing_address(PhysAddr::new(number << 12));
        Directory { table, above: Permits::ALL }
    }

    fn found(kept: &Directories, address: u64) -> Option<u64> {
        let found = kept.find(VirtAddr::new(address));
        found.map(|directory| directory.table.start_address().as_u64() >> 12)
    }

    #[test]
    fn sixteen_neighbours_are_all_kept() {
        let kept = Directories::none(directory(0).table);
        for number in 0..16 {
            assert_eq!(found(&kept, number * GIB), None);
            kept.remember(VirtAddr::new(number * GIB + 5), directory(number + 1));
        }
        for number in 0..16 {
            assert_eq!(found(&kept, number * GIB), Some(number + 1));
            assert_eq!(found(&kept, number * GIB + GIB - 1), Some(number + 1));
        }
    }

    #[test]
    fn the_same_slot_holds_the_last() {
        let kept = Directories::none(directory(0).table);
        let (first, second) = (3 * GIB, 19 * GIB);
        kept.remember(VirtAddr::new(first), directory(1));
        kept.remember(VirtAddr::new(second), directory(2));
        assert_eq!((found(&kept, first), found(&kept, second)), (None, Some(2)));
        kept.forget(VirtAddr::new(first));
        assert_eq!(found(&kept, second), Some(2), "another's");
        kept.forget(VirtAddr::new(second + 7));
        assert_eq!(found(&kept, second), None);
    }
}
