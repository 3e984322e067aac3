//! What is at an address of a process, in words.

use super::user_half::UserHalf;
use super::{STACK, USER_END, USER_HEAP, USER_START};
use core::fmt;
use m1_memory::frames::FrameAllocator;
use m1_memory::layout::{self, PAGE_BYTES};
use m1_memory::physical::PhysicalMemory;
use x86_64::VirtAddr;

/// A piece of a program's image in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its first page.
    pub start: VirtAddr,
    /// One past its last page.
    pub end: VirtAddr,
    /// What is in it.
    pub content: Content,
}

/// What a piece of an image is for, which is what may be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Instructions.
    Code,
    /// What never changes.
    Constants,
    /// Variables.
    Data,
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Code => "code",
            Self::Constants => "constants",
            Self::Data => "data",
        })
    }
}

/// What is at an address of a process; its `Display` is the answer for people
/// (`{:#}` leaves out what may be done there).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Bits 63 to 47 are not all equal.
    NotCanonical,
    /// The first pages, which are never mapped.
    Null,
    /// A piece of the program's image.
    Image {
        /// The program's name.
        program: &'static str,
        /// Which piece.
        content: Content,
    },
    /// The stack.
    Stack,
    /// The unmapped page below the stack.
    GuardBelowStack,
    /// The unmapped page above the stack.
    GuardAboveStack,
    /// The heap.
    Heap,
    /// Where the heap has not grown to.
    BeyondHeap,
    /// Nothing is mapped there, for any reason of its own.
    Unmapped,
    /// The kernel's half, and what the kernel has there.
    Kernel(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::NotCanonical => "not an address: not canonical",
            Self::Null => "nothing mapped: a null pointer, or a small offset from one",
            Self::Image { program, content } => {
                let rights = match content {
                    Content::Code => "r-x",
                    Content::Constants => "r--",
                    Content::Data => "rw-",
                };
                write!(f, "{content} of `{program}`")?;
                return if f.alternate() { Ok(()) } else { write!(f, ", {rights}") };
            }
            Self::Stack => "its stack",
            Self::GuardBelowStack => "guard page below its stack",
            Self::GuardAboveStack => "guard page above its stack",
            Self::Heap => "its heap",
            Self::BeyondHeap => "past the end of its heap",
            Self::Unmapped => "nothing mapped",
            Self::Kernel(name) => {
                return write!(f, "kernel: {}", name.strip_prefix("kernel ").unwrap_or(name));
            }
        };
        f.write_str(text)
    }
}

/// Finds out what is at `address` in the address space of `program`.
pub fn find<M: PhysicalMemory, F: FrameAllocator>(
    user: &UserHalf<M, F>,
    program: &'static str,
    address: u64,
) -> Place {
    let Ok(at) = VirtAddr::try_new(address) else {
        return Place::NotCanonical;
    };
    if let Some(part) = user.parts.iter().find(|part| (part.start..part.end).contains(&at)) {
        return Place::Image { program, content: part.content };
    }
    if at < USER_START {
        Place::Null
    } else if STACK.contains(&at) {
        Place::Stack
    } else if (STACK.start - PAGE_BYTES..STACK.start).contains(&at) {
        Place::GuardBelowStack
    } else if (STACK.end..STACK.end + PAGE_BYTES).contains(&at) {
        Place::GuardAboveStack
    } else if (USER_HEAP.start..user.heap_end).contains(&at) {
        Place::Heap
    } else if USER_HEAP.contains(&at) {
        Place::BeyondHeap
    } else if at < layout::KERNEL_HALF {
        Place::Unmapped
    } else {
        Place::Kernel(layout::name_of(at))
    }
}

const _: () = assert!(USER_HEAP.end.as_u64() <= USER_END.as_u64());
