//! Reaching physical memory.
//!
//! Page tables and allocator metadata live at physical addresses; code reads
//! them through [`PhysicalMemory`]. On the machine that is the direct map; in
//! host tests it is a buffer, so the same paging code runs in both.

use crate::layout;
use core::fmt;
use x86_64::{PhysAddr, VirtAddr};

/// A way to reach the bytes behind physical addresses.
///
/// # Safety
/// For RAM that the caller owns, `pointer` is valid for reads and writes up to
/// the end of its 4 KiB frame, aligned as the address is, and stays so.
pub unsafe trait PhysicalMemory: Copy {
    /// A pointer to the byte at `address`. Making one is harmless; using it
    /// needs the ownership that the trait speaks of.
    fn pointer(&self, address: PhysAddr) -> *mut u8;
}

/// Physical memory as seen through the direct map at [`layout::DIRECT_MAP`].
#[derive(Clone, Copy, Debug)]
pub struct DirectMap(());

/// The loader's direct map is not where ours is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectMapMoved {
    /// Where the loader put it.
    pub found: VirtAddr,
}

impl fmt::Display for DirectMapMoved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (found, expected) = (self.found.as_u64(), layout::DIRECT_MAP.as_u64());
        write!(
            f,
            "the loader's direct map is at {found:#x}, this kernel needs {expected:#x}; \
             set `kaslr: no` and `randomise_hhdm_base: no` in limine.conf"
        )
    }
}

impl DirectMap {
    /// Access through the direct map, which the loader put at `found`.
    ///
    /// # Errors
    /// [`DirectMapMoved`] unless the loader's direct map is where ours will be,
    /// so that pointers stay good when the page tables are changed.
    pub fn new(found: VirtAddr) -> Result<Self, DirectMapMoved> {
        if found == layout::DIRECT_MAP { Ok(Self(())) } else { Err(DirectMapMoved { found }) }
    }
}

// SAFETY: `new` made sure that the loader maps RAM at this offset, and
// `paging::kernel` maps it again there.
unsafe impl PhysicalMemory for DirectMap {
    #[inline]
    fn pointer(&self, address: PhysAddr) -> *mut u8 {
        // A physical address has at most 52 bits, so nothing is carried over.
        (layout::DIRECT_MAP.as_u64() + address.as_u64()) as *mut u8
    }
}
