//! A few free blocks of each class at hand, in front of the slabs.
//!
//! ```text
//!  class     heads       blocks                       counts
//!   …        +----+      +------+    +------+
//!   48 byte  |  --+----> | next-+--> | null |           2
//!   64 byte  | null                                     0
//! ```
//!
//! A slab in a busy heap is nearly always full, so giving each block back to its
//! slab would make slabs enter and leave their lists all the time. Instead the
//! last [`DEPTH`] freed blocks of a class wait here, whichever slabs they belong
//! to, and serve the next requests. For their slabs they are still in use.

use super::classes::{COUNT, Class};
use super::guard;
use super::slab::FreeBlock;
use core::ptr;

/// Most blocks of a class that wait.
pub const DEPTH: u8 = 8;

/// The waiting blocks, one list for each class, last in, first out.
#[derive(Debug)]
pub struct Cache {
    heads: [*mut FreeBlock; COUNT],
    counts: [u8; COUNT],
}

impl Cache {
    /// No blocks.
    pub const EMPTY: Self = Self { heads: [ptr::null_mut(); COUNT], counts: [0; COUNT] };

    /// How many blocks of a class wait.
    pub fn count(&self, class: Class) -> u8 {
        self.counts[class.index()]
    }

    /// The block that [`Cache::pop`] would take, or null.
    #[inline(always)]
    pub fn first(&self, class: Class) -> *mut FreeBlock {
        self.heads[class.index()]
    }

    /// Whether there is no room for another block.
    #[inline(always)]
    pub fn is_full(&self, class: Class) -> bool {
        self.counts[class.index()] >= DEPTH
    }

    /// Puts a block in front.
    ///
    /// # Safety
    /// It is a block of that class that nobody uses.
    #[inline(always)]
    pub unsafe fn push(&mut self, class: Class, block: *mut FreeBlock) {
        let head = &mut self.heads[class.index()];
        // SAFETY: as the contract says; a block has room for its link.
        unsafe {
            (*block).next = *head;
            guard::seal(block);
        }
        *head = block;
        self.counts[class.index()] += 1;
    }

    /// Takes `first`, the first block of a class, which is not null.
    ///
    /// # Safety
    /// `first` is what [`Cache::first`] said.
    #[inline(always)]
    pub unsafe fn pop(&mut self, class: Class, first: *mut FreeBlock) {
        // SAFETY: waiting blocks are free blocks.
        self.heads[class.index()] = unsafe { (*first).next };
        self.counts[class.index()] -= 1;
    }

    /// Whether the block at `address` waits here.
    pub fn contains(&self, class: Class, address: usize) -> bool {
        let mut block = self.first(class);
        for _ in 0..self.count(class) {
            if block.is_null() || block.addr() == address {
                break;
            }
            // SAFETY: waiting blocks are free blocks.
            block = unsafe { (*block).next };
        }
        block.addr() == address
    }
}
