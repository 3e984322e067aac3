//! Whole ranges: map, unmap and protect, all of it or nothing.
//!
//! Each operation looks before it leaps. A range to be mapped must be free and a
//! range to be changed must be mapped without a hole; that is checked first, so
//! the only failure left on the way is a missing frame for a table:
//!
//! ```text
//!   map      on failure: what was mapped is unmapped again, its tables given back
//!   unmap    needs frames only to split large pages at the range's two ends,
//!   protect  which is done first and changes no translation
//! ```

use super::access::Access;
use super::entry::Level;
use super::flush::Flush;
use super::mapper::{Mapper, Mapping, PagingError};
use crate::frames::FrameAllocator;
use crate::layout::PAGE_BYTES;
use crate::physical::PhysicalMemory;
use x86_64::{PhysAddr, VirtAddr};

impl<M: PhysicalMemory> Mapper<M> {
    /// Maps `bytes` at `start` to the memory from `physical` on, with the largest
    /// pages that fit, none larger than `largest`.
    ///
    /// # Errors
    /// See [`PagingError`]; nothing is mapped then.
    pub fn map_range(
        &mut self,
        start: VirtAddr,
        physical: PhysAddr,
        bytes: u64,
        largest: Level,
        access: Access,
        frames: &mut impl FrameAllocator,
    ) -> Result<Flush, PagingError> {
        check_range(start, bytes)?;
        if !physical.is_aligned(PAGE_BYTES) {
            return Err(PagingError::Misaligned { address: start });
        }
        if let Some(existing) = self.first_mapping(start, bytes) {
            let address = existing.page.max(start);
            return Err(PagingError::Occupied { address, existing });
        }
        let mut done = 0;
        while done < bytes {
            let (address, physical) = (at(start, done), physical + done);
            let size = largest_fit(address, physical, bytes - done, largest);
            match self.map(address, physical, size, access, frames) {
                Ok(flush) => flush.not_needed(), // for the whole range, below
                Err(error) => {
                    let flush = self.clear_range(start, done, |_| {});
                    flush.now();
                    self.release_tables(frames);
                    return Err(error);
                }
            }
            done += size.entry_bytes();
        }
        Ok(Flush::range(start, bytes))
    }

    /// Unmaps `bytes` at `start`, whatever the sizes of the pages there, and
    /// calls `visit` with each. The memory behind them is the caller's again once
    /// the flush is done.
    ///
    /// # Errors
    /// A hole in the range, or no frame to split a large page; nothing is
    /// unmapped then.
    pub fn unmap_range(
        &mut self,
        start: VirtAddr,
        bytes: u64,
        frames: &mut impl FrameAllocator,
        visit: impl FnMut(Mapping),
    ) -> Result<Flush, PagingError> {
        let split = self.prepare_range(start, bytes, frames)?;
        Ok(split.join(self.clear_range(start, bytes, visit)))
    }

    /// Changes what may be done with `bytes` at `start`.
    ///
    /// # Errors
    /// As [`unmap_range`](Self::unmap_range); nothing is changed then.
    pub fn protect_range(
        &mut self,
        start: VirtAddr,
        bytes: u64,
        access: Access,
        frames: &mut impl FrameAllocator,
    ) -> Result<Flush, PagingError> {
        let split = self.prepare_range(start, bytes, frames)?;
        let mut done = 0;
        while done < bytes {
            let address = at(start, done);
            let path = self.walk(address, Level::Pt);
            self.change(address, &path, access);
            done += path.level.entry_bytes();
        }
        Ok(split.join(Flush::range(start, bytes)))
    }

    /// The lowest mapping that reaches into `bytes` at `start`.
    pub fn first_mapping(&self, start: VirtAddr, bytes: u64) -> Option<Mapping> {
        let mut done = 0;
        while done < bytes {
            let address = at(start, done);
            let path = self.walk(address, Level::Pt);
            if path.entry.is_present() {
                return Some(path.mapping(address));
            }
            done += to_entry_end(address, path.level);
        }
        None
    }

