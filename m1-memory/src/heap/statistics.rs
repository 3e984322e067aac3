//! Figures about a heap, and the audit that its figures are built on.
//!
//! Calls count only bytes in use; everything else is read off the page map when
//! somebody asks: one walk over all runs, which also checks that map, lists and
//! bins agree.

use super::blocks::Heap;
use super::classes::{COUNT, Class};
use super::guard::{self, Violation};
use super::page_map::{Kind, PAGE, Page, Record};
use super::source::PageSource;

/// Figures about a heap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Bytes mapped, those of the page map's records included.
    pub mapped_bytes: u64,
    /// Bytes in allocated blocks, rounded up to their class or to pages.
    pub used_bytes: u64,
    /// Most of them at a time.
    pub peak_bytes: u64,
    /// Blocks allocated since boot.
    pub allocations: u64,
    /// Requests that could not be met.
    pub failures: u64,
    /// Requests refused because an interrupt handler made them.
    pub refused: u64,
}

/// Figures about one size class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassStatistics {
    /// Bytes of a block.
    pub block_bytes: u64,
    /// Slabs of the class.
    pub slabs: u64,
    /// Bytes in them.
    pub slab_bytes: u64,
    /// Blocks given out.
    pub live: u64,
    /// Free blocks in the cache.
    pub cached: u64,
    /// Blocks that fit into the slabs.
    pub capacity: u64,
}

/// What the page map says, once it was found to be in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// By class, smallest first.
    pub classes: [ClassStatistics; COUNT],
    /// Large blocks.
    pub large: u64,
    /// Bytes in them.
    pub large_bytes: u64,
    /// Bytes in free runs with memory behind them.
    pub free_bytes: u64,
    /// Bytes in free runs without, below the top.
    pub unmapped_bytes: u64,
}

impl<S: PageSource> Heap<S> {
    /// The figures that cost nothing to have.
    pub fn statistics(&self) -> Statistics {
        let counts = self.counts;
        Statistics {
            mapped_bytes: u64::from(self.runs.mapped_pages()) * PAGE as u64,
            used_bytes: counts.used_bytes as u64,
            peak_bytes: counts.peak_bytes as u64,
            allocations: counts.allocations,
            failures: counts.failures,
            refused: 0,
        }
    }

    /// Walks the page map: checks every record, list and free block's place, and
    /// adds up.
    ///
    /// # Errors
    /// The first contradiction.
    pub fn audit(&self) -> Result<Summary, Violation> {
        let mut summary = Summary {
            classes: [ClassStatistics::default(); COUNT],
            large: 0,
            large_bytes: 0,
            free_bytes: 0,
            unmapped_bytes: 0,
        };
        for class in Class::all() {
            summary.classes[class.index()].block_bytes = class.bytes() as u64;
        }
        let mut outcome = Ok(());
        let (mut listed_slabs, mut before) = (0, Kind::Never);
        self.runs.for_each(|run, kind| {
            let bytes = run.bytes() as u64;
            let record = self.runs.map().record(run.first);
            // Two free neighbours would have been joined.
            let apart = kind != before || !matches!(kind, Kind::Free | Kind::Unmapped);
            let fine = match kind {
                Kind::Never => false,
                Kind::Free => {
                    summary.free_bytes += bytes;
                    apart
                }
                Kind::Unmapped => {
                    summary.unmapped_bytes += bytes;
                    apart
                }
                Kind::Large => {
                    summary.large += 1;
                    summary.large_bytes += bytes;
                    true
                }
                Kind::Slab => {
                    // SAFETY: it is the record of a slab.
                    let (sound, listed) = unsafe { slab_is_sound(self, record) };
                    listed_slabs += u64::from(listed);
                    // SAFETY: as above.
                    add_slab(&mut summary, unsafe { &*record }, bytes);
                    sound
                }
            };
            before = kind;
            if !fine && outcome.is_ok() {
                outcome = Err(Violation::BrokenRecord(run.first));
            }
        });
        outcome?;
        for class in Class::all() {
            // Blocks in the cache are free, whatever their slabs think.
            let figures = &mut summary.classes[class.index()];
            let cached = u64::from(self.cache.count(class));
            figures.live =
                figures.live.checked_sub(cached).ok_or(Violation::BrokenRecord(Page::NONE))?;
            figures.cached = cached;
        }
        self.check_totals(&summary, listed_slabs)?;
        Ok(summary)
    }

    /// Lists and counters must agree with what the walk found.
    fn check_totals(&self, summary: &Summary, listed_slabs: u64) -> Result<(), Violation> {
        let by_class = summary.classes.iter();
        let live: u64 = by_class.map(|class| class.live * class.block_bytes).sum();
        if live + summary.large_bytes != self.counts.used_bytes as u64 {
            return Err(Violation::BrokenRecord(Page::NONE));
        }
        let mut in_lists = 0;
        for class in Class::all() {
            let mut slab = self.partial[class.index()];
            while !slab.is_null() {
                // SAFETY: the lists hold records of slabs.
                let record = unsafe { &*slab };
                in_lists += 1;
                let wrong = record.kind != Kind::Slab || record.class != class;
                if wrong || record.free.is_null() || in_lists > listed_slabs {
                    return Err(Violation::BrokenRecord(record.head));
                }
                slab = match record.next {
                    Page::NONE => core::ptr::null_mut(),
                    next => self.runs.map().record(next),
                };
            }
        }
        let pages = |bytes: u64| (bytes / PAGE as u64) as u32;
        let binned = self.runs.free_pages_in_bins();
        if in_lists != listed_slabs || binned != pages(summary.free_bytes) {
            return Err(Violation::BrokenRecord(Page::NONE));
        }
        Ok(())
    }
}

fn add_slab(summary: &mut Summary, slab: &Record, bytes: u64) {
    let class = &mut summary.classes[slab.class.index()];
    class.slabs += 1;
    class.slab_bytes += bytes;
    class.live += u64::from(slab.live);
    class.capacity += u64::from(slab.capacity());
}

/// Whether a slab's blocks are all accounted for, and whether it must be listed.
///
/// # Safety
/// `slab` is the record of a slab.
unsafe fn slab_is_sound<S: PageSource>(heap: &Heap<S>, slab: *mut Record) -> (bool, bool) {
    let map = heap.runs.map();
    // SAFETY: as the contract says; all records of a slab are mapped.
    unsafe {
        let free = guard::for_each_free(map, slab, |_| ());
        let record = &*slab;
        let counted = free == Ok(record.carved.saturating_sub(record.live));
        // Every page that a carved block starts on leads back here.
        let heads = (0..record.carved).all(|block| {
            let page = usize::from(block) * usize::from(record.block_bytes) / PAGE;
            (*map.record(record.head.plus(page as u32))).head == record.head
        });
        let fits =
            usize::from(record.capacity()) * record.class.bytes() <= record.pages as usize * PAGE;
        let sound = counted
            && heads
            && fits
            && record.live <= record.carved
            && record.carved <= record.capacity()
            && usize::from(record.block_bytes) == record.class.bytes();
        (sound, !record.free.is_null())
    }
}
