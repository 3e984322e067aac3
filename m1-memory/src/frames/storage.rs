//! Cutting the allocator's tables out of one piece of memory.
//!
//! ```text
//! | directory | set of whole chunks | set of broken chunks | records … |
//! ```
//!
//! The memory may hold anything beforehand: every table is filled when it is
//! cut, so setting up costs a pass over the tables, never over the RAM they
//! describe.

use core::mem::{self, MaybeUninit};

/// What is left to cut from.
#[derive(Debug)]
pub struct Storage<'m> {
    rest: &'m mut [MaybeUninit<u64>],
}

impl<'m> Storage<'m> {
    /// All of `words`.
    pub fn new(words: &'m mut [MaybeUninit<u64>]) -> Self {
        Self { rest: words }
    }

    /// Room for `count` values of `T`, not filled; `None` if there is too little.
    pub fn take<T>(&mut self, count: usize) -> Option<&'m mut [MaybeUninit<T>]> {
        const { assert!(align_of::<T>() == align_of::<u64>()) };
        const { assert!(size_of::<T>().is_multiple_of(size_of::<u64>())) };
        let words = count.checked_mul(size_of::<T>() / size_of::<u64>())?;
        if words > self.rest.len() {
            return None;
        }
        let (taken, rest) = mem::take(&mut self.rest).split_at_mut(words);
        self.rest = rest;
        // SAFETY: the words are ours alone for 'm, exactly as many bytes as
        // `count` values, aligned alike (asserted above); `MaybeUninit` asks
        // nothing of their content.
        Some(unsafe { core::slice::from_raw_parts_mut(taken.as_mut_ptr().cast(), count) })
    }

    /// `count` copies of `value`.
    pub fn take_filled<T: Copy>(&mut self, count: usize, value: T) -> Option<&'m mut [T]> {
        let taken = self.take(count)?;
        taken.fill(MaybeUninit::new(value));
        // SAFETY: all of them were just written.
        Some(unsafe { core::slice::from_raw_parts_mut(taken.as_mut_ptr().cast(), count) })
    }

    /// As many values of `T` as the rest has room for, not filled.
    pub fn take_rest<T>(&mut self) -> Option<&'m mut [MaybeUninit<T>]> {
        self.take(self.rest.len() * size_of::<u64>() / size_of::<T>())
    }
}
