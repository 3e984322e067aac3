//! The user half of an address space: the tables and the frames that are the
//! process's alone.

use super::error::SpaceError;
use super::place::Part;
use super::{STACK, USER_HEAP};
use crate::elf::MAX_SEGMENTS;
use arrayvec::ArrayVec;
use core::ops::Range;
use m1_memory::frames::{FrameAllocator, Purpose};
use m1_memory::layout::{KERNEL_HALF, PAGE_BYTES};
use m1_memory::paging::access::Access;
use m1_memory::paging::entry::{ENTRIES, Entry, Level};
use m1_memory::paging::mapper::{Mapper, PagingError};
use m1_memory::physical::PhysicalMemory;
use x86_64::VirtAddr;
use x86_64::structures::paging::PhysFrame;

/// A page's bytes.
pub type PageBytes = [u8; PAGE_BYTES as usize];

/// Page tables whose user half belongs to one process, over any memory and with
/// any source of frames, so that it runs in host tests too.
pub struct UserHalf<M: PhysicalMemory, F: FrameAllocator> {
    pub(super) tables: Mapper<M>,
    memory: M,
    pub(super) frames: F,
    /// The pieces of the program's image.
    pub(super) parts: ArrayVec<Part, MAX_SEGMENTS>,
    /// One past the last page of the heap.
    pub(super) heap_end: VirtAddr,
}

impl<M: PhysicalMemory, F: FrameAllocator> UserHalf<M, F> {
    /// Empty tables but for a stack.
    pub fn new(memory: M, mut frames: F) -> Result<Self, SpaceError> {
        let tables = Mapper::create(memory, &mut frames).map_err(SpaceError::Paging)?;
        let (parts, heap_end) = (ArrayVec::new(), USER_HEAP.start);
        let mut half = Self { tables, memory, frames, parts, heap_end };
        half.map_pages(STACK, Access::USER_DATA, |_, _| {})?;
        Ok(half)
    }

    /// The frame of the PML4.
    pub fn root(&self) -> PhysFrame {
        self.tables.root()
    }

    /// The page tables, to look at.
    pub fn tables(&self) -> &Mapper<M> {
        &self.tables
    }

    /// Maps whole pages to new frames, each zeroed and then filled by `fill`. If
    /// that fails, the pages mapped so far are unmapped again.
    pub fn map_pages(
        &mut self,
        pages: Range<VirtAddr>,
        access: Access,
        mut fill: impl FnMut(VirtAddr, &mut PageBytes),
    ) -> Result<(), SpaceError> {
        let mut address = pages.start;
        while address < pages.end {
            if let Err(error) = self.map_page(address, access, &mut fill) {
                self.unmap_pages(pages.start..address);
                return Err(error);
            }
            address += PAGE_BYTES;
        }
        Ok(())
    }

    /// The same for one page.
    pub fn map_page(
        &mut self,
        address: VirtAddr,
        access: Access,
        fill: &mut impl FnMut(VirtAddr, &mut PageBytes),
    ) -> Result<(), SpaceError> {
        let frame = self.frames.allocate_for(Purpose::User).map_err(SpaceError::Frames)?;
        let physical = frame.start_address();
        let bytes = self.memory.pointer(physical).cast::<PageBytes>();
        // SAFETY: the frame was just allocated; it is ours and a page long.
        unsafe {
            bytes.write_bytes(0, 1);
            fill(address, &mut *bytes);
        }
        match self.tables.map(address, physical, Level::Pt, access, &mut self.frames) {
            Ok(flush) => {
                flush.not_needed(); // the CPU does not remember what was not present
                Ok(())
            }
            Err(error) => {
                self.give_back(frame);
                Err(SpaceError::Paging(error))
            }
        }
    }

    /// Writes a word of the program's memory, whatever the program may do there.
    /// `address` is a multiple of 8.
    pub fn store(&mut self, address: VirtAddr, word: u64) -> Result<(), SpaceError> {
        let aligned = address.is_aligned(size_of::<u64>() as u64);
        let found = self.tables.translate(address).filter(|_| aligned && address < KERNEL_HALF);
        let physical =
            found.ok_or(SpaceError::Paging(PagingError::NotMapped { address }))?.physical;
        // SAFETY: what is mapped in the user half is our own; the word is aligned,
        // so it lies in that one frame.
        unsafe { self.memory.pointer(physical).cast::<u64>().write(word) };
        Ok(())
    }

    fn unmap_pages(&mut self, pages: Range<VirtAddr>) {
        let mut address = pages.start;
        while address < pages.end {
            match self.tables.unmap(address) {
                Ok((frame, flush)) => {
                    flush.now();
                    self.give_back(frame);
                }
                // Every page of the range was mapped by this process.
                Err(PagingError::NotMapped { .. }) => {}
                Err(error) => log::error!("a page of a process cannot be unmapped: {error}"),
            }
            address += PAGE_BYTES;
        }
        self.tables.release_tables(&mut self.frames);
    }

    /// Gives back everything below the first `entries` of a table, and the table.
    /// At most `used` of them are in use.
    fn free_below(&mut self, table: PhysFrame, level: Level, entries: u16, used: u16) {
        let slots = self.memory.pointer(table.start_address()).cast::<Entry>();
        let mut left = used;
        for index in 0..entries {
            if left == 0 {
                break;
            }
            // SAFETY: `index` is below a table's length, and the table is ours; no
            // CPU has it loaded.
            let entry = unsafe { slots.add(usize::from(index)).read() };
            if entry.is_present() {
                left -= 1;
                match level.below() {
                    Some(below) => self.free_below(entry.table(), below, ENTRIES, entry.count()),
                    None => self.give_back(entry.table()),
                }
            }
        }
        self.give_back(table);
    }

    fn give_back(&mut self, frame: PhysFrame) {
        // SAFETY: the frame belonged to an address space that does not use it.
        if let Err(error) = unsafe { self.frames.free(frame) } {
            log::error!("a frame of a process could not be freed: {error}");
        }
    }
}

impl<M: PhysicalMemory, F: FrameAllocator> Drop for UserHalf<M, F> {
    fn drop(&mut self) {
        self.tables.release_tables(&mut self.frames);
        self.free_below(self.root(), Level::Pml4, ENTRIES / 2, ENTRIES / 2);
    }
}
