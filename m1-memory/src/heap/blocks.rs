//! The heap: blocks of any size from the pages of a range.
//!
//! ```text
//!   layout --> class? --yes--> cache --empty--> slab --none--> new slab
//!                |                                                |
//!                no --> run of pages <----------------------------+
//!                         |  no run fits
//!                         +--> grow --> reserves given back --> null
//! ```
//!
//! The way through the cache is the cost of nearly every call:
//! [`Heap::allocate`] and [`Heap::deallocate`] are written for it, and leave all
//! else to functions marked cold. `partial` holds, for each class, a slab with a
//! free block; the others hang behind it. Blocks come from that first slab until
//! it is full, so the others get the time to become empty, and an empty slab goes
//! back to the runs, except the last one of its class.
//!
//! Blocks larger than the largest class are runs of pages. Alignments beyond a
//! page are served by a longer run whose ends are given back.

use super::cache::Cache;
use super::classes::{COUNT, Class};
use super::guard;
use super::page_map::{PageMap, Record};
use super::runs::Runs;
use super::slab::FreeBlock;
use super::source::PageSource;
use core::alloc::Layout;
use core::ptr::{self, NonNull};

/// What is counted on every call; the rest of the statistics is in the page map.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) used_bytes: usize,
    pub(super) peak_bytes: usize,
    pub(super) allocations: u64,
    pub(super) failures: u64,
}

/// A heap over a range of pages.
#[derive(Debug)]
pub struct Heap<S> {
    /// Free blocks to be given out next.
    pub(super) cache: Cache,
    /// For each class the slab that serves it, null if none has a free block.
    pub(super) partial: [*mut Record; COUNT],
    pub(super) counts: Counts,
    pub(super) runs: Runs<S>,
}

// SAFETY: the pointers lead into the heap's own range; nothing in it belongs to
// a particular thread.
unsafe impl<S: Send> Send for Heap<S> {}

impl<S: PageSource> Heap<S> {
    /// An empty heap over `pages` pages from `base` on. Touches no memory.
    ///
    /// # Safety
    /// `base` is on a page boundary, the range is this
    /// heap's alone, and `source` backs its pages.
    pub const unsafe fn new(base: *mut u8, pages: u32, source: S) -> Self {
        let map = PageMap::new(base, pages);
        Self {
            cache: Cache::EMPTY,
            partial: [ptr::null_mut(); COUNT],
            counts: Counts { used_bytes: 0, peak_bytes: 0, allocations: 0, failures: 0 },
            // SAFETY: as the contract says.
            runs: unsafe { Runs::new(map, source) },
        }
    }

    /// A block for `layout`, or `None` if there is no memory for it.
    #[inline]
    pub fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        match Class::of_common(layout) {
            Some(class) => self.allocate_small(class),
            None => self.allocate_uncommon(layout),
        }
    }

    /// Takes a block back.
    ///
    /// # Safety
    /// It came from this heap with the same layout, and nobody uses it any more.
    #[inline]
    pub unsafe fn deallocate(&mut self, block: NonNull<u8>, layout: Layout) {
        if guard::ON {
            self.examine(block, layout);
        }
        // SAFETY: as the contract says.
        unsafe {
            match Class::of_common(layout) {
                Some(class) => self.deallocate_small(block, class),
                None => self.deallocate_uncommon(block, layout),
            }
        }
    }

    /// Gives a block another size: in its place where possible, else in a new
    /// one. `None` if there is no memory; the block is then as it was.
    ///
    /// # Safety
    /// As for [`Heap::deallocate`], if a block is returned; `new_size` is not
    /// zero and fits the alignment as [`Layout`] demands.
    pub unsafe fn reallocate(
        &mut self,
        block: NonNull<u8>,
        layout: Layout,
        new_size: usize,
    ) -> Option<NonNull<u8>> {
        if guard::ON {
            self.examine(block, layout);
        }
        // SAFETY: as the contract says.
        unsafe {
            let new_layout = Layout::from_size_align_unchecked(new_size, layout.align());
            if self.resize_in_place(block, layout, new_layout) {
                return Some(block);
            }
            let new = self.allocate(new_layout)?;
            let kept = layout.size().min(new_size);
            ptr::copy_nonoverlapping(block.as_ptr(), new.as_ptr(), kept);
            self.deallocate(block, layout);
            Some(new)
        }
    }

    #[inline(always)]
    pub(super) fn allocate_small(&mut self, class: Class) -> Option<NonNull<u8>> {
        let block = self.cache.first(class);
        // SAFETY: a block in the cache is a free block of its class; a slab in
        // the list of a class has a free block.
        unsafe {
            if block.is_null() {
                let slab = self.partial[class.index()];
                return match slab.is_null() {
                    false => self.allocate_from_slab(slab, class),
                    true => self.allocate_from_new_slab(class),
                };
            }
            if guard::ON {
                accept(guard::examine_cached(self.runs.map(), block, class));
            }
            self.cache.pop(class, block);
            Some(self.hand_out(block, class))
        }
    }

    /// # Safety
    /// As for [`Heap::deallocate`].
    #[inline(always)]
    pub(super) unsafe fn deallocate_small(&mut self, block: NonNull<u8>, class: Class) {
        let block = block.as_ptr().cast();
        self.counts.used_bytes -= class.bytes();
        // SAFETY: as the contract says.
        unsafe {
            guard::junk(block, class.bytes());
            if self.cache.is_full(class) {
                return self.deallocate_to_slab(block);
            }
            self.cache.push(class, block);
        }
    }

    /// Counts a block that is given out.
    ///
    /// # Safety
    /// The block is a free one of `class`, and in no list any more.
    #[inline(always)]
    pub(super) unsafe fn hand_out(&mut self, block: *mut FreeBlock, class: Class) -> NonNull<u8> {
        self.count(class.bytes());
        // SAFETY: as the contract says.
        unsafe {
            guard::refresh(block.cast(), class.bytes());
            NonNull::new_unchecked(block.cast())
        }
    }

    /// Counts `bytes` more bytes in use.
    #[inline(always)]
    pub(super) fn count(&mut self, bytes: usize) {
        let counts = &mut self.counts;
        counts.allocations += 1;
        counts.used_bytes += bytes;
        if counts.used_bytes > counts.peak_bytes {
            counts.peak_bytes = counts.used_bytes;
        }
    }

    /// Gives the cached blocks back to their slabs, and the empty slabs to the runs.
    pub(super) fn give_reserves_back(&mut self) {
        for class in Class::all() {
            loop {
                let block = self.cache.first(class);
                if block.is_null() {
                    break;
                }
                // SAFETY: a block in the cache is a free block of a slab.
                unsafe {
                    self.cache.pop(class, block);
                    self.deallocate_to_slab(block);
                }
            }
            let slab = self.partial[class.index()];
            // SAFETY: slabs in the lists are valid.
            if !slab.is_null() && unsafe { (*slab).live } == 0 {
                // SAFETY: it is listed and empty.
                unsafe { self.give_slab_back(slab) };
            }
        }
    }

    /// Debug builds: stops at a block that may not be freed.
    fn examine(&self, block: NonNull<u8>, layout: Layout) {
        let (map, top) = (self.runs.map(), self.runs.top());
        accept(guard::examine_used(map, top, &self.cache, block.as_ptr(), layout));
    }
}

/// Stops at misuse of the heap, or damage to it: going on would spread it.
#[inline(always)]
pub(super) fn accept(outcome: Result<(), guard::Violation>) {
    if let Err(violation) = outcome {
        panic!("heap: {violation}");
    }
}
