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

/// One behind the last address there can be.
const END: u64 = 1 << PHYSICAL_BITS;

/// The frame that holds the byte at `address`. `None` for an address that no CPU has.
pub fn containing(address: u64) -> Option<Frame> {
    (address < END).then_some(Frame(address / FRAME_BYTES))
}

/// The address of the frame's first byte. `None` if no CPU has such an address.
pub fn start(frame: Frame) -> Option<u64> {
    frame.0.checked_mul(FRAME_BYTES).filter(|address| *address < END)
}

/// The frames that lie wholly inside `bytes`, first to one behind the last; an empty range
/// if there is none. Addresses above what a CPU has are cut off.
pub fn inside(bytes: Range<u64>) -> Range<u64> {
    let first = bytes.start.min(END).div_ceil(FRAME_BYTES);
    let behind = bytes.end.min(END) / FRAME_BYTES;
    first..behind.max(first)
}

/// The frames of which any byte lies in `bytes`, first to one behind the last; an empty
/// range if `bytes` is empty. Addresses above what a CPU has are cut off.
pub fn touching(bytes: Range<u64>) -> Range<u64> {
    let first = bytes.start.min(END) / FRAME_BYTES;
    if bytes.is_empty() {
        return first..first;
    }
    first..bytes.end.min(END).div_ceil(FRAME_BYTES)
}
