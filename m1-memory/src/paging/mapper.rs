//! Map, unmap, protect, move and translate single pages in one set of tables.
//!
//! A [`Mapper`] is the root table's frame and a way to reach physical memory. It
//! changes entries only; telling the CPU's TLB is the caller's, and the results
//! are `#[must_use]` so that nobody forgets (see [`flush`](super::flush)).
//!
//! ```text
//!   CR3 -> PML4          the way down is `tables.rs`; its upper half is
//!           [511] -> PDPT      remembered: `directories.rs`
//!                     [510] -> PD          large leaves end it early: `split.rs`
//!                               [0] -> PT
//!                                [3] -> page
//! ```
//!
//! Whatever a mapper adds or changes, it keeps the entries above every leaf at
//! least as open as the leaf (see [`open_path`](Mapper::open_path)). So the leaf
//! alone says what may be done with a page, and [`translate`](Mapper::translate)
//! need not gather rights on its way. [`walk`](super::walk) and
//! [`audit`](super::audit) do, as the CPU does, and would show a difference.

use super::access::{Access, Permits};
use super::directories::{Directories, Directory};
use super::entry::{COUNT_ONE, Entry, Level};
pub use super::error::{Mapping, PagingError};
pub use super::flush::Flush;
pub use super::translation::Translation;
use crate::frames::{FrameAllocator, Purpose};
use crate::layout::{KERNEL_HALF, PAGE_BYTES};
use crate::physical::PhysicalMemory;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use x86_64::structures::paging::PhysFrame;
use x86_64::{PhysAddr, VirtAddr};

/// One set of page tables.
#[derive(Debug)]
pub struct Mapper<M> {
    pub(super) root: PhysFrame,
    pub(super) memory: M,
    pub(super) directories: Directories,
    /// Tables that are unlinked but not given back: a list through their first
    /// words.
    pub(super) retired: Option<PhysFrame>,
    /// No new PML4 entries in the kernel's half.
    pub(super) kernel_half_fixed: bool,
}

impl<M: PhysicalMemory> Mapper<M> {
    /// The tables rooted at `root`.
    ///
    /// # Safety
    /// `root` is a PML4 that a mapper made, reachable through `memory`. What this
    /// mapper changes, nobody else changes while it is used; nor does anybody
    /// else take tables out of the user half, or out of the kernel's after
    /// [`fix_kernel_half`](Self::fix_kernel_half).
    pub unsafe fn new(root: PhysFrame, memory: M) -> Self {
        let directories = Directories::none(root);
        Self { root, memory, directories, retired: None, kernel_half_fixed: false }
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

    /// Makes this the mapper that the kernel's half belongs to. From now on a
    /// mapping that would need a new PML4 entry there is refused: every address
    /// space has its own copy of those entries. The mappers of those spaces may
    /// read the half, but it changes behind their backs, so they remember nothing
    /// of it; this one does.
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
            && let Some(directory) = self.directory(address)
        {
            let parent = self.slot(directory.table, Level::Pd, address);
            let table = Entry::from_bits(parent.load(Relaxed));
            if table.is_table() && directory.above.through_table(table).lead_to(access) {
                let slot = self.slot(table.table(), Level::Pt, address);
                if !Entry::from_bits(slot.load(Relaxed)).is_present() {
                    slot.store(Entry::leaf(physical, Level::Pt, access).bits(), Relaxed);
                    parent.fetch_add(COUNT_ONE, Relaxed);
                    return Ok(Flush::page(address));
                }
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
            && let Some(directory) = self.directory(address)
        {
            let parent = self.slot(directory.table, Level::Pd, address);
            let table = Entry::from_bits(parent.load(Relaxed));
            if table.is_table() {
                let leaf = self.slot(table.table(), Level::Pt, address).swap(0, Relaxed);
                let leaf = Entry::from_bits(leaf);
                if leaf.is_present() {
                    let before = parent.fetch_sub(COUNT_ONE, Relaxed);
                    if Entry::from_bits(before).count() == 1 {
                        self.prune(address, Level::Pt);
                    }
                    return Ok((leaf.table(), Flush::page(address)));
                }
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
        match self.directories.find(address) {
            Some(directory) => self.translate_below(directory.table, address),
            None => self.translate_by_walk(address),
        }
    }

    /// The lower half of the way: from a page directory.
    #[inline]
    fn translate_below(&self, directory: PhysFrame, address: VirtAddr) -> Option<Translation> {
        let entry = self.read(directory, Level::Pd, address);
        if !entry.is_table() {
            return Translation::of_leaf(entry, Level::Pd, address);
        }
        let entry = self.read(entry.table(), Level::Pt, address);
        Translation::of_leaf(entry, Level::Pt, address)
    }

    /// The whole way. As [`walk`](Self::walk), but with the levels as constants,
    /// and without the rights on the way.
    #[inline(never)]
    pub(super) fn translate_by_walk(&self, address: VirtAddr) -> Option<Translation> {
        let top = self.read(self.root, Level::Pml4, address);
        if !top.is_present() {
            return None;
        }
        let entry = self.read(top.table(), Level::Pdpt, address);
        if !entry.is_table() {
            return Translation::of_leaf(entry, Level::Pdpt, address);
        }
        if self.kernel_half_fixed || address < KERNEL_HALF {
            let above = Permits::ALL.through_table(top).through_table(entry);
            self.directories.remember(address, Directory { table: entry.table(), above });
        }
        self.translate_below(entry.table(), address)
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

    /// The page directory on the way to `address`, which is about to be changed
    /// and so is ours to remember.
    #[inline]
    fn directory(&self, address: VirtAddr) -> Option<Directory> {
        match self.directories.find(address) {
            None if self.find_directory(address) => self.directories.find(address),
            found => found,
        }
    }

    /// Remembers it, if there is one.
    #[inline(never)]
    fn find_directory(&self, address: VirtAddr) -> bool {
        let top = self.read(self.root, Level::Pml4, address);
        if !top.is_present() {
            return false;
        }
        let entry = self.read(top.table(), Level::Pdpt, address);
        if entry.is_table() {
            let above = Permits::ALL.through_table(top).through_table(entry);
            self.directories.remember(address, Directory { table: entry.table(), above });
        }
        entry.is_table()
    }
}
