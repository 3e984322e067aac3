//! A process's own page tables.
//!
//! ```text
//!   upper half   the kernel's PML4 entries, copied: same in every process,
//!                supervisor only
//!   0x5000_0000  +-------------------+
//!                | heap, RW NX U=1   |  grows from its start, by `grow_heap`
//!   0x1000_0000  +-------------------+
//!                | not used          |
//!   0x0080_3000  +-------------------+
//!                | guard, unmapped   |
//!   0x0080_2000  +-------------------+
//!                | stack, RW NX U=1  |  8 KiB
//!   0x0080_0000  +-------------------+
//!                | guard, unmapped   |
//!   0x007f_f000  +-------------------+
//!                | not used          |
//!                | code, RX U=1, and |  the program: one piece if it is flat,
//!                | data, R or RW, NX |  the segments of an ELF file
//!   0x0001_0000  +-------------------+
//!                | never mapped      |  null pointers fault
//!   0            +-------------------+
//! ```
//!
//! - `user_half`: the tables and frames below the kernel's half; all of them go
//!   back when it is dropped
//! - `load`: a program's bytes into it
//! - `heap`: its growth
//! - `frames`: where the frames come from, and the reserve that stays the kernel's
//! - [`Place`]: what is at an address, for people

mod error;
mod frames;
mod heap;
mod load;
mod place;
mod user_half;

pub use error::SpaceError;
pub use frames::KERNEL_RESERVE;
pub use place::Place;

use crate::program::Program;
use alloc::vec::Vec;
use core::ops::Range;
use frames::UserFrames;
use m1_memory::frames::FrameError;
use m1_memory::layout::{KERNEL_HALF, PAGE_BYTES};
use m1_memory::paging::access::{Access, Owner, Use};
use m1_memory::paging::entry::{ENTRIES, Entry};
use m1_memory::paging::kernel;
use m1_memory::paging::mapper::Translation;
use m1_memory::paging::walk::MappedRegion;
use m1_memory::physical::{DirectMap, PhysicalMemory};
use user_half::UserHalf;
use x86_64::VirtAddr;
use x86_64::registers::control::Cr3;
use x86_64::structures::paging::PhysFrame;

/// First address that may be mapped for a program.
pub const USER_START: VirtAddr = VirtAddr::new_truncate(0x1_0000);

/// One past the last address that may be mapped for a program. The half's last
/// page stays free, so that no SYSCALL can return to a non-canonical address.
pub const USER_END: VirtAddr = VirtAddr::new_truncate(0x0000_7fff_ffff_f000);

/// Where a program's image begins.
pub const CODE: VirtAddr = USER_START;

/// A program's stack, with an unmapped page on each side.
pub const STACK: Range<VirtAddr> =
    VirtAddr::new_truncate(0x80_0000)..VirtAddr::new_truncate(0x80_2000);

/// Most bytes of an image: up to the guard page below the stack.
pub const MAX_CODE_BYTES: u64 = STACK.start.as_u64() - PAGE_BYTES - CODE.as_u64();

/// The room that a program's heap has to grow.
pub const USER_HEAP: Range<VirtAddr> =
    VirtAddr::new_truncate(0x1000_0000)..VirtAddr::new_truncate(0x5000_0000);

/// A process's page tables and memory.
pub struct AddressSpace {
    user: UserHalf<DirectMap, UserFrames>,
    memory: DirectMap,
    program: Program,
    entry: VirtAddr,
}

impl AddressSpace {
    /// An address space that holds `program`, an empty stack and an empty heap.
    ///
    /// # Errors
    /// See [`SpaceError`]; everything taken so far is given back.
    pub fn new(program: &Program, memory: DirectMap) -> Result<Self, SpaceError> {
        let template = kernel::root().ok_or(SpaceError::NoTemplate)?;
        // From here on, dropping `user` gives back what was taken.
        let mut user = UserHalf::new(memory, UserFrames)?;
        let entry = load::load(&mut user, program)?;
        let space = Self { user, memory, program: *program, entry };
        let half = ENTRIES / 2;
        let (from, to) = (space.top_slot(template, half), space.top_slot(space.root(), half));
        // SAFETY: both tables are valid PML4s, and the new one is ours.
        unsafe { to.copy_from_nonoverlapping(from, usize::from(half)) };
        Ok(space)
    }

