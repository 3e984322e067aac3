//! Runs of pages: taken, given back, joined, mapped and unmapped.
//!
//! ```text
//!  first                                                    top           end
//!  | slab | free | large block     | unmapped   | free | slab | never used |
//!           in a bin                 in a list    in a bin
//! ```
//!
//! Every page up to `top` belongs to a run, so from any run its neighbours are
//! found through the page map, and free neighbours are always one run. Requests
//! are served from the bins ([`super::bins`]) in a bounded number of steps; only
//! when no run fits does the heap [`Runs::grow`]: into unmapped runs, then above
//! `top`. A free run longer than the bins go loses its memory again, but for its
//! first `KEEP_PAGES`, so that a heap that breathes does not map and unmap all
//! the time.

use super::bins::{BINS, LONGEST};
use super::guard;
use super::page_map::{Kind, Page, PageMap, Run};
use super::source::PageSource;

/// The heap grows by at least this many pages where it can.
const GROWTH_PAGES: u32 = 16;
/// Of a free run that is too long for a bin, this many pages stay mapped.
const KEEP_PAGES: u32 = 32;

/// All runs of a heap's range.
#[derive(Debug)]
pub struct Runs<S> {
    pub(super) map: PageMap,
    source: S,
    /// The page behind the last run.
    top: Page,
    /// Bit b: bin b is not empty.
    pub(super) filled: u64,
    pub(super) bins: [Page; BINS],
    /// The list of unmapped runs.
    pub(super) unmapped: Page,
    mapped_pages: u32,
}

impl<S: PageSource> Runs<S> {
    /// A range without any run.
    ///
    /// # Safety
    /// `source` backs the range of `map`, which is this value's alone.
    pub const unsafe fn new(map: PageMap, source: S) -> Self {
        let top = map.first();
        Self {
            map,
            source,
            top,
            filled: 0,
            bins: [Page::NONE; BINS],
            unmapped: Page::NONE,
            mapped_pages: 0,
        }
    }

    /// The page map.
    #[inline(always)]
    pub fn map(&self) -> &PageMap {
        &self.map
    }

    /// Where the memory comes from.
    #[cfg(test)]
    pub(super) fn source(&self) -> &S {
        &self.source
    }

    /// The same, to change it.
    #[cfg(test)]
    pub(super) fn source_mut(&mut self) -> &mut S {
        &mut self.source
    }

    /// The page behind the last run.
    pub fn top(&self) -> Page {
        self.top
    }

    /// Pages with memory behind them, records included.
    pub fn mapped_pages(&self) -> u32 {
        self.mapped_pages + self.map.record_pages(self.top).pages
    }

    /// The first of `pages` mapped pages that are now a run of this kind, from
    /// what is there.
    #[inline(always)]
    pub fn take(&mut self, pages: u32, kind: Kind) -> Option<Page> {
        if pages > LONGEST {
            return None;
        }
        let fitting = self.filled >> pages << pages;
        if fitting == 0 {
            return None;
        }
        let run = self.pop(fitting.trailing_zeros() as usize);
        Some(self.cut(run, pages, kind))
    }

    /// As [`Runs::take`], but with memory that was not mapped so far. `None` if
    /// there is no room, or no memory; then nothing has changed.
    pub fn grow(&mut self, pages: u32, kind: Kind) -> Option<Page> {
        let hole = self.search(self.unmapped, |hole| self.room(hole) >= pages);
        // SAFETY: pages in the list are first pages of unmapped runs.
        if let Some(hole) = hole.map(|page| unsafe { self.map.run_at(page) }) {
            let missing = pages - self.free_before(hole.first).map_or(0, |run| run.pages);
            let mapped = [missing.max(GROWTH_PAGES), missing]
                .into_iter()
                .find_map(|more| self.fill(hole, more.min(hole.pages)));
            if let Some((taken, rest)) = mapped.map(|run| run.split(pages)) {
                // SAFETY: both are parts of a run that is ours.
                unsafe {
                    self.map.mark(taken, kind);
                    if rest.pages > 0 {
                        self.give(rest);
                    }
                }
                return Some(taken.first);
            }
        }
        // A free run at the top is part of what is needed.
        let below = self.free_before(self.top);
        let have = below.map_or(0, |run| run.pages);
        let missing = pages.checked_sub(have)?;
        let new =
            [missing.max(GROWTH_PAGES), missing].into_iter().find_map(|more| self.raise(more))?;
        let first = below.map_or(new.first, |run| {
            self.unlink(run);
            run.first
        });
        Some(self.cut(Run { first, pages: have + new.pages }, pages, kind))
    }

