//! Map, unmap, protect and translate in one set of page tables.
//!
//! A [`Mapper`] is the root table's frame and a way to reach physical memory. It
//! changes entries only; telling the CPU's TLB is the caller's, and the results
//! are `#[must_use]` so that nobody forgets (Intel SDM Vol. 3A, 5.10.4
//! "Invalidation of TLBs and Paging-Structure Caches").

use super::access::{Access, Rights};
use super::entry::{Entry, Flags, Level};
use crate::frames::{FrameAllocator, FrameError, Purpose};
use crate::layout::PAGE_BYTES;
use crate::physical::PhysicalMemory;
use core::fmt;
use x86_64::structures::paging::PhysFrame;
use x86_64::{PhysAddr, VirtAddr};

/// One set of page tables.
#[derive(Clone, Copy, Debug)]
pub struct Mapper<M> {
    root: PhysFrame,
    memory: M,
}

/// The TLB may still hold the old translation of an address.
#[must_use = "the CPU goes on using the old translation until it is flushed"]
#[derive(Debug, PartialEq, Eq)]
pub struct Flush(VirtAddr);

impl Flush {
    /// Makes the CPU forget the old translation (INVLPG).
    pub fn now(self) {
        x86_64::instructions::tlb::flush(self.0);
    }

    /// For tables that are not loaded, or an address that had no translation.
    pub fn not_needed(self) {}
}

/// What an address is mapped to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Translation {
    /// The physical address of exactly that byte.
    pub physical: PhysAddr,
    /// The level of the leaf, which gives the page's size.
    pub level: Level,
    /// What all levels together permit.
    pub rights: Rights,
}

/// Why a page could not be mapped, unmapped or protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PagingError {
    /// Virtual or physical address is not a multiple of the page's size.
    Misaligned {
        /// The virtual address asked for.
        address: VirtAddr,
    },
    /// The address is mapped already.
    Occupied {
        /// The address.
        address: VirtAddr,
        /// What it is mapped to.
        existing: PhysAddr,
    },
    /// The address is not mapped.
    NotMapped {
        /// The address.
        address: VirtAddr,
    },
    /// A large page lies there; it would have to be split.
    LargePage {
        /// The address.
        address: VirtAddr,
        /// The level of the large page's entry.
        level: Level,
    },
    /// No frame for a page table.
    Frames(FrameError),
}

impl fmt::Display for PagingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misaligned { address } => write!(f, "{address:#x} is not aligned to its page"),
            Self::Occupied { address, existing } => {
                write!(f, "{address:#x} is already mapped to {existing:#x}")
            }
            Self::NotMapped { address } => write!(f, "{address:#x} is not mapped"),
            Self::LargePage { address, level } => {
                write!(f, "{address:#x} lies in a large page of a {level:?} entry")
            }
            Self::Frames(error) => write!(f, "no page table: {error}"),
        }
    }
}

impl<M: PhysicalMemory> Mapper<M> {
    /// The tables rooted at `root`.
    ///
    /// # Safety
    /// `root` is a PML4 whose tree is well-formed, reachable through `memory`,
    /// and changed by nobody else while this mapper is used.
    pub unsafe fn new(root: PhysFrame, memory: M) -> Self {
        Self { root, memory }
    }

    /// Makes a new, empty set of tables.
    ///
    /// # Errors
    /// No frame for the root.
    pub fn create(memory: M, frames: &mut impl FrameAllocator) -> Result<Self, PagingError> {
        let root = frames.allocate_for(Purpose::PageTables).map_err(PagingError::Frames)?;
        let mapper = Self { root, memory };
        mapper.clear(root);
        Ok(mapper)
    }

    /// The frame to load into CR3.
    pub fn root(&self) -> PhysFrame {
        self.root
    }

