//! Exercise: from addresses to frames and back.
//!
//! A frame allocator gives out whole frames of 4 KiB, but the loader's memory map speaks
//! of bytes. You write the arithmetic between the two, so that it never gives out a frame
//! of which a part belongs to somebody else, and never overflows.

#![no_std]

use core::ops::Range;

/// The size of a frame, in bytes (Intel SDM Vol. 3A, 5.5 "4-Level Paging").
pub const FRAME_BYTES: u64 = 4096;

/// Bits of a physical address at most (Intel SDM Vol. 3A, 5.1.4 "Enumeration of Paging
/// Features by CPUID": MAXPHYADDR is at most 52).
pub const PHYSICAL_BITS: u32 = 52;

/// A frame, by its number: frame 0 begins at address 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Frame(pub u64);

/// The frame that holds the byte at `address`. `None` for an address that no CPU has.
pub fn containing(address: u64) -> Option<Frame> {
    todo!("divide the address by the size of a frame; do not think of its range yet")
}

/// The address of the frame's first byte. `None` if no CPU has such an address.
pub fn start(frame: Frame) -> Option<u64> {
    todo!("the opposite of `containing`")
}

/// The frames that lie wholly inside `bytes`, first to one behind the last; an empty range
/// if there is none. Addresses above what a CPU has are cut off.
pub fn inside(bytes: Range<u64>) -> Range<u64> {
    todo!("round the start up and the end down")
}

/// The frames of which any byte lies in `bytes`, first to one behind the last; an empty
/// range if `bytes` is empty. Addresses above what a CPU has are cut off.
pub fn touching(bytes: Range<u64>) -> Range<u64> {
    todo!("round the start down and the end up")
}
