//! Changes to pages of any size, and large pages taken apart for them.
//!
//! ```text
//!   PD entry: leaf, 2 MiB      ->      PD entry: table -> PT: 512 leaves, 4 KiB
//! ```
//!
//! The parts map what the whole mapped, with the same rights, memory type, A, D
//! and G (see [`Entry::part`]); code and data in the page stay in use meanwhile.
//! The new table is complete when one exchange puts it in the leaf's place. The
//! flush covers the whole page all the same: the CPU must not hold both sizes of
//! one address once a part is changed (Intel SDM Vol. 3A, 5.10.2.3 "Details of
//! TLB Use"; AMD's Family 10h revision guide, erratum 383, makes it a machine
//! check).

use super::access::{Access, Owner, Use};
use super::entry::{ENTRIES, Entry, Flags, Level};
use super::flush::Flush;
use super::mapper::{Mapper, Mapping, PagingError};
use super::tables::{Path, table_entry};
use crate::frames::{FrameAllocator, Purpose};
use crate::physical::PhysicalMemory;
use core::sync::atomic::Ordering::Relaxed;
use x86_64::{PhysAddr, VirtAddr};

impl<M: PhysicalMemory> Mapper<M> {
    /// Changes what may be done with the 4 KiB page at `address`.
    ///
    /// # Errors
    /// As [`unmap`](Self::unmap).
    pub fn protect(&mut self, address: VirtAddr, access: Access) -> Result<Flush, PagingError> {
        let path = self.leaf(address, Level::Pt)?;
        self.change(address, &path, access);
        Ok(Flush::page(address))
    }

    /// Removes the page of `size` at `address`, splitting a larger one first.
    ///
    /// # Errors
    /// [`PagingError::NotMapped`], [`PagingError::SmallerPages`], or no frame for
    /// a table to split with.
    pub fn unmap_page(
        &mut self,
        address: VirtAddr,
        size: Level,
        frames: &mut impl FrameAllocator,
    ) -> Result<(Mapping, Flush), PagingError> {
        let (path, flush) = self.leaf_of_size(address, size, frames)?;
        let mapping = path.mapping(address);
        self.remove(address, &path);
        Ok((mapping, flush))
    }

    /// Changes what may be done with the page of `size` at `address`, splitting
    /// a larger one first. Memory type, A and D stay.
    ///
    /// # Errors
    /// As [`unmap_page`](Self::unmap_page).
    pub fn protect_page(
        &mut self,
        address: VirtAddr,
        size: Level,
        access: Access,
        frames: &mut impl FrameAllocator,
    ) -> Result<Flush, PagingError> {
        let (path, flush) = self.leaf_of_size(address, size, frames)?;
        self.change(address, &path, access);
        Ok(flush)
    }

    /// Moves the page of `size` at `address` to other physical memory, splitting
    /// a larger page first. Rights and memory type stay. Returns what was there.
    ///
    /// # Errors
    /// As [`unmap_page`](Self::unmap_page), or `physical` is misaligned.
    pub fn remap(
        &mut self,
        address: VirtAddr,
        physical: PhysAddr,
        size: Level,
        frames: &mut impl FrameAllocator,
    ) -> Result<(Mapping, Flush), PagingError> {
        if !physical.is_aligned(size.entry_bytes()) {
            return Err(PagingError::Misaligned { address });
        }
        let (path, flush) = self.leaf_of_size(address, size, frames)?;
        let slot = self.slot(path.table(), path.level, address);
        slot.store(path.entry.moved_to(physical, path.level).bits(), Relaxed);
        Ok((path.mapping(address), flush))
    }

    /// Splits the page that holds `address` until it is no larger than `size`.
    /// What every address means stays the same.
    ///
    /// # Errors
    /// [`PagingError::NotMapped`], or no frame for a table; larger parts may stay
    /// split then.
    pub fn split(
        &mut self,
        address: VirtAddr,
        size: Level,
        frames: &mut impl FrameAllocator,
    ) -> Result<Flush, PagingError> {
        let mut flush = Flush::NOTHING;
        loop {
            let path = self.walk(address, Level::Pt);
            if !path.entry.is_present() {
                return Err(PagingError::NotMapped { address });
            }
            if path.level <= size {
                return Ok(flush);
            }
            flush = flush.join(self.split_once(address, &path, frames)?);
        }
    }

    /// The leaf of exactly `size` at `address`, made by splitting a larger one if
    /// need be, and what has to be flushed after a change to it.
    pub(super) fn leaf_of_size(
        &mut self,
        address: VirtAddr,
        size: Level,
        frames: &mut impl FrameAllocator,
    ) -> Result<(Path, Flush), PagingError> {
        let mut flush = Flush::range(address, size.entry_bytes());
        if let Err(PagingError::LargePage { .. }) = self.leaf(address, size) {
            flush = flush.join(self.split(address, size, frames)?);
        }
        Ok((self.leaf(address, size)?, flush))
    }

    /// The leaf of exactly `size` at `address`.
    pub(super) fn leaf(&self, address: VirtAddr, size: Level) -> Result<Path, PagingError> {
        if !address.is_aligned(size.entry_bytes()) {
            return Err(PagingError::Misaligned { address });
        }
        let path = self.walk(address, size);
        if !path.entry.is_present() {
            return Err(PagingError::NotMapped { address });
        }
        if path.level > size {
            return Err(PagingError::LargePage { address, existing: path.mapping(address) });
        }
        if !path.entry.is_leaf(size) {
            let existing = self.first_mapping(address, size.entry_bytes());
            let existing = existing.ok_or(PagingError::NotMapped { address })?;
            return Err(PagingError::SmallerPages { address, existing });
        }
        Ok(path)
    }

    /// Changes the rights of the leaf at the end of `path`.
    pub(super) fn change(&self, address: VirtAddr, path: &Path, access: Access) {
        self.open_path(address, path, access);
        let slot = self.slot(path.table(), path.level, address);
        // The CPU may set A and D between our read and our write.
        let changed = slot.fetch_update(Relaxed, Relaxed, |bits| {
            Some(Entry::from_bits(bits).with_access(access).bits())
        });
        debug_assert!(changed.is_ok(), "the closure always has a new value");
    }

    fn split_once(
        &mut self,
        address: VirtAddr,
        path: &Path,
        frames: &mut impl FrameAllocator,
    ) -> Result<Flush, PagingError> {
        let below = path.level.below().unwrap_or(Level::Pt);
        let table = frames.allocate_for(Purpose::PageTables).map_err(PagingError::Frames)?;
        let user = path.entry.flags().contains(Flags::USER);
        let owner = if user { Owner::User } else { Owner::Kernel };
        let flags = Access { usage: Use::Read, owner }.table_flags();
        let whole = table_entry(address, table, below, ENTRIES, flags);
        let slot = self.slot(path.table(), path.level, address);
        let mut leaf = path.entry;
        loop {
            for index in 0..ENTRIES {
                let at = VirtAddr::new_truncate(u64::from(index) * below.entry_bytes());
                self.slot(table, below, at).store(leaf.part(path.level, index).bits(), Relaxed);
            }
            // The CPU may have set A or D meanwhile; the parts need those too.
            match slot.compare_exchange(leaf.bits(), whole.bits(), Relaxed, Relaxed) {
                Ok(_) => break,
                Err(now) => leaf = Entry::from_bits(now),
            }
        }
        let mapping = path.mapping(address);
        Ok(Flush::range(mapping.page, path.level.entry_bytes()))
    }
}
