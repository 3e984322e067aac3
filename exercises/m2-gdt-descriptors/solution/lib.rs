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

/// The highest limit: 20 bits.
const LIMIT: u64 = 0xf_ffff;
const ACCESSED: u64 = 1 << 40;
const WRITABLE_OR_READABLE: u64 = 1 << 41;
const EXECUTABLE: u64 = 1 << 43;
const CODE_OR_DATA: u64 = 1 << 44;
const PRESENT: u64 = 1 << 47;
const LONG: u64 = 1 << 53;
const WIDTH_32: u64 = 1 << 54;
const PAGES: u64 = 1 << 55;

/// The descriptor of a present, flat segment that was already accessed.
///
/// Flat: the base is 0, and the limit is as high as it can be, counted in pages.
///
/// - `kind`: what it is for; data counts as a 32-bit stack where a 32-bit program uses it
/// - `ring`: 0 to 3
pub fn descriptor(kind: Kind, ring: u8) -> u64 {
    let flat = LIMIT & 0xffff | (LIMIT >> 16) << 48 | PAGES;
    let access = ACCESSED | WRITABLE_OR_READABLE | CODE_OR_DATA | PRESENT;
    let privilege = u64::from(ring & 3) << 45;
    let special = match kind {
        Kind::Data => WIDTH_32,
        Kind::Code64 => EXECUTABLE | LONG,
        Kind::Code32 => EXECUTABLE | WIDTH_32,
    };
    flat | access | privilege | special
}

/// The table, by selector: 0x00 null, then 0x08 and 0x10 what SYSCALL loads into CS and
/// SS, then 0x18 and 0x20 what SYSRET loads in 64-bit mode, in the order that SYSRET
/// wants. No segment of 32-bit code is in it.
pub fn table() -> [u64; 5] {
    [
        0,
        descriptor(Kind::Code64, 0),
        descriptor(Kind::Data, 0),
        descriptor(Kind::Data, 3),
        descriptor(Kind::Code64, 3),
    ]
}
