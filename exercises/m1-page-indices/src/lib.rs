//! Exercise: a virtual address, taken apart.
//!
//! The CPU does not look an address up in one table but in four, one after the other. Four
//! groups of 9 bits say which entry of each, and 12 bits say which byte of the page.

#![no_std]

/// Where a virtual address leads in 4-level paging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// Entry of the page map level 4.
    pub pml4: usize,
    /// Entry of the page directory pointer table.
    pub pdpt: usize,
    /// Entry of the page directory.
    pub pd: usize,
    /// Entry of the page table.
    pub pt: usize,
    /// Byte of the page.
    pub offset: usize,
}

/// Takes a virtual address apart. What stands above bit 47 does not matter here.
pub fn path(address: u64) -> Path {
    todo!("the offset first: the low 12 bits of the address")
}

/// Whether the CPU accepts this address at all: bits 63 to 47 are all equal (Intel SDM
/// Vol. 1, 3.3.7.1 "Canonical Addressing").
pub fn is_canonical(address: u64) -> bool {
    todo!("look at bits 63 to 47 of the address")
}

/// Puts an address together again, the canonical one of all that lead this way.
pub fn address(path: Path) -> u64 {
    todo!("shift each index to its place; then copy bit 47 into the bits above it")
}
