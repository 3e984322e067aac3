//! Exercise: take a page away.
//!
//! To clear an entry is not enough: the CPU remembers translations. You write the function
//! that takes a mapping away so that it is gone for the CPU too.

#![no_std]

/// P: the entry is in use (Intel SDM Vol. 3A, 5.5.4 "Linear-Address Translation with
/// 4-Level Paging and 5-Level Paging", Tables 5-15 to 5-20, for this and the next two).
pub const PRESENT: u64 = 1 << 0;
/// PS: an entry of a PDPT or a PD maps a large page and leads to no table.
pub const LARGE: u64 = 1 << 7;
/// Bits 51 to 12: the physical address of a table or a page.
pub const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// Entries in a table.
pub const ENTRIES: usize = 512;

/// How far the index into a table is from bit 0 of a virtual address: PML4, PDPT, PD, PT.
pub const SHIFTS: [u32; 4] = [39, 30, 21, 12];

/// The index into the table whose shift is `shift`.
pub fn index(address: u64, shift: u32) -> usize {
    (address >> shift) as usize % ENTRIES
}

/// The page tables and the CPU that uses them.
pub trait Machine {
    /// Entry `index` of the table at the physical address `table`.
    fn read(&self, table: u64, index: usize) -> u64;

    /// Changes that entry, in memory.
    fn write(&mut self, table: u64, index: usize, entry: u64);

    /// The instruction `invlpg`: the CPU forgets what it remembers of the page at the
    /// virtual address `page`. It may read the tables again at once.
    fn flush(&mut self, page: u64);
}

/// Why there was nothing to take away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnmapError {
    /// No page is mapped there.
    NotMapped,
    /// The address lies in a large page, of which one cannot take away 4 KiB.
    LargePage,
}

/// Takes away the page at `page`, a multiple of 4096: its entry becomes 0, and the CPU
/// cannot use it any more when this returns. The tables stay. `root` is the physical
/// address of the PML4.
///
/// Returns the physical address of the frame that was mapped: it can be used for
/// something else now.
///
/// # Errors
/// See [`UnmapError`]; nothing has changed then.
pub fn unmap(machine: &mut impl Machine, root: u64, page: u64) -> Result<u64, UnmapError> {
    todo!("walk down to the PT that holds the entry of `page`, as the CPU does")
}
