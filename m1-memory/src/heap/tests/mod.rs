//! The heap over buffers: what it gives, what it wastes, what it notices.

mod model;
mod resizing;
mod trimming;
mod usage;
mod violations;

use super::blocks::Heap;
use super::page_map::{PAGE, Page, Run};
use super::source::{OutOfMemory, PageSource};
use core::alloc::Layout;
use core::ptr::NonNull;
use std::alloc;

pub(super) fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).expect("a valid layout")
}

/// Memory that knows which of its pages are mapped, and has a limit.
#[derive(Debug)]
pub(super) struct Tracked {
    base: *mut u8,
    mapped: Vec<bool>,
    /// How many are.
    count: usize,
    limit: usize,
}

// SAFETY: the pages are a buffer's; `Rig` keeps it alive.
unsafe impl PageSource for Tracked {
    fn map(&mut self, run: Run) -> Result<(), OutOfMemory> {
        assert!(run.pages > 0, "an empty run");
        if self.count + run.pages as usize > self.limit {
            return Err(OutOfMemory);
        }
        for page in run.first.0..run.end().0 {
            assert!(!self.mapped[page as usize], "page {page} is mapped already");
            self.mapped[page as usize] = true;
        }
        self.count += run.pages as usize;
        Ok(())
    }

    unsafe fn unmap(&mut self, run: Run) {
        assert!(run.pages > 0, "an empty run");
        for page in run.first.0..run.end().0 {
            assert!(self.mapped[page as usize], "page {page} is not mapped");
            self.mapped[page as usize] = false;
        }
        self.count -= run.pages as usize;
        // What was in the pages is lost.
        // SAFETY: the heap uses them no more.
        unsafe { self.base.add(run.first.0 as usize * PAGE).write_bytes(0xee, run.bytes()) };
    }
}

/// A heap and the buffer it lies in.
pub(super) struct Rig {
    pub heap: Heap<Tracked>,
    buffer: (*mut u8, Layout),
}

impl Rig {
    /// A heap over `pages` pages, of which `limit` can be mapped at a time.
    pub fn new(pages: usize, limit: usize) -> Self {
        let buffer = layout(pages * PAGE, PAGE);
        // SAFETY: the layout is not empty; the buffer outlives the heap, and all
        // of it is initialised.
        unsafe {
            let base = alloc::alloc_zeroed(buffer);
            assert!(!base.is_null());
            let source = Tracked { base, mapped: vec![false; pages], count: 0, limit };
            Self { heap: Heap::new(base, pages as u32, source), buffer: (base, buffer) }
        }
    }

    /// A block, or a panic.
    pub fn block(&mut self, size: usize, align: usize) -> NonNull<u8> {
        self.heap.allocate(layout(size, align)).expect("memory")
    }

    pub fn free(&mut self, block: NonNull<u8>, size: usize, align: usize) {
        // SAFETY: tests free what they allocated, by the same layout; where they
        // do not, the heap is expected to notice before it touches anything.
        unsafe { self.heap.deallocate(block, layout(size, align)) };
    }

    /// Pages that the source has mapped, after checking that the heap knows.
    pub fn mapped(&self) -> usize {
        let mapped = self.heap.runs.source().count;
        assert_eq!(self.heap.statistics().mapped_bytes, (mapped * PAGE) as u64);
        mapped
    }

    pub fn set_limit(&mut self, limit: usize) {
        self.heap.runs.source_mut().limit = limit;
    }

    /// A page's address.
    pub fn address(&self, page: Page) -> *mut u8 {
        self.heap.runs.map().address(page)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // SAFETY: allocated in `new`.
        unsafe { alloc::dealloc(self.buffer.0, self.buffer.1) };
    }
}

/// A small, fast generator; the figures of a test are the same every time.
pub(super) struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2) + 1)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }

    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }
}
