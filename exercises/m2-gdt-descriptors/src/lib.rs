//! Exercise: the segments of a kernel with two rings.
//!
//! Segmentation is nearly gone in 64-bit mode, but not quite: the descriptor of the code
//! segment still says in which ring the CPU runs, and how wide its instructions are. You
//! write the descriptors, and put them in the order that SYSRET wants. README.md beside
//! this folder has the picture of the bits.

#![no_std]

/// What a segment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Memory to read and to write.
    Data,
    /// Code of 64 bits, readable.
    Code64,
    /// Code of 32 bits, readable: what compatibility mode runs.
    Code32,
}

/// The descriptor of a present, flat segment that was already accessed.
///
/// Flat: the base is 0, and the limit is as high as it can be, counted in pages.
///
/// - `kind`: what it is for; data counts as a 32-bit stack where a 32-bit program uses it
/// - `ring`: 0 to 3
pub fn descriptor(kind: Kind, ring: u8) -> u64 {
    todo!("put the limit's 20 one-bits into their two places, and set G")
}

/// The table, by selector: 0x00 null, then 0x08 and 0x10 what SYSCALL loads into CS and
/// SS, then 0x18 and 0x20 what SYSRET loads in 64-bit mode, in the order that SYSRET
/// wants. No segment of 32-bit code is in it.
pub fn table() -> [u64; 5] {
    todo!("call `descriptor` for the kernel's two segments first")
}
