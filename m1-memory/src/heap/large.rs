//! Requests that no class serves: runs of pages, and where all runs come from.
//!
//! ```text
//!  5000 bytes             | page | page |
//!  5000 aligned to 16 KiB | free | page | page | free |   longer at first, then
//!                                ^ 16 KiB boundary        the ends go back
//! ```

use super::bins::LONGEST;
use super::blocks::Heap;
use super::classes::Class;
use super::page_map::{Kind, PAGE, Page, Run};
use super::source::PageSource;
use core::alloc::Layout;
use core::ptr::NonNull;

impl<S: PageSource> Heap<S> {
    /// A large block, or one that is aligned to more than [`super::classes::GRAIN`].
    #[cold]
    #[inline(never)]
    pub(super) fn allocate_uncommon(&mut self, layout: Layout) -> Option<NonNull<u8>> {
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
    pub(super) unsafe fn deallocate_uncommon(&mut self, block: NonNull<u8>, layout: Layout) {
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
    pub(super) fn large_run(&mut self, layout: Layout) -> Option<Run> {
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
    pub(super) fn run(&mut self, pages: u32, kind: Kind) -> Option<Run> {
        if pages > self.runs.map().end().0 {
            return None;
        }
        let mut first = self.runs.take(pages, kind);
        if first.is_none() {
            // Before the heap grows, what is held back for quick reuse is put
            // together. A run too long for the bins also takes the memory behind
            // free runs: their pages then are part of one long hole.
            self.give_reserves_back();
            if pages > LONGEST {
                self.runs.release_all();
            }
            first = self.take_or_grow(pages, kind);
        }
        if first.is_none() {
            // The last resort of a short one.
            self.runs.release_all();
            first = self.runs.grow(pages, kind);
        }
        first.map(|first| Run { first, pages })
    }

    fn take_or_grow(&mut self, pages: u32, kind: Kind) -> Option<Page> {
        self.runs.take(pages, kind).or_else(|| self.runs.grow(pages, kind))
    }

    /// Whether the block could be made to fit `new` where it is.
    pub(super) unsafe fn resize_in_place(
        &mut self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> bool {
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
}

/// Pages that hold `bytes` bytes, if a heap could have so many.
fn pages_for(bytes: usize) -> Option<u32> {
    u32::try_from(bytes.div_ceil(PAGE)).ok()
}
