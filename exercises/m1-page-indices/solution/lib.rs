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

/// How many bits lead to a byte of a page, and to an entry of a table.
const OFFSET_BITS: u32 = 12;
const INDEX_BITS: u32 = 9;
/// All bits that lead anywhere.
const ADDRESS_BITS: u32 = OFFSET_BITS + 4 * INDEX_BITS;

/// Takes a virtual address apart. What stands above bit 47 does not matter here.
pub fn path(address: u64) -> Path {
    let index = |level: u32| {
        let shifted = address >> (OFFSET_BITS + INDEX_BITS * level);
        (shifted & ((1 << INDEX_BITS) - 1)) as usize
    };
    let offset = (address & ((1 << OFFSET_BITS) - 1)) as usize;
    Path { pml4: index(3), pdpt: index(2), pd: index(1), pt: index(0), offset }
}

/// Whether the CPU accepts this address at all: bits 63 to 47 are all equal (Intel SDM
/// Vol. 1, 3.3.7.1 "Canonical Addressing").
pub fn is_canonical(address: u64) -> bool {
    sign_extended(address) == address
}

/// Puts an address together again, the canonical one of all that lead this way.
pub fn address(path: Path) -> u64 {
    let indices = [path.pml4, path.pdpt, path.pd, path.pt];
    let page = indices.iter().fold(0, |page, index| page << INDEX_BITS | *index as u64);
    sign_extended(page << OFFSET_BITS | path.offset as u64)
}

/// Bit 47 copied into all bits above.
fn sign_extended(address: u64) -> u64 {
    let above = u64::BITS - ADDRESS_BITS;
    ((address << above) as i64 >> above) as u64
}