    /// The lowest address of `bytes` at `start` that is not mapped.
    pub fn first_hole(&self, start: VirtAddr, bytes: u64) -> Option<VirtAddr> {
        let mut done = 0;
        while done < bytes {
            let address = at(start, done);
            let path = self.walk(address, Level::Pt);
            if !path.entry.is_present() {
                return Some(address);
            }
            done += to_entry_end(address, path.level);
        }
        None
    }

    /// Makes sure that the range is mapped and that its ends are ends of pages.
    fn prepare_range(
        &mut self,
        start: VirtAddr,
        bytes: u64,
        frames: &mut impl FrameAllocator,
    ) -> Result<Flush, PagingError> {
        check_range(start, bytes)?;
        if let Some(address) = self.first_hole(start, bytes) {
            return Err(PagingError::NotMapped { address });
        }
        if bytes == 0 {
            return Ok(Flush::NOTHING);
        }
        let first = self.split_before(start, frames)?;
        // Past the range's last page, which may be the address space's.
        let last = at(start, bytes - PAGE_BYTES);
        let ends_page = |mapper: &Self| {
            let path = mapper.walk(last, Level::Pt);
            to_entry_end(last, path.level) == PAGE_BYTES
        };
        let mut flush = first;
        while !ends_page(self) {
            let level = self.walk(last, Level::Pt).level.below().unwrap_or(Level::Pt);
            flush = flush.join(self.split(last, level, frames)?);
        }
        Ok(flush)
    }

    /// Splits the page that holds `address` until one begins there.
    fn split_before(
        &mut self,
        address: VirtAddr,
        frames: &mut impl FrameAllocator,
    ) -> Result<Flush, PagingError> {
        let mut flush = Flush::NOTHING;
        loop {
            let level = self.walk(address, Level::Pt).level;
            match level.below() {
                Some(below) if !address.is_aligned(level.entry_bytes()) => {
                    flush = flush.join(self.split(address, below, frames)?);
                }
                _ => return Ok(flush),
            }
        }
    }

    /// Removes all leaves of a range that is mapped without a hole and whose ends
    /// are ends of pages.
    fn clear_range(
        &mut self,
        start: VirtAddr,
        bytes: u64,
        mut visit: impl FnMut(Mapping),
    ) -> Flush {
        let mut done = 0;
        while done < bytes {
            let address = at(start, done);
            let path = self.walk(address, Level::Pt);
            self.remove(address, &path);
            visit(path.mapping(address));
            done += path.level.entry_bytes();
        }
        Flush::range(start, bytes)
    }
}

/// The largest page that fits the next `bytes`.
fn largest_fit(address: VirtAddr, physical: PhysAddr, bytes: u64, largest: Level) -> Level {
    let fits = |size: &Level| {
        let page = size.entry_bytes();
        *size <= largest && page <= bytes && address.is_aligned(page) && physical.is_aligned(page)
    };
    [Level::Pdpt, Level::Pd].into_iter().find(fits).unwrap_or(Level::Pt)
}

/// Whole pages that stay in one half of the address space.
fn check_range(start: VirtAddr, bytes: u64) -> Result<(), PagingError> {
    if !start.is_aligned(PAGE_BYTES) {
        return Err(PagingError::Misaligned { address: start });
    }
    let last = start.as_u64().checked_add(bytes.saturating_sub(1));
    let last = last.and_then(|last| VirtAddr::try_new(last).ok());
    let one_half = last.is_some_and(|last| last.as_u64() >> 63 == start.as_u64() >> 63);
    if bytes.is_multiple_of(PAGE_BYTES) && one_half {
        Ok(())
    } else {
        Err(PagingError::BadRange { start, bytes })
    }
}

/// The address `offset` bytes into a range that was checked.
fn at(start: VirtAddr, offset: u64) -> VirtAddr {
    VirtAddr::new_truncate(start.as_u64() + offset)
}

/// Bytes from `address` to the end of what an entry of `level` covers.
fn to_entry_end(address: VirtAddr, level: Level) -> u64 {
    let covers = level.entry_bytes();
    covers - address.as_u64() % covers
}
