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
    fn allocate_small(&mut self, class: Class) -> Option<NonNull<u8>> {
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
    unsafe fn deallocate_small(&mut self, block: NonNull<u8>, class: Class) {
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
    unsafe fn hand_out(&mut self, block: *mut FreeBlock, class: Class) -> NonNull<u8> {
        self.count(class.bytes());
        // SAFETY: as the contract says.
        unsafe {
            guard::refresh(block.cast(), class.bytes());
            NonNull::new_unchecked(block.cast())
        }
    }

    /// Counts `bytes` more bytes in use.
    #[inline(always)]
    fn count(&mut self, bytes: usize) {
        let counts = &mut self.counts;
        counts.allocations += 1;
        counts.used_bytes += bytes;
        if counts.used_bytes > counts.peak_bytes {
            counts.peak_bytes = counts.used_bytes;
        }
    }

    /// A block from the first slab of its class.
    ///
    /// # Safety
    /// `slab` is that slab.
    #[cold]
    #[inline(never)]
    unsafe fn allocate_from_slab(
        &mut self,
        slab: *mut Record,
        class: Class,
    ) -> Option<NonNull<u8>> {
        // SAFETY: a slab in the list of a class has a free block.
        unsafe {
            if guard::ON {
                accept(guard::examine_first(self.runs.map(), slab));
            }
            let block = (*slab).free;
            (*slab).free = (*block).next;
            (*slab).live += 1;
            if (*slab).free.is_null() {
                slab::carve(self.runs.map(), slab);
                if (*slab).free.is_null() {
                    self.unlist(slab);
                }
            }
            Some(self.hand_out(block, class))
        }
    }

    /// The first block of a new slab, for a class that has no free block.
    #[cold]
    #[inline(never)]
    fn allocate_from_new_slab(&mut self, class: Class) -> Option<NonNull<u8>> {
        let first = match self.runs.take(class.slab_pages(), Kind::Slab) {
            Some(first) => first,
            None => self.run_for_slab(class)?,
        };
        // SAFETY: the run was just taken for a slab.
        unsafe {
            let slab = slab::make(self.runs.map(), first, class);
            if !(*slab).free.is_null() {
                self.partial[class.index()] = slab;
            }
            Some(self.hand_out(self.runs.map().address(first).cast(), class))
        }
    }

    /// A run for a slab from more memory, or a single page, if that is all there is.
    #[cold]
    #[inline(never)]
    fn run_for_slab(&mut self, class: Class) -> Option<Page> {
        let run = self.run(class.slab_pages(), Kind::Slab).or_else(|| self.run(1, Kind::Slab));
        if run.is_none() {
            self.counts.failures += 1;
        }
        run.map(|run| run.first)
    }

    /// Puts a block back into its slab. A slab that was full joins the list of
    /// its class again; an empty one goes back to the runs, unless the class
    /// has no other to take blocks from.
    ///
    /// # Safety
    /// The block is one of a slab, and in no list.
    #[cold]
    #[inline(never)]
    unsafe fn deallocate_to_slab(&mut self, block: *mut FreeBlock) {
        // SAFETY: as the contract says.
        unsafe {
            let slab = self.runs.map().record_of(block.cast());
            if slab::push(slab, block).is_null() {
                self.list(slab);
            }
            (*slab).live -= 1;
            let others = (*slab).next != Page::NONE || (*slab).previous != Page::NONE;
            if (*slab).live == 0 && others {
                self.give_slab_back(slab);
            }
        }
    }

    /// A large block, or one that is aligned to more than [`super::classes::GRAIN`].
    #[cold]
    #[inline(never)]
    fn allocate_uncommon(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        if let Some(class) = Class::of(layout) {
            return self.allocate_small(class);
        }
        let Some(run) = self.large_run(layout) else {
            self.counts.failures += 1;
            return None;
        };
        self.count(run.bytes());
        NonNull::new(self.runs.map().address(run.first))
    }

    /// # Safety
    /// As for [`Heap::deallocate`].
    #[cold]
    #[inline(never)]
    unsafe fn deallocate_uncommon(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: as the contract says; a large block is a run.
        unsafe {
            if let Some(class) = Class::of(layout) {
                return self.deallocate_small(block, class);
            }
            let map = self.runs.map();
            let run = map.run_at(map.page_of(block.as_ptr()));
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
        let mut first = self.take_or_grow(pages, kind);
        if first.is_none() {
            // What is held back for quick reuse may do elsewhere: first blocks
            // and empty slabs, then memory behind runs that are too short.
            self.give_reserves_back();
            first = self.take_or_grow(pages, kind);
        }
        if first.is_none() {
            self.runs.release_all();
            first = self.runs.grow(pages, kind);
        }
        first.map(|first| Run { first, pages })
    }

    fn take_or_grow(&mut self, pages: u32, kind: Kind) -> Option<Page> {
        self.runs.take(pages, kind).or_else(|| self.runs.grow(pages, kind))
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

    /// Gives the cached blocks back to their slabs, and the empty slabs to the runs.
    fn give_reserves_back(&mut self) {
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

    /// # Safety
    /// The slab is listed and has no used block.
    #[inline(never)]
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
        let (map, top) = (self.runs.map(), self.runs.top());
        accept(guard::examine_used(map, top, &self.cache, block.as_ptr(), layout));
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
