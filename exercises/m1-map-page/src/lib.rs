//! Exercise: map one page.
//!
//! Four tables lead from a virtual address to a frame. Some of them may not be there yet.
//! You write the function that walks down, makes what is missing, and puts the frame into
//! the last table, without taking anything away that is mapped already.

#![no_std]

/// P: the entry is in use (Intel SDM Vol. 3A, 5.5.4 "Linear-Address Translation with
/// 4-Level Paging and 5-Level Paging", Tables 5-15 to 5-20, for this and the next five).
pub const PRESENT: u64 = 1 << 0;
/// R/W: writes are allowed below this entry.
pub const WRITABLE: u64 = 1 << 1;
/// U/S: ring 3 is allowed below this entry.
pub const USER: u64 = 1 << 2;
/// PS: an entry of a PDPT or a PD maps a large page and leads to no table.
pub const LARGE: u64 = 1 << 7;
/// XD: no instruction fetches below this entry.
pub const NO_EXECUTE: u64 = 1 << 63;
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

/// The page tables, wherever they are: simulated ones, or those of a running kernel.
pub trait Tables {
    /// Entry `index` of the table at the physical address `table`.
    fn read(&self, table: u64, index: usize) -> u64;

    /// Changes that entry.
    fn write(&mut self, table: u64, index: usize, entry: u64);

    /// The physical address of a frame for a new table. It holds whatever its last owner
    /// left there. `None` if memory is used up.
    fn allocate(&mut self) -> Option<u64>;
}

/// Why a page was not mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// Another frame is mapped there.
    AlreadyMapped,
    /// A large page lies over the address.
    LargePage,
    /// There was no frame for a table.
    OutOfMemory,
}

/// Maps the page at `page` to the frame at the physical address `frame`, both multiples of
/// 4096. `root` is the physical address of the PML4. `flags` are those of the page: any of
/// [`WRITABLE`], [`USER`] and [`NO_EXECUTE`]; [`PRESENT`] is added here.
///
/// A table that is made on the way allows writes, and ring 3 if the page does; the page's
/// own entry decides. A table that was there is opened to ring 3 for a page of ring 3,
/// and otherwise left as it is.
///
/// # Errors
/// See [`MapError`]. Whatever was mapped before is mapped as before.
pub fn map(
    tables: &mut impl Tables,
    root: u64,
    page: u64,
    frame: u64,
    flags: u64,
) -> Result<(), MapError> {
    todo!("read the PML4's entry for `page`: is it present, and which table does it lead to?")
}
