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

/// The physical address of exactly the byte at the virtual `address`, which is canonical.
/// `root` is the physical address of the PML4. `None` if nothing is mapped there.
pub fn translate(tables: &impl Tables, root: u64, address: u64) -> Option<u64> {
    todo!("read the entry of the PML4 and return `None` if it is not present")
}