    /// Takes a run back, joins it with its neighbours, and gives memory back
    /// where much is free.
    ///
    /// # Safety
    /// The run is (part of) one that was taken, nothing uses its pages any
    /// more, and what is left of it is marked as runs again.
    pub unsafe fn give(&mut self, run: Run) {
        if guard::ON {
            // A block freed twice must not find its old record once its pages
            // are in the middle of a longer run.
            // SAFETY: the run is the heap's again.
            unsafe { self.map.mark(run, Kind::Free) };
        }
        let run = self.join(run);
        if run.pages > LONGEST {
            return self.trim(run);
        }
        self.link(run);
    }

    /// Gives back the memory behind a free run, but for its first pages.
    #[cold]
    #[inline(never)]
    fn trim(&mut self, run: Run) {
        let keep = if self.unmapped_before(run.first) { 0 } else { KEEP_PAGES };
        let (kept, rest) = run.split(keep);
        if keep > 0 {
            self.link(kept);
        }
        self.release(rest);
    }

    /// Makes a taken run longer where it is, by `more` pages of memory that is
    /// mapped for it if need be. Says whether it could.
    pub fn extend(&mut self, run: Run, more: u32) -> bool {
        let kind = self.kind_at(run.first);
        let behind = self.free_at(run.end());
        let have = behind.map_or(0, |next| next.pages);
        let missing = more.saturating_sub(have);
        if missing > 0 && (run.end().plus(have) != self.top || self.raise(missing).is_none()) {
            return false;
        }
        if let Some(next) = behind {
            self.unlink(next);
        }
        let whole = Run { first: run.first, pages: run.pages + have.max(more) };
        self.cut(whole, run.pages + more, kind);
        true
    }

    /// Gives the memory behind all free runs back.
    pub fn release_all(&mut self) {
        while self.filled != 0 {
            let run = self.pop(self.filled.trailing_zeros() as usize);
            self.release(run);
        }
    }

    /// Calls `visit` with every run and its kind, in order of addresses.
    pub fn for_each(&self, mut visit: impl FnMut(Run, Kind)) {
        let mut page = self.map.first();
        while page < self.top {
            // SAFETY: runs cover all pages below the top.
            let run = unsafe { self.map.run_at(page) };
            visit(run, self.kind_at(page));
            page = run.end();
        }
    }

    /// Marks the first `pages` pages of a run that is in no list as `kind`; the
    /// rest becomes a free run.
    #[inline(always)]
    fn cut(&mut self, run: Run, pages: u32, kind: Kind) -> Page {
        let (taken, rest) = run.split(pages);
        // SAFETY: the run is ours, and its records are mapped as it is below the top.
        unsafe { self.map.mark(taken, kind) };
        if rest.pages > 0 {
            self.link(rest);
        }
        taken.first
    }

    /// The run together with the free runs on both sides.
    #[inline(always)]
    fn join(&mut self, run: Run) -> Run {
        let mut joined = run;
        if let Some(before) = self.free_before(run.first) {
            self.unlink(before);
            joined = Run { first: before.first, pages: before.pages + joined.pages };
        }
        if let Some(behind) = self.free_at(run.end()) {
            self.unlink(behind);
            joined.pages += behind.pages;
        }
        joined
    }