    /// Maps the page of `size` at `address` to `physical`.
    ///
    /// # Errors
    /// Nothing is mapped then; tables made on the way stay for the next call.
    pub fn map(
        &mut self,
        address: VirtAddr,
        physical: PhysAddr,
        size: Level,
        access: Access,
        frames: &mut impl FrameAllocator,
    ) -> Result<Flush, PagingError> {
        let bytes = size.entry_bytes();
        if !address.is_aligned(bytes) || !physical.is_aligned(bytes) {
            return Err(PagingError::Misaligned { address });
        }
        let (mut table, mut level) = (self.root, Level::Pml4);
        while level > size {
            let entry = self.read(table, level, address);
            table = if !entry.is_present() {
                let new = frames.allocate_for(Purpose::PageTables).map_err(PagingError::Frames)?;
                self.clear(new);
                let flags = access.table_flags();
                self.write(table, level, address, Entry::new(new.start_address(), flags));
                new
            } else if entry.is_leaf(level) {
                return Err(PagingError::LargePage { address, level });
            } else {
                let opened = entry.flags() | access.table_flags();
                self.write(table, level, address, Entry::new(entry.address(), opened));
                entry.table()
            };
            level = level.below().unwrap_or(Level::Pt);
        }
        let existing = self.read(table, level, address);
        if existing.is_present() {
            return Err(PagingError::Occupied { address, existing: existing.address() });
        }
        let large = if size == Level::Pt { Flags::empty() } else { Flags::LARGE };
        self.write(table, level, address, Entry::new(physical, access.leaf_flags() | large));
        Ok(Flush(address))
    }

    /// Removes the 4 KiB page at `address`; its frame is the caller's again.
    ///
    /// # Errors
    /// [`PagingError::NotMapped`] or [`PagingError::LargePage`].
    pub fn unmap(&mut self, address: VirtAddr) -> Result<(PhysFrame, Flush), PagingError> {
        let (table, entry) = self.page_entry(address)?;
        self.write(table, Level::Pt, address, Entry::EMPTY);
        Ok((entry.table(), Flush(address)))
    }

    /// Changes what may be done with the 4 KiB page at `address`.
    ///
    /// # Errors
    /// [`PagingError::NotMapped`] or [`PagingError::LargePage`].
    pub fn protect(&mut self, address: VirtAddr, access: Access) -> Result<Flush, PagingError> {
        let (table, entry) = self.page_entry(address)?;
        self.write(table, Level::Pt, address, Entry::new(entry.address(), access.leaf_flags()));
        Ok(Flush(address))
    }

    /// What the CPU would find for `address`.
    pub fn translate(&self, address: VirtAddr) -> Option<Translation> {
        let (mut table, mut level, mut rights) = (self.root, Level::Pml4, Rights::ALL);
        loop {
            let entry = self.read(table, level, address);
            if !entry.is_present() {
                return None;
            }
            rights = rights.through(entry.flags());
            if entry.is_leaf(level) {
                let mask = level.entry_bytes() - 1;
                let base = entry.address().as_u64() & !mask;
                let physical = PhysAddr::new(base | (address.as_u64() & mask));
                return Some(Translation { physical, level, rights });
            }
            table = entry.table();
            level = level.below()?;
        }
    }

    /// The entry for `address` in a table of `level`.
    pub fn read(&self, table: PhysFrame, level: Level, address: VirtAddr) -> Entry {
        // SAFETY: the slot lies in a table of this tree (`new`'s contract).
        unsafe { self.slot(table, level, address).read_volatile() }
    }

    pub(super) fn write(&self, table: PhysFrame, level: Level, address: VirtAddr, entry: Entry) {
        // SAFETY: as in `read`; the CPU may read the entry at any time, so it
        // is written whole.
        unsafe { self.slot(table, level, address).write_volatile(entry) }
    }

    /// The page table and the leaf entry of a 4 KiB page.
    fn page_entry(&self, address: VirtAddr) -> Result<(PhysFrame, Entry), PagingError> {
        if !address.is_aligned(PAGE_BYTES) {
            return Err(PagingError::Misaligned { address });
        }
        let (mut table, mut level) = (self.root, Level::Pml4);
        loop {
            let entry = self.read(table, level, address);
            match (entry.is_present(), level.below()) {
                (false, _) => return Err(PagingError::NotMapped { address }),
                (true, None) => return Ok((table, entry)),
                (true, Some(_)) if entry.is_leaf(level) => {
                    return Err(PagingError::LargePage { address, level });
                }
                (true, Some(below)) => (table, level) = (entry.table(), below),
            }
        }
    }

    fn slot(&self, table: PhysFrame, level: Level, address: VirtAddr) -> *mut Entry {
        let offset = u64::from(level.index(address)) * size_of::<Entry>() as u64;
        self.memory.pointer(table.start_address() + offset).cast()
    }

    fn clear(&self, table: PhysFrame) {
        // SAFETY: the frame was just allocated and is nobody else's.
        unsafe { self.memory.pointer(table.start_address()).write_bytes(0, PAGE_BYTES as usize) }
    }
}
