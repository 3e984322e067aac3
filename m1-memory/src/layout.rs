//! The address space, once M1 has built its own page tables.
//!
//! ```text
//! ffff_ffff_ffff_ffff +----------------------------------------------------+
//!                     | not used                                           |
//! ffff_ffff_e000_0000 +----------------------------------------------------+
//!                     | kernel stacks, one unmapped guard page below each  |
//! ffff_ffff_c000_0000 +----------------------------------------------------+
//!                     | kernel heap, RW NX, grown on demand                |
//! ffff_ffff_a000_0000 +----------------------------------------------------+
//!                     | kernel image: text RX, rodata R, data RW NX        |
//! ffff_ffff_8000_0000 +----------------------------------------------------+
//!                     | not used                                           |
//!                     +----------------------------------------------------+
//!                     | direct map of RAM, RW NX, large pages where they   |
//!                     | fit; the kernel's own image read-only              |
//! ffff_8000_0000_0000 +----------------------------------------------------+
//!                     | non-canonical: no such addresses                   |
//! 0000_8000_0000_0000 +----------------------------------------------------+
//!                     | user half, empty until M2                          |
//! 0000_0000_0000_0000 +----------------------------------------------------+
//! ```
//!
//! Everything of the kernel but the direct map hangs below PML4 entry 511.

use core::ops::Range;
use x86_64::VirtAddr;

/// Bytes of a page and a frame.
pub const PAGE_BYTES: u64 = 4096;

/// First address of the kernel's half.
pub const KERNEL_HALF: VirtAddr = VirtAddr::new_truncate(0xffff_8000_0000_0000);

/// Where physical address 0 appears.
pub const DIRECT_MAP: VirtAddr = VirtAddr::new_truncate(0xffff_8000_0000_0000);

/// One past the direct map: 64 TiB, far beyond what we manage.
pub const DIRECT_MAP_END: VirtAddr = VirtAddr::new_truncate(0xffff_c000_0000_0000);

/// The kernel's image (see `shared/kernel.ld`).
pub const IMAGE: Range<VirtAddr> = range(0xffff_ffff_8000_0000, 0xffff_ffff_a000_0000);

/// The heap's room to grow.
pub const HEAP: Range<VirtAddr> = range(0xffff_ffff_a000_0000, 0xffff_ffff_c000_0000);

/// Room for kernel stacks.
pub const STACKS: Range<VirtAddr> = range(0xffff_ffff_c000_0000, 0xffff_ffff_e000_0000);

const fn range(start: u64, end: u64) -> Range<VirtAddr> {
    VirtAddr::new_truncate(start)..VirtAddr::new_truncate(end)
}

/// The part of the layout that holds `address`, by name.
pub fn name_of(address: VirtAddr) -> &'static str {
    if address < KERNEL_HALF {
        "user half"
    } else if address < DIRECT_MAP_END {
        "direct map"
    } else if IMAGE.contains(&address) {
        "kernel image"
    } else if HEAP.contains(&address) {
        "kernel heap"
    } else if STACKS.contains(&address) {
        "kernel stacks"
    } else {
        "unused part of the kernel half"
    }
}
