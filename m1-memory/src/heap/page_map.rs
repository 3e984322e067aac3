//! The page map: one record for each page of the heap's range.
//!
//! ```text
//!  range   | records, as far | pages of runs: slabs, large      | never used
//!          | as needed       | blocks, free runs                | so far
//!          +-----------------+----------------------------------+-----------
//!          0                 first                              top
//!
//!  a run of 4 pages:   record 0          1        2        3
//!                      kind, pages,      head=0   head=0   head=0
//!                      list, …, head=0   (slabs)
//! ```
//!
//! From any address in the range, a subtraction and a shift lead to the page's
//! record, and its `head` to the record that describes the whole run. First and
//! last record of each run name its head (that is what joining neighbours goes
//! by), those in between only in slabs, once a block starts on them.

use super::classes::Class;
use super::slab::FreeBlock;

/// Bytes of a page.
pub const PAGE: usize = crate::layout::PAGE_BYTES as usize;
/// Records that fit into a page.
pub const RECORDS_PER_PAGE: u32 = (PAGE / size_of::<Record>()) as u32;

/// A page of the heap's range, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub struct Page(pub u32);

impl Page {
    /// No page. Page 0 holds records, so it is part of no run.
    pub const NONE: Self = Self(0);

    /// The page `count` pages behind this one.
    pub const fn plus(self, count: u32) -> Self {
        Self(self.0 + count)
    }

    /// The page before this one.
    pub const fn previous(self) -> Self {
        Self(self.0 - 1)
    }
}

/// Neighbouring pages that are one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first page.
    pub first: Page,
    /// How many there are.
    pub pages: u32,
}

impl Run {
    /// The page behind the last one.
    pub const fn end(self) -> Page {
        self.first.plus(self.pages)
    }

    /// Its first `pages` pages, and the rest.
    pub const fn split(self, pages: u32) -> (Self, Self) {
        let rest = Self { first: self.first.plus(pages), pages: self.pages - pages };
        (Self { first: self.first, pages }, rest)
    }

    /// Bytes in it.
    pub const fn bytes(self) -> usize {
        self.pages as usize * PAGE
    }
}

/// What the pages of a run are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Never was the first page of a run.
    Never = 0,
    /// Free, with memory behind it.
    Free,
    /// Free, its memory given back.
    Unmapped,
    /// Cut into blocks of one class.
    Slab,
    /// One large block.
    Large,
}

/// What is known about a page. Everything but `head` counts only in the first
/// record of a run.
#[derive(Debug)]
#[repr(C)]
pub struct Record {
    /// Slab: the blocks to be had, as a list through the blocks themselves.
    pub free: *mut FreeBlock,
    /// The first page of the run.
    pub head: Page,
    /// Its length.
    pub pages: u32,
    /// The next run of the list this one is in.
    pub next: Page,
    /// The run before it in that list.
    pub previous: Page,
    /// Slab: blocks given out.
    pub live: u16,
    /// Slab: blocks that were ever in the list; those behind are untouched.
    pub carved: u16,
    /// Slab: bytes of a block.
    pub block_bytes: u16,
    /// Slab: the class of its blocks.
    pub class: Class,
    /// What the run is.
    pub kind: Kind,
}

const _: () = assert!(size_of::<Record>() == 32);
/// The longest range: offsets in it fit 32 bits.
pub const MAX_PAGES: u32 = 1 << 17;

impl Record {
    /// Slab: blocks that fit.
    pub fn capacity(&self) -> u16 {
        (self.pages as usize * PAGE / usize::from(self.block_bytes)) as u16
    }
}

/// The range and its records.
#[derive(Debug)]
pub struct PageMap {
    base: *mut u8,
    /// Behind the records.
    first: Page,
    end: Page,
}

impl PageMap {
    /// The map of `pages` pages from `base` on, which is on a page boundary.
    ///
    /// # Panics
    /// If there are more than [`MAX_PAGES`].
    pub const fn new(base: *mut u8, pages: u32) -> Self {
        assert!(pages <= MAX_PAGES);
        Self { base, first: Page(pages.div_ceil(RECORDS_PER_PAGE)), end: Page(pages) }
    }

    /// The page behind the range.
    pub const fn end(&self) -> Page {
        self.end
    }

    /// The first page behind the records.
    pub const fn first(&self) -> Page {
        self.first
    }

    /// The pages with the records of the pages from [`PageMap::first`] to `top`.
    pub const fn record_pages(&self, top: Page) -> Run {
        let first = self.first.0 / RECORDS_PER_PAGE;
        let end = top.0.div_ceil(RECORDS_PER_PAGE);
        Run { first: Page(first), pages: if top.0 > self.first.0 { end - first } else { 0 } }
    }

    /// The address of a page.
    #[inline(always)]
    pub fn address(&self, page: Page) -> *mut u8 {
        self.base.wrapping_add(page.0 as usize * PAGE)
    }

    /// The page that holds an address of the range.
    #[inline(always)]
    pub fn page_of(&self, block: *mut u8) -> Page {
        Page((block.addr() - self.base.addr()) as u32 / PAGE as u32)
    }

    /// The record of a page.
    #[inline(always)]
    pub fn record(&self, page: Page) -> *mut Record {
        self.base.cast::<Record>().wrapping_add(page.0 as usize)
    }

    /// The record of the run that an address lies in: of a block, or the first
    /// or last page of any run.
    ///
    /// # Safety
    /// The address is one of those, and the records are mapped.
    #[inline(always)]
    pub unsafe fn record_of(&self, block: *mut u8) -> *mut Record {
        let record = self.record(self.page_of(block));
        // SAFETY: the record is mapped and initialised (contract).
        self.record(unsafe { (*record).head })
    }

    /// The run that starts on `page`.
    ///
    /// # Safety
    /// A run starts there, and its record is mapped.
    pub unsafe fn run_at(&self, page: Page) -> Run {
        // SAFETY: as the contract says.
        Run { first: page, pages: unsafe { (*self.record(page)).pages } }
    }

    /// The run that ends before `page`.
    ///
    /// # Safety
    /// As for [`PageMap::run_at`], for the record of its last page too.
    pub unsafe fn run_before(&self, page: Page) -> Run {
        // SAFETY: as the contract says.
        unsafe { self.run_at((*self.record(page.previous())).head) }
    }

    /// Makes `run` a run of this kind: its first and last record say so.
    ///
    /// # Safety
    /// Its records are mapped, and its pages part of no other run.
    #[inline(always)]
    pub unsafe fn mark(&self, run: Run, kind: Kind) {
        let (first, last) = (self.record(run.first), self.record(run.end().previous()));
        // SAFETY: as the contract says.
        unsafe {
            (*first).kind = kind;
            (*first).pages = run.pages;
            (*first).head = run.first;
            (*last).head = run.first;
        }
    }
}
