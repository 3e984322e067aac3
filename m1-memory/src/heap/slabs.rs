//! The slabs of each class: which one serves, which are full, which are empty.
//!
//! ```text
//!  partial[class] -> slab -> slab -> slab      listed: has a free block
//!                      ^
//!         full slab ---+  a block comes back: behind the first one
//!                         no used block left: back to the runs
//! ```
//!
//! Blocks come from the first slab until it is full, so that the others get the
//! time to become empty. A full slab is in no list. An empty one goes back to the
//! runs, except the last one of its class: it will be needed next.

use super::blocks::{Heap, accept};
use super::classes::Class;
use super::guard;
use super::page_map::{Kind, Page, Record, Run};
use super::slab::{self, FreeBlock};
use super::source::PageSource;
use core::ptr::{self, NonNull};

impl<S: PageSource> Heap<S> {
    /// A block from the first slab of its class.
    ///
    /// # Safety
    /// `slab` is that slab.
    #[cold]
    #[inline(never)]
    pub(super) unsafe fn allocate_from_slab(
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
    pub(super) fn allocate_from_new_slab(&mut self, class: Class) -> Option<NonNull<u8>> {
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
    pub(super) fn run_for_slab(&mut self, class: Class) -> Option<Page> {
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
    pub(super) unsafe fn deallocate_to_slab(&mut self, block: *mut FreeBlock) {
        // SAFETY: as the contract says.
        unsafe {
            let slab = self.runs.map().record_of(block.cast());
            if slab::push(slab, block).is_null() {
                self.list(slab);
            }
            (*slab).live -= 1;
            if (*slab).live == 0 {
                self.slab_is_empty(slab);
            }
        }
    }

    /// # Safety
    /// The slab is listed and has no used block.
    #[cold]
    #[inline(never)]
    unsafe fn slab_is_empty(&mut self, slab: *mut Record) {
        // SAFETY: as the contract says.
        unsafe {
            if (*slab).next != Page::NONE || (*slab).previous != Page::NONE {
                self.give_slab_back(slab);
            }
        }
    }

    /// # Safety
    /// The slab is listed and has no used block.
    #[inline(always)]
    pub(super) unsafe fn give_slab_back(&mut self, slab: *mut Record) {
        // SAFETY: as the contract says.
        unsafe {
            self.unlist(slab);
            self.runs.give(Run { first: (*slab).head, pages: (*slab).pages });
        }
    }

    /// Puts a slab into the list of its class, behind the first one.
    ///
    /// # Safety
    /// It is not in the list, and its own list is not empty.
    pub(super) unsafe fn list(&mut self, slab: *mut Record) {
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
    pub(super) unsafe fn unlist(&mut self, slab: *mut Record) {
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
}
