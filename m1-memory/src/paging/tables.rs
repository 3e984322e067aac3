//! The tree of tables: the way down to an entry, and tables that come and go.
//!
//! A table is made when its first entry is, complete before it is linked, so a
//! failure on the way leaves nothing behind:
//!
//! ```text
//!   1. walk: PML4 -> PDPT -> (nothing)      3. one write links it all
//!   2. make:          PD <- PT <- leaf         PML4 -> PDPT -> PD -> PT -> leaf
//! ```
//!
//! An entry that points to a table counts the table's entries in use (see
//! [`entry`](super::entry)). When the count falls to zero the table is unlinked
//! and retired. Its frame is not free yet: the CPU caches upper entries too, and
//! may walk through the table once more until it is told. [`Mapper::release_tables`]
//! tells it first and frees the frames then.
//!
//! The tables right below the kernel's half of the PML4 are never retired and
//! not counted: every address space has a copy of the entries that point to them.

use super::access::{Access, Permits};
use super::entry::{COUNT_ONE, ENTRIES, Entry, Flags, Level};
use super::flush::{Flush, invalidate_page};
use super::mapper::{Mapper, Mapping, PagingError};
use crate::frames::{FrameAllocator, Purpose};
use crate::layout::{KERNEL_HALF, PAGE_BYTES};
use crate::physical::PhysicalMemory;
use arrayvec::ArrayVec;
use core::sync::atomic::Ordering::Relaxed;
use x86_64::structures::paging::PhysFrame;
use x86_64::{PhysAddr, VirtAddr};

/// The way from the root to the entry for an address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    /// The tables passed, by their level; set from `level` upwards.
    pub(super) tables: [PhysFrame; 4],
    /// The level where the way ended.
    pub(super) level: Level,
    /// The entry it ended at.
    pub(super) entry: Entry,
    /// What the levels above `entry` permit.
    pub(super) above: Permits,
}

impl Path {
    /// The table that holds the entry.
    pub(super) fn table(&self) -> PhysFrame {
        self.tables[self.level as usize]
    }

    /// The page that holds `address`, of which the entry is the leaf.
    pub(super) fn mapping(&self, address: VirtAddr) -> Mapping {
        Mapping {
            page: address.align_down(self.level.entry_bytes()),
            physical: self.entry.page(self.level),
            level: self.level,
            rights: self.above.through_leaf(self.entry).rights(),
        }
    }
}

impl<M: PhysicalMemory> Mapper<M> {
    /// Goes down to the entry for `address` that is not present, a leaf, or in a
    /// table of level `lowest`.
    pub(super) fn walk(&self, address: VirtAddr, lowest: Level) -> Path {
        let (mut tables, mut level, mut above) = ([self.root; 4], Level::Pml4, Permits::ALL);
        loop {
            let entry = self.read(tables[level as usize], level, address);
            match level.below() {
                Some(below) if level > lowest && entry.is_present() && !entry.is_leaf(level) => {
                    above = above.through_table(entry);
                    tables[below as usize] = entry.table();
                    level = below;
                }
                _ => return Path { tables, level, entry, above },
            }
        }
    }

    /// [`Mapper::map`] wherever it is.
    #[inline(never)]
    pub(super) fn map_by_walk(
        &mut self,
        address: VirtAddr,
        physical: PhysAddr,
        size: Level,
        access: Access,
        frames: &mut impl FrameAllocator,
    ) -> Result<Flush, PagingError> {
        let bytes = size.entry_bytes();
        if size == Level::Pml4 || !address.is_aligned(bytes) || !physical.is_aligned(bytes) {
            return Err(PagingError::Misaligned { address });
        }
        let path = self.walk(address, size);
        if path.entry.is_present() {
            let existing = match self.first_mapping(address, bytes) {
                Some(existing) => existing,
                // No table is ever empty, so this is not reached.
                None => path.mapping(address),
            };
            return Err(PagingError::Occupied { address, existing });
        }
        if path.level == Level::Pml4 && self.kernel_half_fixed && address >= KERNEL_HALF {
            return Err(PagingError::TopLevelFixed { address });
        }
        let leaf = Entry::leaf(physical, size, access);
        let entry = self.make_tables(address, leaf, size, path.level, access, frames)?;
        self.open_path(address, &path, access);
        self.slot(path.table(), path.level, address).store(entry.bits(), Relaxed);
        if let Some(parent) = counting_parent(address, path.level) {
            let table = path.tables[parent as usize];
            self.slot(table, parent, address).fetch_add(COUNT_ONE, Relaxed);
        }
        Ok(Flush::range(address, bytes))
    }

