//! Why a kernel file was refused. See [`image`](crate::image).

use core::fmt;

use crate::image::{HIGHER_HALF, MAX_SEGMENTS};

/// The reason, with its evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageError {
    /// The file does not start with the ELF magic.
    NotElf,
    /// Not a 64-bit file.
    WrongClass {
        /// `e_ident[EI_CLASS]`.
        class: u8,
    },
    /// Not little-endian.
    BigEndian,
    /// Not for x86-64.
    WrongMachine {
        /// `e_machine`.
        machine: u16,
    },
    /// Neither an executable nor a shared object.
    WrongType {
        /// `e_type`.
        kind: u16,
    },
    /// The file ends before something its headers point to.
    Truncated {
        /// Bytes that the file would have to have.
        needed: usize,
        /// Bytes that it has.
        size: usize,
    },
    /// Table entries of an unexpected size.
    EntrySize {
        /// As stated.
        found: u64,
        /// As defined.
        expected: u64,
    },
    /// A header contradicts itself or the format.
    Malformed,
    /// No loadable segment.
    NoSegments,
    /// More than [`MAX_SEGMENTS`].
    TooManySegments,
    /// A segment reaches beyond the end of the address space.
    AddressOverflow {
        /// `p_vaddr`.
        address: u64,
        /// `p_memsz`.
        size: u64,
    },
    /// A segment lies below [`HIGHER_HALF`].
    BelowHigherHalf {
        /// Where it starts.
        address: u64,
    },
    /// A segment has more bytes in the file than in memory.
    FileSizeExceedsMemory {
        /// Where it starts.
        address: u64,
    },
    /// Two segments claim the same address.
    Overlap {
        /// The first such address.
        address: u64,
    },
    /// Segments of different permissions meet in one page.
    SharedPage {
        /// The page.
        address: u64,
    },
    /// The entry point is in no executable segment.
    EntryOutside {
        /// The entry point.
        entry: u64,
    },
    /// A relocation that the loader cannot apply.
    Relocation {
        /// Its type (`R_X86_64_*`).
        kind: u32,
        /// The address to patch.
        target: u64,
    },
    /// A table of relocations in a form other than RELA.
    RelocationTable {
        /// Its tag in the dynamic section.
        tag: i64,
    },
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotElf => write!(f, "not an ELF file; give the path of a kernel ELF"),
            Self::WrongClass { class } => {
                write!(f, "ELF class {class} is not 64-bit; build for x86-64")
            }
            Self::BigEndian => write!(f, "not a little-endian ELF file; build for x86-64"),
            Self::WrongMachine { machine } => {
                write!(f, "ELF machine {machine} is not x86-64 (62); build for x86-64")
            }
            Self::WrongType { kind } => {
                write!(f, "ELF type {kind} is neither executable nor PIE; link the kernel")
            }
            Self::Truncated { needed, size } => write!(
                f,
                "truncated ELF file: {needed} bytes needed, {size} there; copy or build it again"
            ),
            Self::EntrySize { found, expected } => {
                write!(
                    f,
                    "ELF table entries of {found} bytes instead of {expected}; build it again"
                )
            }
            Self::Malformed => write!(f, "malformed ELF headers; build the kernel again"),
            Self::NoSegments => write!(f, "no loadable segment (PT_LOAD); check the linker script"),
            Self::TooManySegments => {
                write!(f, "more than {MAX_SEGMENTS} loadable segments; check the linker script")
            }
            Self::AddressOverflow { address, size } => write!(
                f,
                "segment at {address:#x} of {size:#x} bytes exceeds the address space; \
                 check the linker script"
            ),
            Self::BelowHigherHalf { address } => write!(
                f,
                "segment at {address:#x} is below the higher half ({HIGHER_HALF:#x}); \
                 check the linker script"
            ),
            Self::FileSizeExceedsMemory { address } => write!(
                f,
                "segment at {address:#x} is larger in the file than in memory; build it again"
            ),
            Self::Overlap { address } => {
                write!(f, "overlapping segments at {address:#x}; check the linker script")
            }
            Self::SharedPage { address } => write!(
                f,
                "segments of different permissions share the page at {address:#x}; \
                 align them to 4096 in the linker script"
            ),
            Self::EntryOutside { entry } => write!(
                f,
                "entry point {entry:#x} is outside every executable segment; \
                 check ENTRY in the linker script"
            ),
            Self::Relocation { kind, target } => write!(
                f,
                "cannot apply relocation type {kind} at {target:#x}; link the kernel statically"
            ),
            Self::RelocationTable { tag } => write!(
                f,
                "unsupported relocation table (dynamic tag {tag:#x}); link with plain RELA"
            ),
        }
    }
}
