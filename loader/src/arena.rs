//! A run of loader memory that is filled front to back with what the kernel is
//! to read: responses, lists, strings.

use bytemuck::NoUninit;
use x86_64::{PhysAddr, VirtAddr};

use crate::{
    address::{PhysRange, direct},
    memory::PhysMemory,
};

/// Alignment of everything placed; no response structure needs more.
const ALIGNMENT: u64 = 8;

/// The arena was made too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArenaFull;

/// The unused rest of the run.
pub struct Arena<'m, M> {
    memory: &'m mut M,
    free: PhysRange,
}

impl<'m, M: PhysMemory> Arena<'m, M> {
    /// Takes over a page-aligned run.
    pub fn new(memory: &'m mut M, range: PhysRange) -> Self {
        Self { memory, free: range }
    }

    /// The memory it lies in.
    pub fn memory(&mut self) -> &mut M {
        self.memory
    }

    /// Places a structure and returns its address in the direct map.
    ///
    /// # Errors
    /// No room.
    pub fn place<T: NoUninit>(&mut self, value: &T) -> Result<VirtAddr, ArenaFull> {
        let at = self.reserve(size_of::<T>() as u64)?;
        self.memory.write(at, bytemuck::bytes_of(value));
        Ok(direct(at))
    }

    /// Places a C string made of two parts.
    ///
    /// # Errors
    /// No room.
    pub fn place_text(&mut self, start: &str, end: &str) -> Result<VirtAddr, ArenaFull> {
        let at = self.reserve((start.len() + end.len() + 1) as u64)?;
        self.memory.write(at, start.as_bytes());
        self.memory.write(at + start.len() as u64, end.as_bytes());
        self.memory.write(at + (start.len() + end.len()) as u64, &[0]);
        Ok(direct(at))
    }

    /// Places an array of pointers, to be filled with [`Self::set`].
    ///
    /// # Errors
    /// No room.
    pub fn place_pointers(&mut self, count: usize) -> Result<Pointers, ArenaFull> {
        Ok(Pointers { start: self.reserve(count as u64 * 8)? })
    }

    /// Fills one pointer of an array.
    pub fn set(&mut self, pointers: &Pointers, index: usize, target: VirtAddr) {
        self.memory.write_u64(pointers.start + index as u64 * 8, target.as_u64());
    }

    fn reserve(&mut self, size: u64) -> Result<PhysAddr, ArenaFull> {
        let taken = size.next_multiple_of(ALIGNMENT);
        if taken > self.free.len() {
            return Err(ArenaFull);
        }
        let at = self.free.start();
        self.free = PhysRange::new(at + taken, self.free.end());
        Ok(at)
    }
}

/// An array of pointers in an arena.
pub struct Pointers {
    start: PhysAddr,
}

impl Pointers {
    /// Its address in the direct map.
    pub fn address(&self) -> VirtAddr {
        direct(self.start)
    }
}