    /// Puts `entry`, of a table of `level`, into new tables up to below `top`,
    /// and returns the entry to put there.
    fn make_tables(
        &self,
        address: VirtAddr,
        mut entry: Entry,
        mut level: Level,
        top: Level,
        access: Access,
        frames: &mut impl FrameAllocator,
    ) -> Result<Entry, PagingError> {
        let mut made = ArrayVec::<PhysFrame, 3>::new();
        while level < top {
            let table = match frames.allocate_for(Purpose::PageTables) {
                Ok(table) => table,
                Err(error) => {
                    made.into_iter().for_each(|table| give_back(table, frames));
                    return Err(PagingError::Frames(error));
                }
            };
            made.push(table);
            self.clear(table);
            self.slot(table, level, address).store(entry.bits(), Relaxed);
            entry = table_entry(address, table, level, 1, access.table_flags());
            level = level.above().unwrap_or(top);
        }
        Ok(entry)
    }

    /// Makes the entries above the end of `path` as open as `access` needs them.
    pub(super) fn open_path(&self, address: VirtAddr, path: &Path, access: Access) {
        if path.above.lead_to(access) {
            return;
        }
        let mut level = path.level;
        while let Some(above) = level.above() {
            let slot = self.slot(path.tables[above as usize], above, address);
            slot.fetch_or(access.table_flags().bits(), Relaxed);
            level = above;
        }
        self.directories.forget(address);
    }

    /// Removes the leaf at the end of `path`, and the tables that become empty.
    pub(super) fn remove(&mut self, address: VirtAddr, path: &Path) {
        self.slot(path.table(), path.level, address).store(0, Relaxed);
        if let Some(parent) = counting_parent(address, path.level) {
            let table = path.tables[parent as usize];
            self.slot(table, parent, address).fetch_sub(COUNT_ONE, Relaxed);
        }
        self.prune(address, path.level);
    }

    /// Unlinks the table of `level` on the way to `address` if it is empty, then
    /// the one above it if that is, and so on.
    #[inline(never)]
    pub(super) fn prune(&mut self, address: VirtAddr, mut level: Level) {
        let path = self.walk(address, level);
        while let Some(parent) = counting_parent(address, level) {
            let table = path.tables[parent as usize];
            if self.read(table, parent, address).count() > 0 {
                return;
            }
            self.slot(table, parent, address).store(0, Relaxed);
            if level == Level::Pd {
                self.directories.forget(address);
            }
            self.retire(path.tables[level as usize]);
            if let Some(above) = counting_parent(address, parent) {
                let slot = self.slot(path.tables[above as usize], above, address);
                slot.fetch_sub(COUNT_ONE, Relaxed);
            }
            level = parent;
        }
    }

    /// Puts an empty, unlinked table on the list of retired ones. The link lies
    /// in its first word: a frame's address, in which the CPU, should it still
    /// come by, sees an entry that is not present.
    fn retire(&mut self, table: PhysFrame) {
        let next = self.retired.map_or(0, |next| next.start_address().as_u64());
        self.slot(table, Level::Pt, VirtAddr::zero()).store(next, Relaxed);
        self.retired = Some(table);
    }

    /// Gives the frames of tables that became empty back, after making the CPU
    /// forget the entries that led to them. Returns how many there were.
    #[inline]
    pub fn release_tables(&mut self, frames: &mut impl FrameAllocator) -> u64 {
        if self.retired.is_none() {
            return 0;
        }
        self.release_retired(frames)
    }

    #[inline(never)]
    fn release_retired(&mut self, frames: &mut impl FrameAllocator) -> u64 {
        // Any INVLPG drops all cached upper-level entries.
        invalidate_page(VirtAddr::zero());
        let mut released = 0;
        while let Some(table) = self.retired {
            let next = self.slot(table, Level::Pt, VirtAddr::zero()).load(Relaxed);
            self.retired = (next != 0).then(|| Entry::from_bits(next).table());
            give_back(table, frames);
            released += 1;
        }
        released
    }

    pub(super) fn clear(&self, table: PhysFrame) {
        let words = self.memory.pointer(table.start_address());
        // SAFETY: the frame was just allocated and is nobody else's.
        unsafe { words.write_bytes(0, PAGE_BYTES as usize) }
    }
}

/// An entry for the way to `address` that points to a table of `level` with
/// `count` entries in use.
pub(super) fn table_entry(
    address: VirtAddr,
    table: PhysFrame,
    level: Level,
    count: u16,
    flags: Flags,
) -> Entry {
    debug_assert!(count <= ENTRIES);
    let count = counting_parent(address, level).map_or(0, |_| u64::from(count) * COUNT_ONE);
    Entry::from_bits(Entry::new(table.start_address(), flags).bits() | count)
}

/// The level of the entry that counts the entries of the table of `level` on the
/// way to `address`; None for the tables that are never retired.
fn counting_parent(address: VirtAddr, level: Level) -> Option<Level> {
    let shared = level == Level::Pdpt && address >= KERNEL_HALF;
    level.above().filter(|_| !shared)
}

/// Frees a table that nothing points to.
pub(super) fn give_back(table: PhysFrame, frames: &mut impl FrameAllocator) {
    // SAFETY: the table is unlinked, and no CPU walks through it any more.
    if let Err(error) = unsafe { frames.free(table) } {
        log::error!("the frame of a page table could not be freed: {error}");
    }
}
