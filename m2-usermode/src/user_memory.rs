//! The only way to touch a program's memory.
//!
//! A pointer from a program is a claim. [`UserSlice`] checks what can be checked
//! without touching it: the range is in the user half and does not wrap. Whether
//! something is mapped there the CPU finds out: [`copy_from_user`] simply copies,
//! and if that faults, the fault policy sends it to its landing
//! ([`fix_up`]), from where it returns an error. With SMAP the copy is the only
//! code that may touch user pages at all (Intel SDM Vol. 3A, 5.6.1
//! "Determination of Access Rights"; Vol. 2B, "STAC").

use crate::address_space::{USER_END, USER_START};
use core::arch::{asm, naked_asm};
use m0_boot::fault::Fault;
use m0_boot::trap_frame::TrapFrame;
use x86_64::PrivilegeLevel;
use x86_64::registers::control::{Cr4, Cr4Flags};

/// A range of addresses that lies in the user half. Nothing is said about what
/// is mapped there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserSlice {
    start: u64,
    bytes: u64,
}

/// Some byte of the range is not readable memory of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadAddress;

impl UserSlice {
    /// The range, or `None` if it wraps or leaves the user half.
    pub fn new(start: u64, bytes: u64) -> Option<Self> {
        let end = start.checked_add(bytes)?;
        (start >= USER_START.as_u64() && end <= USER_END.as_u64()).then_some(Self { start, bytes })
    }

    /// Its length in bytes.
    pub fn bytes(self) -> u64 {
        self.bytes
    }

    /// `bytes` of it from `offset`, cut off at its end.
    pub fn part(self, offset: u64, bytes: u64) -> Self {
        let offset = offset.min(self.bytes);
        Self { start: self.start + offset, bytes: bytes.min(self.bytes - offset) }
    }
}

/// Copies from the running program's memory into `buffer`, as many bytes as the
/// shorter of the two has.
///
/// # Errors
/// [`BadAddress`]; the buffer may have been filled in part.
pub fn copy_from_user(from: UserSlice, buffer: &mut [u8]) -> Result<(), BadAddress> {
    let bytes = from.bytes.min(buffer.len() as u64);
    let smap = Cr4::read().contains(Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION);
    // SAFETY: the destination is `buffer`; the source is in the user half, where
    // a fault is fixed up. STAC and CLAC exist where SMAP does, and the copy
    // between them calls nothing.
    let left = unsafe {
        if smap {
            asm!("stac", options(nostack));
        }
        let left = copy_bytes(buffer.as_mut_ptr(), from.start as *const u8, bytes);
        if smap {
            asm!("clac", options(nostack));
        }
        left
    };
    if left == 0 { Ok(()) } else { Err(BadAddress) }
}

/// Copies forwards; returns how many bytes are left, 0 unless it faulted.
///
/// # Safety
/// `to` is valid for `bytes` bytes. `from` is in the user half.
#[unsafe(naked)]
unsafe extern "C" fn copy_bytes(to: *mut u8, from: *const u8, bytes: u64) -> u64 {
    naked_asm!(
        "mov rcx, rdx",
        ".globl user_copy_access",
        "user_copy_access:",
        "rep movsb",
        ".globl user_copy_landing",
        "user_copy_landing:",
        "mov rax, rcx",
        "ret",
    )
}

unsafe extern "C" {
    // Labels in `copy_bytes`; only their addresses mean something.
    static user_copy_access: u8;
    static user_copy_landing: u8;
}

/// If the trap is the copy's own page fault in the user half, lets the copy
/// return early. Says whether it was.
pub fn fix_up(frame: &mut TrapFrame, fault: &Fault) -> bool {
    let at_copy = frame.rip == (&raw const user_copy_access) as u64;
    let user_address = matches!(fault, Fault::Page { address, .. } if *address < USER_END.as_u64());
    let ours = frame.ring() == PrivilegeLevel::Ring0 && at_copy && user_address;
    if ours {
        frame.rip = (&raw const user_copy_landing) as u64;
    }
    ours
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_end_with_the_user_half() {
        let end = USER_END.as_u64();
        assert!(UserSlice::new(end - 8, 8).is_some());
        assert_eq!(UserSlice::new(end - 8, 9), None);
        assert_eq!(UserSlice::new(u64::MAX - 4, 8), None, "wraps");
        assert_eq!(UserSlice::new(0, 8), None, "null page");
        assert_eq!(UserSlice::new(0xffff_8000_0000_0000, 1), None, "kernel half");
        assert!(UserSlice::new(end, 0).is_some(), "nothing is touched");
    }

    #[test]
    fn a_copy_moves_the_bytes() {
        let source = *b"forty-two";
        let mut target = [0u8; 9];
        // SAFETY: both buffers are ours; `copy_bytes` does not care about halves.
        let left = unsafe { copy_bytes(target.as_mut_ptr(), source.as_ptr(), 9) };
        assert_eq!((left, &target), (0, &source));
    }

    proptest! {
        #[test]
        fn accepted_ranges_lie_in_the_user_half(start: u64, bytes: u64, offset: u64, part: u64) {
            if let Some(slice) = UserSlice::new(start, bytes) {
                let piece = slice.part(offset, part);
                prop_assert!(piece.start >= USER_START.as_u64());
                prop_assert!(piece.start + piece.bytes <= USER_END.as_u64());
            }
        }
    }
}