    /// Maps `pages` pages above the top and raises it.
    fn raise(&mut self, pages: u32) -> Option<Run> {
        let new = Run { first: self.top, pages };
        if pages > self.map.end().0 - self.top.0 {
            return None;
        }
        let old_records = self.map.record_pages(self.top);
        let (_, records) = self.map.record_pages(new.end()).split(old_records.pages);
        if records.pages > 0 {
            self.source.map(records).ok()?;
            // SAFETY: just mapped. Zeros are records of `Kind::Never`.
            unsafe { self.map.address(records.first).write_bytes(0, records.bytes()) };
        }
        if self.source.map(new).is_err() {
            if records.pages > 0 {
                // SAFETY: mapped above, and not used.
                unsafe { self.source.unmap(records) };
            }
            return None;
        }
        self.mapped_pages += pages;
        self.top = new.end();
        Some(new)
    }

    /// Pages of an unmapped run and the free runs on both sides.
    fn room(&self, hole: Run) -> u32 {
        let neighbours = [self.free_before(hole.first), self.free_at(hole.end())];
        hole.pages + neighbours.into_iter().flatten().map(|run| run.pages).sum::<u32>()
    }

    /// Maps the first `pages` pages of an unmapped run; returns them together
    /// with the free runs they touch. The rest stays unmapped.
    fn fill(&mut self, hole: Run, pages: u32) -> Option<Run> {
        let (new, rest) = hole.split(pages);
        self.source.map(new).ok()?;
        self.mapped_pages += pages;
        self.unlink_unmapped(hole);
        if rest.pages > 0 {
            self.link_unmapped(rest);
        }
        Some(self.join(new))
    }

    /// Unmaps a run that is in no list: it becomes an unmapped run, or the top
    /// comes down.
    fn release(&mut self, mut run: Run) {
        // SAFETY: the run is free.
        unsafe { self.source.unmap(run) };
        self.mapped_pages -= run.pages;
        if self.unmapped_before(run.first) {
            // SAFETY: there is a run before this one.
            let before = unsafe { self.map.run_before(run.first) };
            self.unlink_unmapped(before);
            run = Run { first: before.first, pages: before.pages + run.pages };
        }
        if run.end() == self.top {
            let still_needed = self.map.record_pages(run.first).pages;
            let (_, unused) = self.map.record_pages(self.top).split(still_needed);
            self.top = run.first;
            if unused.pages > 0 {
                // SAFETY: these are records of pages above the new top only.
                unsafe { self.source.unmap(unused) };
            }
            return;
        }
        if self.kind_at(run.end()) == Kind::Unmapped {
            // SAFETY: a run starts there, below the top.
            let behind = unsafe { self.map.run_at(run.end()) };
            self.unlink_unmapped(behind);
            run.pages += behind.pages;
        }
        self.link_unmapped(run);
    }

    fn kind_at(&self, page: Page) -> Kind {
        // SAFETY: callers pass first pages of runs below the top.
        unsafe { (*self.map.record(page)).kind }
    }

    /// The free run that starts on `page`, if one does.
    fn free_at(&self, page: Page) -> Option<Run> {
        // SAFETY: below the top a run starts behind each run's end.
        (page < self.top && self.kind_at(page) == Kind::Free)
            .then(|| unsafe { self.map.run_at(page) })
    }

    /// The free run that ends before `page`, if one does.
    fn free_before(&self, page: Page) -> Option<Run> {
        self.before(page).filter(|run| self.kind_at(run.first) == Kind::Free)
    }

    fn unmapped_before(&self, page: Page) -> bool {
        self.before(page).is_some_and(|run| self.kind_at(run.first) == Kind::Unmapped)
    }

    fn before(&self, page: Page) -> Option<Run> {
        // SAFETY: all pages from the first to the top belong to runs.
        (page > self.map.first()).then(|| unsafe { self.map.run_before(page) })
    }
}
