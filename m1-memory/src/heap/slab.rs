//! Slabs: runs of pages cut into blocks of one class.
//!
//! ```text
//!  record   free ---+      live 3, carved 5, capacity 8
//!                   v
//!  pages    | used | next | used | used | next |  untouched        |
//!                     |                    ^
//!                     +--------------------+
//! ```
//!
//! The free blocks of a slab are a list through the blocks themselves, last in,
//! first out. Blocks enter it one by one ([`carve`]) when it has run empty, so
//! that making a slab costs the same whatever its number of blocks. A slab is in
//! its class's list exactly while its own list is not empty.

use super::classes::Class;
use super::guard;
use super::page_map::{Kind, PAGE, Page, PageMap, Record};
use core::ptr;

/// The first bytes of a free block.
#[derive(Debug)]
#[repr(C)]
pub struct FreeBlock {
    /// The next free block of the slab.
    pub next: *mut FreeBlock,
    /// Ties the block to its neighbour in the list; debug builds only.
    pub seal: usize,
}

const _: () = assert!(size_of::<FreeBlock>() <= super::classes::GRAIN);

/// Makes the run at `first` a slab for `class`, whose first block is given out.
///
/// # Safety
/// The run was taken for that, marked as a slab, and its pages are unused.
#[inline(always)]
pub unsafe fn make(map: &PageMap, first: Page, class: Class) -> *mut Record {
    let slab = map.record(first);
    // SAFETY: the run's records are mapped.
    unsafe {
        debug_assert_eq!((*slab).kind, Kind::Slab);
        (*slab).free = ptr::null_mut();
        (*slab).next = Page::NONE;
        (*slab).previous = Page::NONE;
        (*slab).live = 1;
        (*slab).carved = 1;
        (*slab).block_bytes = class.bytes() as u16;
        (*slab).class = class;
        carve(map, slab);
    }
    slab
}

/// Puts the next untouched block into the slab's list, which is empty. It stays
/// so when there is none.
///
/// # Safety
/// `slab` is the record of a slab.
#[inline(always)]
pub unsafe fn carve(map: &PageMap, slab: *mut Record) {
    // SAFETY: a block behind the carved ones and within the pages was never
    // given out; the records of the pages are mapped.
    unsafe {
        let (head, bytes) = ((*slab).head, usize::from((*slab).block_bytes));
        let offset = usize::from((*slab).carved) * bytes;
        if offset + bytes > (*slab).pages as usize * PAGE {
            return;
        }
        (*slab).carved += 1;
        // From here on a block starts on this page.
        (*map.record(head.plus((offset / PAGE) as u32))).head = head;
        let block = map.address(head).wrapping_add(offset).cast();
        guard::junk(block, bytes);
        push(slab, block);
    }
}

/// Puts a block at the head of its slab's list. Returns the former head.
///
/// # Safety
/// `block` is a block of `slab` that nobody uses and that is not in the list.
#[inline(always)]
pub unsafe fn push(slab: *mut Record, block: *mut FreeBlock) -> *mut FreeBlock {
    // SAFETY: as the contract says; a block has room for its links.
    unsafe {
        let next = (*slab).free;
        (*block).next = next;
        guard::seal(block);
        (*slab).free = block;
        next
    }
}
