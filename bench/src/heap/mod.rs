//! Heaps under a kernel's load.
//!
//! Workloads, in this order on one heap, all from the same seed; sizes "8..4096"
//! are uniform, alignment is 8:
//!
//! | names | what |
//! | --- | --- |
//! | `steady/{alloc,free}` | 512 slots; a random slot takes a block of 8..4096 bytes or gives it back. Operations in which the heap grew or shrank are left out … |
//! | `steady/resized` | … and counted here: how many of all operations |
//! | `usable/{64B,4096B,random}` | blocks of that size (8..4096 for `random`) until the heap would occupy more than [`FULL_BYTES`]: requested bytes of all that it occupies then |
//! | `largest-after-free` | `random`'s blocks are given back in random order: the largest block to be had then without growing beyond that memory, of that memory |
//!
//! What a heap occupies is counted from outside: for ours in frames that are
//! gone, page tables included, for a peer its whole arena.

pub mod ours;
mod run;

use crate::counter::Counter;
use crate::pages::Pages;
use crate::report::Report;
use core::alloc::Layout;
use run::{Run, random_size};

/// A heap under measurement.
///
/// # Safety
/// A block that `allocate` returns is valid and nobody else's until it is given
/// back.
pub unsafe trait HeapBench {
    /// A block, or null.
    fn allocate(&mut self, layout: Layout) -> *mut u8;

    /// Takes a block back.
    ///
    /// # Safety
    /// It came from `allocate` with this layout and is not used any more.
    unsafe fn deallocate(&mut self, block: *mut u8, layout: Layout);

    /// Bytes of memory that the heap occupies now.
    fn occupied_bytes(&self) -> u64;
}

/// What a heap may occupy at most while it is filled; a peer's arena.
pub const FULL_BYTES: u64 = 4 << 20;

/// Blocks that fill the memory if each is as small as 32 bytes.
const BLOCKS: u64 = FULL_BYTES / 32;

/// Memory for the bench's own table of blocks; to be made before the heap's own
/// memory is counted.
pub fn table() -> Pages {
    Pages::new(BLOCKS * 2 * size_of::<u64>() as u64)
        .unwrap_or_else(|error| panic!("bench: {error}"))
}

/// Puts a heap through all workloads.
pub fn measure(bench: &mut impl HeapBench, table: &mut Pages, counter: Counter, report: Report) {
    let mut run = Run::new(bench, table, counter, report);
    run.steady();
    run.usable("64B", |_| 64);
    run.usable("4096B", |_| 4096);
    run.usable("random", random_size);
    run.largest_after_free();
}
