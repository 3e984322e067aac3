//! Exercise: a user pointer is a claim.
//!
//! A program hands the kernel an address and a length. You write the check that comes
//! before the kernel touches anything, and what happens if a page is missing all the
//! same. README.md beside this folder has the picture.

#![no_std]

/// First address that may be a program's. Below it is the null page and its neighbours.
pub const USER_START: u64 = 0x1_0000;

/// One past the last address that may be a program's. The half's last page stays free.
pub const USER_END: u64 = 0x0000_7fff_ffff_f000;

/// EFAULT: not all of it is memory of the program's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadAddress;

/// A range of addresses that lies in the user half. Nothing is said about what is mapped
/// there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserSlice {
    start: u64,
    bytes: u64,
}

impl UserSlice {
    /// The `bytes` bytes from `start`, or [`BadAddress`] unless all of them lie from
    /// [`USER_START`] up to [`USER_END`]. An empty range must lie there too; at
    /// `USER_END` it is allowed.
    pub fn new(start: u64, bytes: u64) -> Result<Self, BadAddress> {
        let end = start.checked_add(bytes).ok_or(BadAddress)?;
        if start < USER_START || end > USER_END {
            return Err(BadAddress);
        }
        Ok(Self { start, bytes })
    }

    /// Its first address.
    pub fn start(self) -> u64 {
        self.start
    }

    /// Its length.
    pub fn bytes(self) -> u64 {
        self.bytes
    }
}

/// The kernel's copying routine. A page fault does not end it: it stops there.
pub trait UserMemory {
    /// Copies from the program's address `from` into `into`, from the front. Returns how
    /// many bytes at the end of `into` were not copied: 0 if all of them were.
    fn copy(&self, from: u64, into: &mut [u8]) -> usize;
}

/// Reads what a program points at: `bytes` bytes from `start`, as many as `buffer` has
/// room for. The range as a whole must be the program's, what does not fit included.
/// Returns the filled part of `buffer`.
pub fn read_user<'a>(
    memory: &impl UserMemory,
    start: u64,
    bytes: u64,
    buffer: &'a mut [u8],
) -> Result<&'a [u8], BadAddress> {
    let slice = UserSlice::new(start, bytes)?;
    let count = buffer.len().min(slice.bytes() as usize);
    let filled = &mut buffer[..count];
    let left = memory.copy(slice.start(), filled);
    if left > 0 {
        return Err(BadAddress);
    }
    Ok(filled)
}
