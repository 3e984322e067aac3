//! Why a file is not loaded.

use super::MAX_SEGMENTS;
use crate::address_space::MAX_CODE_BYTES;
use core::fmt;

/// What is wrong with a file, with what was found. Addresses count from the
/// program's base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElfError {
    /// It does not begin as an ELF file does.
    NotElf,
    /// It says that something lies beyond its end.
    Truncated {
        /// Where that begins.
        offset: u64,
        /// How long it is.
        bytes: u64,
        /// How long the file is.
        file: usize,
    },
    /// It is for another CPU.
    Machine {
        /// The CPU's number.
        machine: u16,
    },
    /// It is not position-independent.
    FixedPlace {
        /// The file's type.
        found: u16,
    },
    /// Program headers have another size.
    HeaderSize {
        /// Which one.
        bytes: u16,
    },
    /// It needs something that programs here do not get.
    Unsupported {
        /// What that is.
        what: &'static str,
    },
    /// More segments than can be loaded.
    TooManySegments,
    /// A segment is both writable and executable.
    WritableCode {
        /// Its address.
        address: u64,
    },
    /// A segment has more bytes in the file than in memory.
    MoreThanMemory {
        /// Its address.
        address: u64,
        /// Its size in memory.
        bytes: u64,
    },
    /// A segment does not begin on a page boundary.
    Misaligned {
        /// Its address.
        address: u64,
    },
    /// A segment is not within the room for programs.
    OutOfRange {
        /// Its address.
        address: u64,
        /// Its size.
        bytes: u64,
    },
    /// A segment begins in a page of the one before, or below it.
    Overlap {
        /// Its address.
        address: u64,
    },
    /// The entry point is in no executable segment.
    Entry {
        /// The entry point.
        address: u64,
    },
    /// The table of relocations is not in the file, or not made of whole entries.
    RelocationTable {
        /// Where it should be.
        address: u64,
        /// Its size, or that of its entries.
        bytes: u64,
    },
    /// A relocation that only a dynamic linker could do.
    RelocationKind {
        /// What is to be relocated.
        target: u64,
        /// Symbol and type.
        info: u64,
    },
    /// A relocation outside of the segments, or across words.
    RelocationTarget {
        /// What is to be relocated.
        target: u64,
    },
}

impl fmt::Display for ElfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotElf => write!(f, "it is not an ELF file"),
            Self::Truncated { offset, bytes, file } => {
                write!(f, "it has {file} bytes, but tells of {bytes:#x} at {offset:#x}")
            }
            Self::Machine { machine } => write!(f, "it is for machine {machine}, not x86-64"),
            Self::FixedPlace { found } => {
                write!(f, "it is not position-independent (file type {found})")
            }
            Self::HeaderSize { bytes } => write!(f, "its program headers have {bytes} bytes"),
            Self::Unsupported { what } => write!(f, "it needs {what}"),
            Self::TooManySegments => write!(f, "it has more than {MAX_SEGMENTS} segments"),
            Self::WritableCode { address } => {
                write!(f, "its segment at {address:#x} is both writable and executable")
            }
            Self::MoreThanMemory { address, bytes } => write!(
                f,
                "its segment at {address:#x} has more bytes in the file than in memory, {bytes:#x}"
            ),
            Self::Misaligned { address } => {
                write!(f, "its segment at {address:#x} does not begin on a page boundary")
            }
            Self::OutOfRange { address, bytes } => write!(
                f,
                "its segment of {bytes:#x} bytes at {address:#x} does not fit into the \
                 {MAX_CODE_BYTES:#x} bytes below the stack"
            ),
            Self::Overlap { address } => {
                write!(f, "its segment at {address:#x} overlaps the one before")
            }
            Self::Entry { address } => {
                write!(f, "its entry point {address:#x} is in no executable segment")
            }
            Self::RelocationTable { address, bytes } => {
                write!(f, "its relocations, {bytes:#x} bytes at {address:#x}, are no table")
            }
            Self::RelocationKind { target, info } => {
                write!(f, "its relocation of {target:#x} is of the kind {info:#x}, not relative")
            }
            Self::RelocationTarget { target } => {
                write!(f, "its relocation of {target:#x} is not of a word in a segment")
            }
        }
    }
}
