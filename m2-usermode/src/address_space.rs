//! A process's own page tables.
//!
//! ```text
//!   upper half   the kernel's PML4 entries, copied: same in every process,
//!                supervisor only
//!   0x0080_3000  +-------------------+
//!                | guard, unmapped   |
//!   0x0080_2000  +-------------------+
//!                | stack, RW NX U=1  |  8 KiB
//!   0x0080_0000  +-------------------+
//!                | guard, unmapped   |
//!   0x007f_f000  +-------------------+
//!                | not used          |
//!                | code, RX U=1      |  the program's bytes
//!   0x0001_0000  +-------------------+
//!                | never mapped      |  null pointers fault
//!   0            +-------------------+
//! ```
//!
//! Every frame below the upper half belongs to the address space and goes back
//! when it is dropped.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use m1_memory::frames::{FrameAllocator, FrameError, KernelFrames, Purpose};
use m1_memory::layout::{KERNEL_HALF, PAGE_BYTES};
use m1_memory::paging::access::Access;
use m1_memory::paging::entry::{ENTRIES, Entry, Level};
use m1_memory::paging::kernel;
use m1_memory::paging::mapper::{Mapper, PagingError, Translation};
use m1_memory::paging::walk::MappedRegion;
use m1_memory::physical::{DirectMap, PhysicalMemory};
use x86_64::VirtAddr;
use x86_64::registers::control::Cr3;
use x86_64::structures::paging::PhysFrame;

/// First address that may be mapped for a program.
pub const USER_START: VirtAddr = VirtAddr::new_truncate(0x1_0000);

/// One past the last address that may be mapped for a program. The half's last
/// page stays free, so that no SYSCALL can return to a non-canonical address.
pub const USER_END: VirtAddr = VirtAddr::new_truncate(0x0000_7fff_ffff_f000);

/// Where a program's code begins.
pub const CODE: VirtAddr = USER_START;

/// A program's stack, with an unmapped page on each side.
pub const STACK: Range<VirtAddr> =
    VirtAddr::new_truncate(0x80_0000)..VirtAddr::new_truncate(0x80_2000);

/// Most bytes of code: up to the guard page below the stack.
pub const MAX_CODE_BYTES: u64 = STACK.start.as_u64() - PAGE_BYTES - CODE.as_u64();

/// A process's page tables and memory.
pub struct AddressSpace {
    tables: Mapper<DirectMap>,
    memory: DirectMap,
}

/// Why an address space could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpaceError {
    /// The kernel has no page tables of its own yet.
    NoTemplate,
    /// The program does not fit below its stack.
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// No memory for a page.
    Frames(FrameError),
    /// No memory for a table, or an address used twice.
    Paging(PagingError),
}

impl fmt::Display for SpaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTemplate => write!(f, "the kernel's own page tables are not loaded yet"),
            Self::TooLarge { bytes } => {
                write!(f, "{bytes} bytes of code; at most {MAX_CODE_BYTES} fit below the stack")
            }
            Self::Frames(error) => error.fmt(f),
            Self::Paging(error) => error.fmt(f),
        }
    }
}

impl AddressSpace {
    /// An address space with `code` at [`CODE`] and an empty stack.
    ///
    /// # Errors
    /// See [`SpaceError`]; everything taken so far is given back.
    pub fn new(code: &[u8], memory: DirectMap) -> Result<Self, SpaceError> {
        if code.len() as u64 > MAX_CODE_BYTES {
            return Err(SpaceError::TooLarge { bytes: code.len() });
        }
        let template = kernel::root().ok_or(SpaceError::NoTemplate)?;
        let tables = Mapper::create(memory, &mut KernelFrames).map_err(SpaceError::Paging)?;
        // From here on, dropping `space` gives back what was taken.
        let mut space = Self { tables, memory };
        for index in ENTRIES / 2..ENTRIES {
            let entry = space.top_entry(template, index);
            // SAFETY: both tables are valid PML4s, and the new one is ours.
            unsafe { space.top_slot(space.tables.root(), index).write(entry) };
        }
        let mut address = CODE;
        for page in code.chunks(PAGE_BYTES as usize) {
            space.map_page(address, page, Access::USER_CODE)?;
            address += PAGE_BYTES;
        }
        let mut address = STACK.start;
        while address < STACK.end {
            space.map_page(address, &[], Access::USER_DATA)?;
            address += PAGE_BYTES;
        }
        Ok(space)
    }

