//! Why paging refused, with what stood in the way.

use super::access::Rights;
use super::entry::Level;
use crate::frames::FrameError;
use core::fmt;
use x86_64::{PhysAddr, VirtAddr};

/// One page and what it is mapped to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The page's first address.
    pub page: VirtAddr,
    /// What that is mapped to.
    pub physical: PhysAddr,
    /// The level of the leaf, which gives the page's size.
    pub level: Level,
    /// What all levels together permit.
    pub rights: Rights,
}

impl fmt::Display for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { page, physical, level, rights } = self;
        let (page, physical) = (page.as_u64(), physical.as_u64());
        write!(f, "{page:#x} -> {physical:#x} ({} page, {rights})", level.page_name())
    }
}

/// Why a mapping could not be made or changed; nothing was changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PagingError {
    /// Virtual or physical address is not a multiple of the page's size.
    Misaligned {
        /// The virtual address asked for.
        address: VirtAddr,
    },
    /// The range is not whole pages of one half of the address space.
    BadRange {
        /// Its first address.
        start: VirtAddr,
        /// Its length.
        bytes: u64,
    },
    /// Something is mapped there already.
    Occupied {
        /// The address asked for.
        address: VirtAddr,
        /// What is there.
        existing: Mapping,
    },
    /// The address is not mapped.
    NotMapped {
        /// The address.
        address: VirtAddr,
    },
    /// A larger page lies there; it would have to be split.
    LargePage {
        /// The address asked for.
        address: VirtAddr,
        /// The large page.
        existing: Mapping,
    },
    /// Smaller pages lie there; they are to be changed one by one, or as a range.
    SmallerPages {
        /// The address asked for.
        address: VirtAddr,
        /// The first of them.
        existing: Mapping,
    },
    /// The kernel half's top-level entries are fixed, because every address
    /// space has a copy of them, and the address would need a new one.
    TopLevelFixed {
        /// The address asked for.
        address: VirtAddr,
    },
    /// No frame for a page table, or for a page.
    Frames(FrameError),
}

impl fmt::Display for PagingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misaligned { address } => {
                write!(f, "{:#x} is not aligned to its page", address.as_u64())
            }
            Self::BadRange { start, bytes } => {
                let start = start.as_u64();
                write!(f, "{bytes:#x} bytes at {start:#x} are not whole pages of one half")
            }
            Self::Occupied { address, existing } => {
                write!(f, "{:#x} is already mapped: {existing}", address.as_u64())
            }
            Self::NotMapped { address } => write!(f, "{:#x} is not mapped", address.as_u64()),
            Self::LargePage { address, existing } => {
                write!(f, "{:#x} lies in a large page: {existing}", address.as_u64())
            }
            Self::SmallerPages { address, existing } => {
                let address = address.as_u64();
                write!(f, "{address:#x} is mapped by smaller pages, first {existing}")
            }
            Self::TopLevelFixed { address } => {
                let address = address.as_u64();
                write!(f, "{address:#x} needs a new PML4 entry, and the kernel's are fixed")
            }
            Self::Frames(error) => write!(f, "no page or table: {error}"),
        }
    }
}
