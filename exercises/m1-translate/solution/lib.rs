//! Exercise: what the CPU finds for a virtual address.
//!
//! You walk the four levels of page tables as the CPU does, including the two places where
//! a page is so large that the walk ends early.

#![no_std]

/// One table: 512 entries of 8 bytes.
pub type Table = [u64; 512];

/// Reads tables by their physical address. The checks bring one that is simulated, and
/// then the kernel's own memory.
pub trait Tables {
    /// The entry `index` of the table at the physical address `table`.
    fn entry(&self, table: u64, index: usize) -> u64;
}

/// Bit 0: the entry leads somewhere (Intel SDM Vol. 3A, 5.5, Tables 5-15 to 5-20).
pub const PRESENT: u64 = 1 << 0;
/// Bit 7, PS, in entries of the PDPT and the PD: this is a page, not a table.
pub const LARGE: u64 = 1 << 7;
/// Bits 51 to 12: the physical address that a present entry holds. In a large page's entry
/// the low bits of these have other meanings or are 0.
pub const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// Where each level's index begins, the PML4's first.
const SHIFTS: [u32; 4] = [39, 30, 21, 12];

/// The physical address of exactly the byte at the virtual `address`, which is canonical.
/// `root` is the physical address of the PML4. `None` if nothing is mapped there.
pub fn translate(tables: &impl Tables, root: u64, address: u64) -> Option<u64> {
    let mut table = root;
    for shift in SHIFTS {
        let entry = tables.entry(table, (address >> shift) as usize & 511);
        if entry & PRESENT == 0 {
            return None;
        }
        let may_be_large = shift == 30 || shift == 21;
        if shift == 12 || (may_be_large && entry & LARGE != 0) {
            let inside = (1 << shift) - 1;
            return Some(entry & ADDRESS & !inside | address & inside);
        }
        table = entry & ADDRESS;
    }
    None
}
