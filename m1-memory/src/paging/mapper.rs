//! Map, unmap, protect, move and translate single pages in one set of tables.
//!
//! A [`Mapper`] is the root table's frame and a way to reach physical memory. It
//! changes entries only; telling the CPU's TLB is the caller's, and the results
//! are `#[must_use]` so that nobody forgets (see [`flush`](super::flush)).
//!
//! ```text
//!   CR3 -> PML4          the way down is `tables.rs`;
//!           [511] -> PDPT          large leaves end it early: `split.rs`
//!                     [510] -> PD
//!                               [0] -> PT      <- the window: the table that was
//!                                [3] -> page      changed last, kept at hand
//! ```
//!
//! Pages are mostly changed next to one another. So the mapper remembers the PT
//! of the last change, as the CPU's paging-structure caches do, and a page in the
//! same 2 MiB costs no walk. The window is set by changes alone: what this
//! mapper does not own, like the kernel's half in a process's tables, it may
//! read, but never remembers.

use super::access::{Access, Permits, Rights};
use super::entry::{COUNT_ONE, Entry, Level};
pub use super::error::{Mapping, PagingError};
pub use super::flush::Flush;
use crate::frames::{FrameAllocator, Purpose};
use crate::layout::PAGE_BYTES;
use crate::physical::PhysicalMemory;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use x86_64::structures::paging::PhysFrame;
use x86_64::{PhysAddr, VirtAddr};

/// One set of page tables.
#[derive(Debug)]
pub struct Mapper<M> {
    pub(super) root: PhysFrame,
    pub(super) memory: M,
    pub(super) window: Window,
    /// Tables that are unlinked but not given back: a list through their first
    /// words.
    pub(super) retired: Option<PhysFrame>,
    /// No new PML4 entries in the kernel's half.
    pub(super) kernel_half_fixed: bool,
}

/// What an address is mapped to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Translation {
    /// The physical address of exactly that byte.
    pub physical: PhysAddr,
    /// The level of the leaf, which gives the page's size.
    pub level: Level,
    permits: Permits,
}

impl Translation {
    /// What all levels together permit.
    pub fn rights(&self) -> Rights {
        self.permits.rights()
    }
}

/// The page table that was changed last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// Which 2 MiB it covers, by number; `u64::MAX` if there is no window.
    span: u64,
    pub(super) table: PhysFrame,
    /// The table and entry that point to it.
    parent: PhysFrame,
    /// What the levels above permit.
    above: Permits,
}

impl Window {
    pub(super) fn none(anything: PhysFrame) -> Self {
        Self { span: u64::MAX, table: anything, parent: anything, above: Permits::ALL }
    }

    #[inline]
    fn covers(&self, address: VirtAddr) -> bool {
        span(address) == self.span
    }
}

impl<M: PhysicalMemory> Mapper<M> {
    /// The tables rooted at `root`.
    ///
    /// # Safety
    /// `root` is a PML4 that a mapper made, reachable through `memory`. What this
    /// mapper changes, nobody else changes while it is used.
    pub unsafe fn new(root: PhysFrame, memory: M) -> Self {
        Self { root, memory, window: Window::none(root), retired: None, kernel_half_fixed: false }
    }

    /// Makes a new, empty set of tables.
    ///
    /// # Errors
    /// No frame for the root.
    pub fn create(memory: M, frames: &mut impl FrameAllocator) -> Result<Self, PagingError> {
        let root = frames.allocate_for(Purpose::PageTables).map_err(PagingError::Frames)?;
        // SAFETY: an empty table, as `clear` makes it, is well-formed, and ours.
        let mapper = unsafe { Self::new(root, memory) };
        mapper.clear(root);
        Ok(mapper)
    }

    /// The frame to load into CR3.
    pub fn root(&self) -> PhysFrame {
        self.root
    }

    /// From now on a mapping that would need a new PML4 entry in the kernel's
    /// half is refused: every address space has its own copy of those entries.
    pub fn fix_kernel_half(&mut self) {
        self.kernel_half_fixed = true;
    }

    /// Maps the page of `size` at `address` to `physical`.
    ///
    /// # Errors
    /// See [`PagingError`]; neither a page nor a table was added then.
    #[inline]
    pub fn map(
        &mut self,
        address: VirtAddr,
        physical: PhysAddr,
        size: Level,
        access: Access,
        frames: &mut impl FrameAllocator,
    ) -> Result<Flush, PagingError> {
        if size == Level::Pt
            && (address.as_u64() | physical.as_u64()).is_multiple_of(PAGE_BYTES)
            && (self.window.covers(address) || self.move_window(address))
            && self.window.above.lead_to(access)
        {
            let slot = self.slot(self.window.table, Level::Pt, address);
            if !Entry::from_bits(slot.load(Relaxed)).is_present() {
                slot.store(Entry::leaf(physical, Level::Pt, access).bits(), Relaxed);
                self.window_parent(address).fetch_add(COUNT_ONE, Relaxed);
                return Ok(Flush::page(address));
            }
        }
        self.map_by_walk(address, physical, size, access, frames)
    }

