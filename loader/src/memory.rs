//! Physical memory as the loader reads and writes it.
//!
//! Everything that fills memory for the kernel goes through [`PhysMemory`], so
//! that the host tests run the same code over a simulated machine.
//! [`Identity`] is the real one: both front ends run with physical memory
//! mapped at its own address.

use x86_64::PhysAddr;

use crate::address::PhysRange;

/// Read and write access to physical memory.
pub trait PhysMemory {
    /// Copies from physical memory.
    fn read(&self, from: PhysAddr, into: &mut [u8]);

    /// Copies into physical memory.
    fn write(&mut self, to: PhysAddr, bytes: &[u8]);

    /// Clears a range.
    fn zero(&mut self, range: PhysRange);

    /// Reads one 64-bit word.
    fn read_u64(&self, from: PhysAddr) -> u64 {
        let mut bytes = [0; 8];
        self.read(from, &mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// Writes one 64-bit word.
    fn write_u64(&mut self, to: PhysAddr, value: u64) {
        self.write(to, &value.to_le_bytes());
    }
}

/// Physical memory under an identity mapping.
pub struct Identity(());

impl Identity {
    /// # Safety
    /// 1. All memory that the firmware's map calls usable, and the firmware's
    ///    tables below 4 GiB, are mapped at their own address, and usable
    ///    memory is writable.
    /// 2. No Rust reference points into memory that the loader hands out from
    ///    the map it gives to [`launch::prepare`](crate::launch::prepare).
    pub unsafe fn new() -> Self {
        Self(())
    }
}

impl PhysMemory for Identity {
    fn read(&self, from: PhysAddr, into: &mut [u8]) {
        let source = from.as_u64() as *const u8;
        // SAFETY: mapped and readable by `new`'s condition 1; `into` is a
        // Rust slice and so, by condition 2, elsewhere.
        unsafe { core::ptr::copy_nonoverlapping(source, into.as_mut_ptr(), into.len()) }
    }

    fn write(&mut self, to: PhysAddr, bytes: &[u8]) {
        let target = to.as_u64() as *mut u8;
        // SAFETY: the library writes only to memory it allocated from the
        // map: writable by `new`'s condition 1, referenced by nothing by 2.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len()) }
    }

    fn zero(&mut self, range: PhysRange) {
        let target = range.start().as_u64() as *mut u8;
        // SAFETY: as for `write`.
        unsafe { core::ptr::write_bytes(target, 0, range.len() as usize) }
    }

    fn read_u64(&self, from: PhysAddr) -> u64 {
        // SAFETY: as for `read`; any bit pattern is a `u64`.
        unsafe { core::ptr::read_unaligned(from.as_u64() as *const u64) }
    }

    fn write_u64(&mut self, to: PhysAddr, value: u64) {
        // SAFETY: as for `write`.
        unsafe { core::ptr::write_unaligned(to.as_u64() as *mut u64, value) }
    }
}

/// A machine's memory for host tests: `bytes[0]` is at physical 0.
#[cfg(test)]
pub struct Simulated {
    /// The contents.
    pub bytes: Vec<u8>,
}

#[cfg(test)]
impl Simulated {
    /// `size` bytes of junk: nothing may rely on memory being clear.
    pub fn new(size: usize) -> Self {
        Self { bytes: vec![0xa5; size] }
    }

    /// The bytes of a range.
    pub fn slice(&self, range: PhysRange) -> &[u8] {
        &self.bytes[range.start().as_u64() as usize..range.end().as_u64() as usize]
    }
}

#[cfg(test)]
impl PhysMemory for Simulated {
    fn read(&self, from: PhysAddr, into: &mut [u8]) {
        let from = from.as_u64() as usize;
        into.copy_from_slice(&self.bytes[from..from + into.len()]);
    }

    fn write(&mut self, to: PhysAddr, bytes: &[u8]) {
        let to = to.as_u64() as usize;
        self.bytes[to..to + bytes.len()].copy_from_slice(bytes);
    }

    fn zero(&mut self, range: PhysRange) {
        self.bytes[range.start().as_u64() as usize..range.end().as_u64() as usize].fill(0);
    }
}
