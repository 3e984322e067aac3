//! Names of threads.

use core::fmt;

/// Names a thread, for ever: numbers are not used again.
///
/// Besides the thread's number it carries its place in the scheduler's table, so
/// that finding a thread takes no search.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThreadId(u64);

/// Low bits that hold the place; the number is above.
const PLACE_BITS: u32 = 16;

impl ThreadId {
    /// Nobody's. All bits zero, as is a table of entries that nobody uses: such a
    /// table takes no room in the kernel's file.
    pub(super) const NOBODY: Self = Self(0);
    /// The first thread.
    pub(super) const BOOT: Self = Self::new(0, Place::FIRST);
    /// Numbers are below this.
    pub(super) const NUMBERS: u64 = 1 << (u64::BITS - PLACE_BITS);

    pub(super) const fn new(number: u64, place: Place) -> Self {
        Self(number << PLACE_BITS | place.0 as u64)
    }

    /// Its number: how many were started before it.
    pub const fn number(self) -> u64 {
        self.0 >> PLACE_BITS
    }

    pub(super) const fn place(self) -> Place {
        Place(self.0 as u16)
    }
}

impl fmt::Display for ThreadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

impl fmt::Debug for ThreadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ThreadId({})", self.number())
    }
}

/// A place in the table of threads. Place 0 holds no thread, and means "none"
/// where a list ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(pub(super) u16);

impl Place {
    pub(super) const NONE: Self = Self(0);
    pub(super) const FIRST: Self = Self(1);

    pub(super) fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// The place behind it.
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