    /// The frame to load into CR3.
    pub fn root(&self) -> PhysFrame {
        self.tables.root()
    }

    /// What an address of this process is mapped to.
    pub fn translate(&self, address: VirtAddr) -> Option<Translation> {
        self.tables.translate(address)
    }

    /// The program's own regions.
    pub fn user_regions(&self) -> Vec<MappedRegion> {
        let mut regions = Vec::new();
        self.tables.for_each_region(|region| {
            if region.start < KERNEL_HALF {
                regions.push(region);
            }
        });
        regions
    }

    /// Whether the upper half is the kernel's, entry for entry.
    pub fn shares_kernel_half(&self) -> bool {
        kernel::root().is_some_and(|template| {
            (ENTRIES / 2..ENTRIES).all(|index| {
                self.top_entry(self.tables.root(), index) == self.top_entry(template, index)
            })
        })
    }

    /// Whether any region of the upper half is open to ring 3.
    pub fn exposes_kernel(&self) -> bool {
        let mut exposed = false;
        self.tables.for_each_region(|region| {
            exposed |= region.start >= KERNEL_HALF && region.rights.user;
        });
        exposed
    }

    /// Maps one page at `address` to a new frame holding `content` and zeros.
    fn map_page(
        &mut self,
        address: VirtAddr,
        content: &[u8],
        access: Access,
    ) -> Result<(), SpaceError> {
        let frame = KernelFrames.allocate_for(Purpose::User).map_err(SpaceError::Frames)?;
        let bytes = self.memory.pointer(frame.start_address());
        // SAFETY: the frame was just allocated; `content` is at most a page.
        unsafe {
            bytes.write_bytes(0, PAGE_BYTES as usize);
            bytes.copy_from_nonoverlapping(content.as_ptr(), content.len());
        }
        let physical = frame.start_address();
        match self.tables.map(address, physical, Level::Pt, access, &mut KernelFrames) {
            Ok(flush) => {
                flush.not_needed(); // these tables are not loaded
                Ok(())
            }
            Err(error) => {
                give_back(frame);
                Err(SpaceError::Paging(error))
            }
        }
    }

    fn top_slot(&self, root: PhysFrame, index: u16) -> *mut Entry {
        let offset = u64::from(index) * size_of::<Entry>() as u64;
        self.memory.pointer(root.start_address() + offset).cast()
    }

    fn top_entry(&self, root: PhysFrame, index: u16) -> Entry {
        // SAFETY: `root` is a PML4 and `index` is below its length.
        unsafe { self.top_slot(root, index).read() }
    }

    /// Gives back everything below one table of the user half, and the table.
    fn free_below(&self, table: PhysFrame, level: Level, entries: Range<u16>) {
        for index in entries {
            let address = VirtAddr::new_truncate(u64::from(index) * level.entry_bytes());
            let entry = self.tables.read(table, level, address);
            match level.below() {
                _ if !entry.is_present() => {}
                Some(below) => self.free_below(entry.table(), below, 0..ENTRIES),
                None => give_back(entry.table()),
            }
        }
        give_back(table);
    }
}

impl Drop for AddressSpace {
    fn drop(&mut self) {
        let (loaded, flags) = Cr3::read();
        if loaded == self.root()
            && let Some(kernel) = kernel::root()
        {
            // SAFETY: the kernel's half is the same in both, and nobody is in
            // the user half of an address space that is being dropped.
            unsafe { Cr3::write(kernel, flags) };
        }
        self.free_below(self.root(), Level::Pml4, 0..ENTRIES / 2);
    }
}

fn give_back(frame: PhysFrame) {
    // SAFETY: the frame belonged to an address space that does not use it.
    if let Err(error) = unsafe { KernelFrames.free(frame) } {
        log::error!("a frame of a process could not be freed: {error}");
    }
}
