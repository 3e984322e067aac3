//! The heap: blocks of any size from the pages of a range.
//!
//! ```text
//!   layout --> class? --yes--> slab with a free block --none--> new slab
//!                |                                                 |
//!                no --> run of pages <-----------------------------+
//!                         |  no run fits
//!                         +--> empty slabs given back --> grow --> null
//! ```
//!
//! The way through a slab that has a free block is the whole cost of nearly
//! every call: [`Heap::allocate`] and [`Heap::deallocate`] are written for it,
//! and leave to functions marked cold whatever makes a slab enter or leave its
//! class's list. `partial` holds, for each class, a slab with a free block; the
//! others hang behind it. New blocks come from that first slab until it is full,
//! so the others get the time to become empty, and an empty slab goes back to
//! the runs, except the last one of its class.
//!
//! Blocks larger than the largest class are runs of pages. Alignments beyond a
//! page are served by a longer run whose ends are given back.

use super::classes::{COUNT, Class};
use super::guard;
use super::page_map::{Kind, PAGE, Page, PageMap, Record, Run};
use super::runs::Runs;
use super::slab::{self, FreeBlock};
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
            partial: [ptr::null_mut(); COUNT],
            counts: Counts { used_bytes: 0, peak_bytes: 0, allocations: 0, failures: 0 },
            // SAFETY: as the contract says.
            runs: unsafe { Runs::new(map, source) },
        }
    }

    /// A block for `layout`, or `None` if there is no memory for it.
    #[inline]
    pub fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let Some(class) = Class::of(layout) else { return self.allocate_large(layout) };
        let slab = self.partial[class.index()];
        if slab.is_null() {
            return self.allocate_in_new_slab(class);
        }
        // SAFETY: a slab in the list of a class has a free block.
        unsafe { self.pop(slab, class) }
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
        let block: *mut FreeBlock = block.as_ptr().cast();
        // SAFETY: a block of ours lies in a run of ours; if in a slab, it is
        // one of the slab's blocks and free from here on.
        unsafe {
            let slab = self.runs.map().record_of(block.cast());
            if (*slab).kind != Kind::Slab {
                return self.deallocate_large(slab);
            }
            let bytes = usize::from((*slab).block_bytes);
            guard::junk(block, bytes);
            let next = slab::push(slab, block);
            self.counts.used_bytes -= bytes;
            if next.is_null() {
                return self.list_in_use_again(slab);
            }
            (*slab).live -= 1;
            if (*slab).live == 0 {
                self.slab_empty(slab);
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

    /// Takes the first block of a slab's list.
    ///
    /// # Safety
    /// `slab` is a slab of `class` whose list is not empty.
    #[inline(always)]
    unsafe fn pop(&mut self, slab: *mut Record, class: Class) -> Option<NonNull<u8>> {
        // SAFETY: as the contract says; the list's blocks are valid.
        unsafe {
            if guard::ON {
                accept(guard::examine_free(self.runs.map(), slab));
            }
            let block = (*slab).free;
            let next = (*block).next;
            (*slab).free = next;
            (*slab).live += 1;
            guard::refresh(block.cast(), class.bytes());
            self.count(class.bytes());
            if next.is_null() {
                return self.list_used_up(slab, block);
            }
            Some(NonNull::new_unchecked(block.cast()))
        }
    }

    /// Counts a block that was given out.
    #[inline(always)]
    fn count(&mut self, bytes: usize) {
        let counts = &mut self.counts;
        counts.allocations += 1;
        counts.used_bytes += bytes;
        if counts.used_bytes > counts.peak_bytes {
            counts.peak_bytes = counts.used_bytes;
        }
    }

    /// `block` was the last of the slab's list: there may be untouched ones, else
    /// the slab is full and leaves the list of its class.
    #[cold]
    #[inline(never)]
    unsafe fn list_used_up(
        &mut self,
        slab: *mut Record,
        block: *mut FreeBlock,
    ) -> Option<NonNull<u8>> {
        // SAFETY: called by `pop` with a slab that is first in its class's list.
        unsafe {
            slab::carve(self.runs.map(), slab);
            if (*slab).free.is_null() {
                self.unlist(slab);
            }
        }
        NonNull::new(block.cast())
    }

    /// A block was put back into a slab that was full: the slab joins the list of
    /// its class again.
    #[cold]
    #[inline(never)]
    unsafe fn list_in_use_again(&mut self, slab: *mut Record) {
        // SAFETY: called by `deallocate` with a slab that is not in the list.
        unsafe {
            self.list(slab);
            (*slab).live -= 1;
            if (*slab).live == 0 {
                self.slab_empty(slab);
            }
        }
    }

    /// The slab has no used block left: it goes back, unless it is the only one
    /// that its class could take a block from next.
    #[cold]
    #[inline(never)]
    unsafe fn slab_empty(&mut self, slab: *mut Record) {
        // SAFETY: called with a slab in the list of its class.
        unsafe {
            let others = (*slab).next != Page::NONE || (*slab).previous != Page::NONE;
            if others {
                self.give_slab_back(slab);
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn allocate_in_new_slab(&mut self, class: Class) -> Option<NonNull<u8>> {
        // A single page, if that is all there is.
        let run = [class.slab_pages(), 1].into_iter().find_map(|pages| self.run(pages, Kind::Slab));
        let Some(run) = run else {
            self.counts.failures += 1;
            return None;
        };
        // SAFETY: the run was just taken for a slab, which has a free block.
        unsafe {
            let slab = slab::make(self.runs.map(), run, class);
            self.list(slab);
            self.pop(slab, class)
        }
    }

    #[cold]
    #[inline(never)]
    fn allocate_large(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let run = self.large_run(layout);
        let Some(run) = run else {
            self.counts.failures += 1;
            return None;
        };
        self.count(run.bytes());
        NonNull::new(self.runs.map().address(run.first))
    }

    #[cold]
    #[inline(never)]
    unsafe fn deallocate_large(&mut self, record: *mut Record) {
        // SAFETY: the record is that of a large block nobody uses any more.
        unsafe {
            let run = self.runs.map().run_at((*record).head);
            self.counts.used_bytes -= run.bytes();
            self.runs.give(run);
        }
    }

    /// A run for a block larger than any class, or aligned to more than a page.
    fn large_run(&mut self, layout: Layout) -> Option<Run> {
        let pages = pages_for(layout.size())?;
        let extra = pages_for(layout.align())? - 1;
        let run = self.run(pages.checked_add(extra)?, Kind::Large)?;
        if extra == 0 {
            return Some(run);
        }
        let skip = self.runs.map().address(run.first).align_offset(layout.align()) / PAGE;
        let (before, rest) = run.split(skip as u32);
        let (block, behind) = rest.split(pages);
        // SAFETY: the ends are parts of a run that is ours; what is between
        // them is marked first.
        unsafe {
            self.runs.map().mark(block, Kind::Large);
            [before, behind].into_iter().filter(|end| end.pages > 0).for_each(|end| {
                self.runs.give(end);
            });
        }
        Some(block)
    }

    /// A run from what is there, or from more memory.
    fn run(&mut self, pages: u32, kind: Kind) -> Option<Run> {
        if pages > self.runs.map().end().0 {
            return None;
        }
        if let Some(run) = self.runs.take(pages, kind) {
            return Some(run);
        }
        self.give_empty_slabs_back();
        if let Some(run) = self.runs.take(pages, kind).or_else(|| self.runs.grow(pages, kind)) {
            return Some(run);
        }
        // Memory behind runs that are too short may do elsewhere.
        self.runs.release_all();
        self.runs.grow(pages, kind)
    }

    /// Whether the block could be made to fit `new` where it is.
    unsafe fn resize_in_place(&mut self, block: NonNull<u8>, old: Layout, new: Layout) -> bool {
        match (Class::of(old), Class::of(new)) {
            (Some(class), Some(new_class)) => class == new_class,
            (None, None) => {
                let Some(pages) = pages_for(new.size()) else { return false };
                let page = self.runs.map().page_of(block.as_ptr());
                // SAFETY: a large block is a run.
                let run = unsafe { self.runs.map().run_at(page) };
                if pages > run.pages {
                    let more = pages - run.pages;
                    let extended = self.runs.extend(run, more);
                    if extended {
                        self.counts.used_bytes += more as usize * PAGE;
                        self.counts.peak_bytes = self.counts.peak_bytes.max(self.counts.used_bytes);
                    }
                    return extended;
                }
                let (kept, rest) = run.split(pages);
                if rest.pages > 0 {
                    self.counts.used_bytes -= rest.bytes();
                    // SAFETY: the rest is no longer part of the block.
                    unsafe {
                        self.runs.map().mark(kept, Kind::Large);
                        self.runs.give(rest);
                    }
                }
                true
            }
            _ => false,
        }
    }

    /// Gives the empty slab that each class may keep back to the runs.
    fn give_empty_slabs_back(&mut self) {
        for class in 0..COUNT {
            let slab = self.partial[class];
            // SAFETY: slabs in the lists are valid.
            if !slab.is_null() && unsafe { (*slab).live } == 0 {
                // SAFETY: it is listed and empty.
                unsafe { self.give_slab_back(slab) };
            }
        }
    }

    /// # Safety
    /// The slab is listed and has no used block.
    unsafe fn give_slab_back(&mut self, slab: *mut Record) {
        // SAFETY: as the contract says.
        unsafe {
            self.unlist(slab);
            let run = self.runs.map().run_at((*slab).head);
            self.runs.give(run);
        }
    }

    /// Puts a slab into the list of its class, behind the first one.
    ///
    /// # Safety
    /// It is not in the list, and its own list is not empty.
    unsafe fn list(&mut self, slab: *mut Record) {
        // SAFETY: records in the list are those of slabs.
        unsafe {
            let first = &mut self.partial[(*slab).class.index()];
            (*slab).next = Page::NONE;
            (*slab).previous = Page::NONE;
            if first.is_null() {
                *first = slab;
                return;
            }
            let next = (**first).next;
            (*slab).next = next;
            (*slab).previous = (**first).head;
            (**first).next = (*slab).head;
            if next != Page::NONE {
                (*self.runs.map().record(next)).previous = (*slab).head;
            }
        }
    }

    /// Takes a slab out of the list of its class.
    ///
    /// # Safety
    /// It is in the list.
    unsafe fn unlist(&mut self, slab: *mut Record) {
        let map = self.runs.map();
        // SAFETY: records in the list are those of slabs.
        unsafe {
            let (next, previous) = ((*slab).next, (*slab).previous);
            let next_record = if next == Page::NONE { ptr::null_mut() } else { map.record(next) };
            if !next_record.is_null() {
                (*next_record).previous = previous;
            }
            if previous == Page::NONE {
                self.partial[(*slab).class.index()] = next_record;
            } else {
                (*map.record(previous)).next = next;
            }
        }
    }

    /// Debug builds: stops at a block that may not be freed.
    fn examine(&self, block: NonNull<u8>, layout: Layout) {
        accept(guard::examine_used(self.runs.map(), self.runs.top(), block.as_ptr(), layout));
    }
}

/// Pages that hold `bytes` bytes, if a heap could have so many.
fn pages_for(bytes: usize) -> Option<u32> {
    u32::try_from(bytes.div_ceil(PAGE)).ok()
}

/// Stops at misuse of the heap, or damage to it: going on would spread it.
#[inline(always)]
fn accept(outcome: Result<(), guard::Violation>) {
    if let Err(violation) = outcome {
        panic!("heap: {violation}");
    }
}
