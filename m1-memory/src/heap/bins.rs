//! Free runs by length: a list for each, and a bitmap of the lists that hold
//! something.
//!
//! ```text
//! bin = pages   1   2   3   4   5  …  63
//! bitmap        0   1   0   0   1  …   0
//!                   |           |
//! lists             30 -> 71    12 -> 44 -> 58      (first pages)
//! ```
//!
//! The run that fits a request best is in the bin of the first bit from the
//! request's length on: one instruction, however many runs there are. No bin is
//! needed for longer runs, as their memory is given back ([`super::runs`]).
//! Unmapped runs are in one list: they are few, and using one costs far more
//! than finding it.

use super::page_map::{Kind, Page, Run};
use super::runs::Runs;
use super::source::PageSource;
use core::mem::replace;

/// Number of bins, and of bits. Bin 0 stays empty.
pub const BINS: usize = u64::BITS as usize;
/// The longest run that a bin is for.
pub const LONGEST: u32 = BINS as u32 - 1;

/// The bin for runs of that many pages, if not too long.
#[inline(always)]
pub fn bin_of(pages: u32) -> usize {
    pages as usize % BINS
}

impl<S: PageSource> Runs<S> {
    /// Makes a run of at most [`LONGEST`] pages free and puts it into its bin.
    #[inline(always)]
    pub(super) fn link(&mut self, run: Run) {
        debug_assert!(run.pages <= LONGEST);
        let bin = bin_of(run.pages);
        let next = replace(&mut self.bins[bin], run.first);
        self.filled |= 1 << bin;
        self.put_before(next, run, Kind::Free);
    }

    /// Makes a run unmapped and puts it into the list of those.
    pub(super) fn link_unmapped(&mut self, run: Run) {
        let next = replace(&mut self.unmapped, run.first);
        self.put_before(next, run, Kind::Unmapped);
    }

    /// Marks a run that becomes the first of a list; `next` was so far.
    #[inline(always)]
    fn put_before(&self, next: Page, run: Run, kind: Kind) {
        // SAFETY: the run is below the top and nobody's; `next` is in the list.
        unsafe {
            self.map.mark(run, kind);
            let record = self.map.record(run.first);
            (*record).next = next;
            (*record).previous = Page::NONE;
            if next != Page::NONE {
                (*self.map.record(next)).previous = run.first;
            }
        }
    }

    /// Takes the first run out of a bin that is not empty.
    #[inline(always)]
    pub(super) fn pop(&mut self, bin: usize) -> Run {
        let bin = bin % BINS;
        let first = self.bins[bin];
        // SAFETY: a bin that is not empty holds first pages of free runs.
        let (run, next) = unsafe { (self.map.run_at(first), (*self.map.record(first)).next) };
        self.bins[bin] = next;
        if next == Page::NONE {
            self.filled &= !(1 << bin);
        } else {
            // SAFETY: as above.
            unsafe { (*self.map.record(next)).previous = Page::NONE };
        }
        run
    }

    /// Takes a free run out of its bin.
    #[inline(always)]
    pub(super) fn unlink(&mut self, run: Run) {
        let record = self.map.record(run.first);
        // SAFETY: the run is in a list, so its record and its neighbours' are good.
        unsafe {
            let (next, previous) = ((*record).next, (*record).previous);
            if previous == Page::NONE {
                self.pop(bin_of(run.pages));
                return;
            }
            (*self.map.record(previous)).next = next;
            if next != Page::NONE {
                (*self.map.record(next)).previous = previous;
            }
        }
    }

    /// Takes an unmapped run out of its list.
    pub(super) fn unlink_unmapped(&mut self, run: Run) {
        let record = self.map.record(run.first);
        // SAFETY: as in `unlink`.
        unsafe {
            let (next, previous) = ((*record).next, (*record).previous);
            match previous {
                Page::NONE => self.unmapped = next,
                _ => (*self.map.record(previous)).next = next,
            }
            if next != Page::NONE {
                (*self.map.record(next)).previous = previous;
            }
        }
    }

    /// The first run of a list that is as wanted.
    pub(super) fn search(&self, list: Page, mut wanted: impl FnMut(Run) -> bool) -> Option<Page> {
        let mut page = list;
        while page != Page::NONE {
            // SAFETY: lists hold first pages of runs.
            if wanted(unsafe { self.map.run_at(page) }) {
                return Some(page);
            }
            // SAFETY: as above.
            page = unsafe { (*self.map.record(page)).next };
        }
        None
    }

    /// Pages of all free runs in bins, each found in the bin it belongs to.
    pub(super) fn free_pages_in_bins(&self) -> u32 {
        let mut pages = 0;
        for (bin, &first) in self.bins.iter().enumerate() {
            self.search(first, |run| {
                let belongs = bin_of(run.pages) == bin && self.filled >> bin & 1 != 0;
                pages += if belongs { run.pages } else { 0 };
                false
            });
        }
        pages
    }
}
