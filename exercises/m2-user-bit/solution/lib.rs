//! Exercise: which pages ring 3 may use.
//!
//! One bit, U/S, keeps programs out of the kernel's memory. It stands in every entry of
//! a page walk, and every one has a say. You decide for a walk, open a page to a program,
//! and look for holes in the kernel's half. README.md beside this folder has the picture.

#![no_std]

/// P: the entry is in use.
pub const PRESENT: u64 = 1 << 0;
/// R/W: writes are allowed below this entry.
pub const WRITABLE: u64 = 1 << 1;
/// U/S: ring 3 is allowed below this entry.
pub const USER: u64 = 1 << 2;
/// PS, in an entry of a PDPT or PD: it maps a large page, and the walk ends here.
pub const LARGE: u64 = 1 << 7;
/// XD: no instruction fetches below this entry.
pub const NO_EXECUTE: u64 = 1 << 63;
/// Bits 51 to 12: the physical address of a table or a page.
pub const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// Entries in a table. The upper half of a PML4 is the kernel's.
pub const ENTRIES: usize = 512;

/// The level of the PML4. Below it: 3 for a PDPT, 2 for a PD, 1 for a PT.
pub const PML4: u32 = 4;

/// The page tables in memory. Tables are called by their physical addresses.
pub trait Tables {
    /// An entry of a table.
    fn read(&self, table: u64, index: usize) -> u64;
    /// Changes an entry of a table.
    fn write(&mut self, table: u64, index: usize, entry: u64);
    /// Makes a table whose entries are all 0.
    fn create(&mut self) -> u64;
}

/// log2 of the bytes that an entry of a table of `level` covers.
pub fn shift(level: u32) -> u32 {
    12 + 9 * (level - 1)
}

/// The index into the table of `level` for an address.
pub fn index(address: u64, level: u32) -> usize {
    (address >> shift(level)) as usize % ENTRIES
}

/// Whether the walk ends at this present entry of a table of `level`.
pub fn is_leaf(entry: u64, level: u32) -> bool {
    level == 1 || entry & LARGE != 0
}

/// Whether ring 3 may use the page that a walk leads to. `walk` holds the walk's entries,
/// from the PML4's to that of the page.
pub fn open_to_ring_3(walk: &[u64]) -> bool {
    walk.iter().all(|entry| entry & PRESENT != 0 && entry & USER != 0)
}

/// Maps the page at `page` to `frame` for a program: to be read and written, but not
/// executed.
///
/// The page lies in the user half and is not mapped yet. Some of the tables on the way
/// may be there already, even with U = 0, if the kernel has put a page of its own next to
/// this one. That page must stay the kernel's.
pub fn map_user(tables: &mut impl Tables, root: u64, page: u64, frame: u64) {
    let mut table = root;
    for level in (2..=PML4).rev() {
        let slot = index(page, level);
        let mut entry = tables.read(table, slot);
        if entry & PRESENT == 0 {
            entry = tables.create() | PRESENT | WRITABLE;
        }
        tables.write(table, slot, entry | USER);
        table = entry & ADDRESS;
    }
    let leaf = frame | PRESENT | WRITABLE | USER | NO_EXECUTE;
    tables.write(table, index(page, 1), leaf);
}

/// The lowest address of the kernel's half, 0xffff_8000_0000_0000 and above, that ring 3
/// may use; None is what a kernel wants.
pub fn first_exposed(tables: &impl Tables, root: u64) -> Option<u64> {
    search(tables, root, PML4, 0xffff << 48)
}

/// The same in one table of `level`, whose entry 0 covers `start`.
fn search(tables: &impl Tables, table: u64, level: u32, start: u64) -> Option<u64> {
    let first = if level == PML4 { ENTRIES / 2 } else { 0 };
    (first..ENTRIES).find_map(|slot| {
        let entry = tables.read(table, slot);
        let address = start + ((slot as u64) << shift(level));
        if !open_to_ring_3(&[entry]) {
            None
        } else if is_leaf(entry, level) {
            Some(address)
        } else {
            search(tables, entry & ADDRESS, level - 1, address)
        }
    })
}
