//! Exercise: reading the memory map.
//!
//! The loader hands the kernel a list that says what each range of physical addresses is.
//! You answer three questions about it. README.md beside this folder has a picture.

#![no_std]

use core::ops::Range;

/// What a range of physical memory is (Limine protocol, "Memory Map Feature").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Free for the kernel.
    Usable,
    /// Never to be touched: devices, or the firmware's own.
    Reserved,
    /// ACPI's tables and data.
    Acpi,
    /// The loader's tables and answers: in use for now.
    Loader,
    /// The kernel's own image, and the files loaded beside it.
    Kernel,
}

/// One entry of the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Physical address of its first byte.
    pub base: u64,
    /// Its length in bytes.
    pub length: u64,
    /// What it is.
    pub kind: Kind,
}

impl Entry {
    /// The address behind its last byte.
    pub fn end(&self) -> u64 {
        self.base + self.length
    }
}

/// How many bytes are free for the kernel.
pub fn usable_bytes(map: &[Entry]) -> u64 {
    todo!("go over the entries that are `Kind::Usable`, and add up their lengths")
}

/// The largest usable entry; of several that are as large, the one with the lowest
/// address. `None` if nothing is usable.
pub fn largest_usable(map: &[Entry]) -> Option<Entry> {
    todo!("keep the best usable entry seen so far, and replace it by a larger one")
}

/// Calls `found` with each hole, lowest first: a range between two entries that no entry
/// says anything about. The entries are sorted by `base`. Those that are not usable may
/// overlap each other, or lie inside one another.
pub fn holes(map: &[Entry], found: &mut impl FnMut(Range<u64>)) {
    todo!("remember how far the entries seen so far reach")
}