    /// The frame to load into CR3.
    pub fn root(&self) -> PhysFrame {
        self.user.root()
    }

    /// Where the program starts.
    pub fn entry(&self) -> VirtAddr {
        self.entry
    }

    /// The program in it.
    pub fn program(&self) -> Program {
        self.program
    }

    /// Makes the heap longer by `bytes`, rounded up to whole pages, and returns
    /// where the new memory begins: the old end. It is zeroed. Works on the
    /// address space that is loaded as on any other.
    ///
    /// # Errors
    /// [`SpaceError::HeapFull`], or no memory; then nothing has changed.
    pub fn grow_heap(&mut self, bytes: u64) -> Result<VirtAddr, SpaceError> {
        // Mapping and unmapping half of the RAM only to find that out takes long.
        if bytes.div_ceil(PAGE_BYTES) > frames::available() {
            return Err(SpaceError::Frames(FrameError::OutOfMemory));
        }
        self.user.grow_heap(bytes)
    }

    /// Maps the page at `page` for the program, to a new frame with zeros and what
    /// `fill` puts there.
    ///
    /// Unlike an image or a heap this may be anywhere in the user half, and even in
    /// its last page ([`USER_END`]): the kernel does not depend on it being free.
    ///
    /// # Errors
    /// [`SpaceError::NotUserHalf`], a page that is mapped already, or no memory.
    pub fn map_user_page(
        &mut self,
        page: VirtAddr,
        usage: Use,
        fill: impl FnOnce(&mut [u8]),
    ) -> Result<(), SpaceError> {
        if page >= KERNEL_HALF {
            return Err(SpaceError::NotUserHalf { page });
        }
        let mut fill = Some(fill);
        let access = Access { usage, owner: Owner::User };
        self.user.map_page(page, access, &mut |_, bytes| {
            if let Some(fill) = fill.take() {
                fill(bytes);
            }
        })
    }

    /// What is at an address, as this process sees it.
    pub fn describe(&self, address: u64) -> Place {
        place::find(&self.user, self.program.name(), address)
    }

    /// What an address of this process is mapped to.
    pub fn translate(&self, address: VirtAddr) -> Option<Translation> {
        self.user.tables().translate(address)
    }

    /// The program's own regions.
    pub fn user_regions(&self) -> Vec<MappedRegion> {
        let mut regions = Vec::new();
        self.user.tables().for_each_region(|region| {
            if region.start < KERNEL_HALF {
                regions.push(region);
            }
        });
        regions
    }

    /// Whether the upper half is the kernel's, entry for entry.
    pub fn shares_kernel_half(&self) -> bool {
        kernel::root().is_some_and(|template| {
            (ENTRIES / 2..ENTRIES)
                .all(|index| self.top_entry(self.root(), index) == self.top_entry(template, index))
        })
    }

    /// Whether any region of the upper half is open to ring 3.
    pub fn exposes_kernel(&self) -> bool {
        let mut exposed = false;
        self.user.tables().for_each_region(|region| {
            exposed |= region.start >= KERNEL_HALF && region.rights.user;
        });
        exposed
    }

    fn top_slot(&self, root: PhysFrame, index: u16) -> *mut Entry {
        let offset = u64::from(index) * size_of::<Entry>() as u64;
        self.memory.pointer(root.start_address() + offset).cast()
    }

    fn top_entry(&self, root: PhysFrame, index: u16) -> Entry {
        // SAFETY: `root` is a PML4 and `index` is below its length.
        unsafe { self.top_slot(root, index).read() }
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
    }
}

#[cfg(test)]
mod tests;
