//! Why an address space could not be made, or could not grow.

use super::MAX_CODE_BYTES;
use crate::elf::ElfError;
use core::fmt;
use m1_memory::frames::FrameError;
use m1_memory::paging::mapper::PagingError;
use x86_64::VirtAddr;

/// What was refused, with what stood in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpaceError {
    /// The kernel has no page tables of its own yet.
    NoTemplate,
    /// The program does not fit below its stack.
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The program's file is not one that can be loaded.
    Elf(ElfError),
    /// The heap has no room for that much.
    HeapFull {
        /// What was asked for.
        bytes: u64,
        /// What is left.
        left: u64,
    },
    /// That page is the kernel's to map.
    NotUserHalf {
        /// Its address.
        page: VirtAddr,
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
            Self::Elf(error) => write!(f, "not a program: {error}"),
            Self::HeapFull { bytes, left } => {
                write!(f, "the heap cannot grow by {bytes} bytes; there is room for {left} more")
            }
            Self::NotUserHalf { page } => write!(f, "{page:#x} is not in the user half"),
            Self::Frames(error) => error.fmt(f),
            Self::Paging(error) => error.fmt(f),
        }
    }
}