    /// Removes the 4 KiB page at `address`; its frame is the caller's again, once
    /// the flush is done. Tables that became empty wait for
    /// [`release_tables`](Self::release_tables).
    ///
    /// # Errors
    /// [`PagingError::NotMapped`], or [`PagingError::LargePage`], which
    /// [`unmap_page`](Self::unmap_page) would split.
    #[inline]
    pub fn unmap(&mut self, address: VirtAddr) -> Result<(PhysFrame, Flush), PagingError> {
        if address.as_u64().is_multiple_of(PAGE_BYTES)
            && (self.window.covers(address) || self.move_window(address))
        {
            let entry = self.slot(self.window.table, Level::Pt, address).swap(0, Relaxed);
            let entry = Entry::from_bits(entry);
            if entry.is_present() {
                let parent = self.window_parent(address).fetch_sub(COUNT_ONE, Relaxed);
                if Entry::from_bits(parent - COUNT_ONE).count() == 0 {
                    self.prune(address, Level::Pt);
                }
                return Ok((entry.table(), Flush::page(address)));
            }
        }
        self.unmap_by_walk(address)
    }

    /// [`unmap`](Self::unmap) where there is no PT: says what is there instead.
    #[inline(never)]
    fn unmap_by_walk(&mut self, address: VirtAddr) -> Result<(PhysFrame, Flush), PagingError> {
        let path = self.leaf(address, Level::Pt)?;
        self.remove(address, &path);
        Ok((path.entry.table(), Flush::page(address)))
    }

    /// What the CPU would find for `address`.
    #[inline]
    pub fn translate(&self, address: VirtAddr) -> Option<Translation> {
        if self.window.covers(address) {
            let entry = self.read(self.window.table, Level::Pt, address);
            return entry
                .is_present()
                .then(|| translation(address, Level::Pt, entry, self.window.above));
        }
        self.translate_by_walk(address)
    }

    /// [`translate`](Self::translate) wherever it is. As [`walk`](Self::walk), but
    /// with the levels as constants, which makes it three times as fast.
    #[inline(never)]
    fn translate_by_walk(&self, address: VirtAddr) -> Option<Translation> {
        let (mut table, mut above) = (self.root, Permits::ALL);
        for level in [Level::Pml4, Level::Pdpt, Level::Pd] {
            let entry = self.read(table, level, address);
            if !entry.is_present() {
                return None;
            }
            if entry.is_leaf(level) {
                return Some(translation(address, level, entry, above));
            }
            above = above.through_table(entry);
            table = entry.table();
        }
        let entry = self.read(table, Level::Pt, address);
        entry.is_present().then(|| translation(address, Level::Pt, entry, above))
    }

    /// The entry for `address` in a table of `level`.
    #[inline]
    pub fn read(&self, table: PhysFrame, level: Level, address: VirtAddr) -> Entry {
        Entry::from_bits(self.slot(table, level, address).load(Relaxed))
    }

    /// An entry as the CPU sees it, which may set A and D at any time.
    #[inline]
    pub(super) fn slot(&self, table: PhysFrame, level: Level, address: VirtAddr) -> &AtomicU64 {
        let offset = usize::from(level.index(address)) * size_of::<Entry>();
        let table = self.memory.pointer(table.start_address());
        // SAFETY: the slot lies in a table of this tree (`new`'s contract), which
        // is RAM that we own, and all access to it is atomic.
        unsafe { &*table.wrapping_add(offset).cast() }
    }

    /// Moves the window to the PT on the way to `address`, if there is one.
    #[inline(never)]
    fn move_window(&mut self, address: VirtAddr) -> bool {
        let (mut table, mut parent, mut above) = (self.root, self.root, Permits::ALL);
        for level in [Level::Pml4, Level::Pdpt, Level::Pd] {
            let entry = self.read(table, level, address);
            if !entry.is_present() || entry.is_leaf(level) {
                return false;
            }
            above = above.through_table(entry);
            (parent, table) = (table, entry.table());
        }
        self.window = Window { span: span(address), table, parent, above };
        true
    }

    #[inline]
    fn window_parent(&self, address: VirtAddr) -> &AtomicU64 {
        self.slot(self.window.parent, Level::Pd, address)
    }
}

/// The number of the 2 MiB that `address` lies in.
#[inline]
fn span(address: VirtAddr) -> u64 {
    address.as_u64() / Level::Pd.entry_bytes()
}

#[inline]
fn translation(address: VirtAddr, level: Level, entry: Entry, above: Permits) -> Translation {
    let offset = address.as_u64() & (level.entry_bytes() - 1);
    Translation {
        physical: PhysAddr::new_truncate(entry.page(level).as_u64() | offset),
        level,
        permits: above.through_leaf(entry),
    }
}
