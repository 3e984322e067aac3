//! Exercise: stacks that notice when they overflow.
//!
//! A stack that grows too long runs into whatever lies below it. If that is a page which
//! is not mapped, the CPU takes a fault instead. You write which pages of a region of
//! stacks are mapped, which are guards, and what an address in there says.

#![no_std]

use core::ops::Range;

/// The size of a page, in bytes (Intel SDM Vol. 3A, 5.5 "4-Level Paging and 5-Level
/// Paging").
pub const PAGE_BYTES: u64 = 4096;

/// A region of stacks: one slot after the other, each with the same pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stacks {
    /// The first address of slot 0, a multiple of [`PAGE_BYTES`].
    pub start: u64,
    /// Pages that one stack can use. The guard page is not among them.
    pub pages: u64,
    /// How many slots there are: numbers 0 to `count - 1`.
    pub count: u64,
}

/// What lies at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Memory of the stack with this number.
    Stack(u64),
    /// The guard page of the stack with this number: it has overflowed.
    Overflow(u64),
    /// No stack of this region.
    Elsewhere,
}

impl Stacks {
    /// The addresses of the guard page of stack `number`: never mapped.
    pub fn guard(&self, number: u64) -> Range<u64> {
        todo!(
            "draw two slots: where does slot `number` begin, and which end does the stack grow to?"
        )
    }

    /// The addresses that stack `number` can use: all mapped. The stack pointer begins at
    /// the end of the range.
    pub fn mapped(&self, number: u64) -> Range<u64> {
        todo!("the rest of the slot")
    }

    /// What lies at `address`, which may be any number.
    pub fn locate(&self, address: u64) -> Place {
        todo!("how far is `address` from the start of the region, and in which slot?")
    }
}
