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
//! first out. Blocks enter it a few at a time ([`Slab::carve`]), so that making
//! a slab costs the same whatever its number of blocks. A slab is in its class's
//! list exactly while its own list is not empty.

use super::classes::Class;
use super::guard;
use super::page_map::{Kind, PageMap, Record, Run};
use core::ptr;

/// Blocks that enter the list at a time.
const CARVED_AT_ONCE: u16 = 4;

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

/// Makes `run` a slab for `class`, with a first few blocks in its list.
///
/// # Safety
/// The run was taken for that, marked as a slab, and its pages are unused.
pub unsafe fn make(map: &PageMap, run: Run, class: Class) -> *mut Record {
    let slab = map.record(run.first);
    // SAFETY: the run's records are mapped; a block of it may start on any page.
    unsafe {
        for page in 1..run.pages {
            (*map.record(run.first.plus(page))).head = run.first;
        }
        (*slab).free = ptr::null_mut();
        (*slab).class = class;
        (*slab).live = 0;
        (*slab).carved = 0;
        (*slab).block_bytes = class.bytes() as u16;
        debug_assert_eq!((*slab).kind, Kind::Slab);
        carve(map, slab);
    }
    slab
}

/// Puts the next few untouched blocks into the slab's list, which is empty. It
/// stays so when there are none.
///
/// # Safety
/// `slab` is the record of a slab.
pub unsafe fn carve(map: &PageMap, slab: *mut Record) {
    // SAFETY: the blocks from `carved` to the capacity lie in the slab and were
    // never given out.
    unsafe {
        let (bytes, carved) = (usize::from((*slab).block_bytes), (*slab).carved);
        let until = (*slab).capacity().min(carved + CARVED_AT_ONCE);
        let start = map.address((*slab).head);
        for block in (carved..until).rev() {
            let block = start.wrapping_add(usize::from(block) * bytes).cast();
            guard::junk(block, bytes);
            push(slab, block);
        }
        (*slab).carved = until;
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
