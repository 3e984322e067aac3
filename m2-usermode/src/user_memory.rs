//! The only way to touch a program's memory.
//!
//! A pointer from a program is a claim. [`UserSlice`] checks what can be checked
//! without touching it: the range is in the user half and does not wrap. Whether
//! something is mapped there the CPU finds out: [`copy_from_user`] and
//! [`copy_to_user`] simply copy, and if that faults, the fault policy sends them to
//! their landing ([`fix_up`]), from where they return an error. With SMAP the copy is the only
//! code that may touch user pages at all (Intel SDM Vol. 3A, 5.6.1
//! "Determination of Access Rights"; Vol. 2B, "STAC").

use crate::address_space::{USER_END, USER_START};
use core::arch::{asm, naked_asm};
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
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
pub fn copy_from_user(from: UserSlice, buffer: &mut [MaybeUninit<u8>]) -> Result<(), BadAddress> {
    let bytes = from.bytes.min(buffer.len() as u64);
    // SAFETY: the destination is `buffer`; the source is in the user half, where
    // a fault is fixed up.
    unsafe { copy(buffer.as_mut_ptr().cast(), from.start as *const u8, bytes) }
}

/// Copies `bytes` to the start of `to` in the running program's memory, as many
/// as fit.
///
/// # Errors
/// [`BadAddress`]; part of it may have been written.
pub fn copy_to_user(bytes: &[u8], to: UserSlice) -> Result<(), BadAddress> {
    let count = to.bytes.min(bytes.len() as u64);
    // SAFETY: the source is `bytes`; the destination is in the user half, where a
    // fault is fixed up, and holds nothing of the kernel's.
    unsafe { copy(to.start as *mut u8, bytes.as_ptr(), count) }
}

/// Copies with the user half open.
///
/// # Safety
/// Each of the two is valid for `bytes` bytes or in the user half.
#[inline]
unsafe fn copy(to: *mut u8, from: *const u8, bytes: u64) -> Result<(), BadAddress> {
    let smap = SMAP.load(Relaxed);
    // SAFETY: STAC and CLAC exist where SMAP does, and the copy between them
    // calls nothing; the pointers are the caller's affair.
    let left = unsafe {
        if smap {
            asm!("stac", options(nostack));
        }
        let left = copy_bytes(to, from, bytes);
        if smap {
            asm!("clac", options(nostack));
        }
        left
    };
    if left == 0 { Ok(()) } else { Err(BadAddress) }
}

/// Whether CR4.SMAP is set.
static SMAP: AtomicBool = AtomicBool::new(false);

/// Notes whether the user half has to be opened for each copy (CR4.SMAP).
pub(crate) fn init() {
    SMAP.store(Cr4::read().contains(Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION), Relaxed);
}

/// Closes the user half for a trap from ring 3: of the flags that a program may
/// have set, a trap clears TF and NT, but not AC, which opens it (Intel SDM Vol. 3A,
/// 7.12.1.3 "Flag Usage By Exception- or Interrupt-Handler Procedure").
pub(crate) fn close() {
    if SMAP.load(Relaxed) {
        // SAFETY: CLAC exists where SMAP does, and only takes a right away.
        unsafe { asm!("clac", options(nostack)) };
    }
}

/// Copies forwards, eight bytes at a time and the rest singly; returns 0, or how
/// many bytes may be left if it faulted.
///
/// # Safety
/// As for [`copy`].
#[unsafe(naked)]
unsafe extern "C" fn copy_bytes(to: *mut u8, from: *const u8, bytes: u64) -> u64 {
    naked_asm!(
        "mov rcx, rdx",
        "shr rcx, 3",
        "and edx, 7",
        ".globl user_copy_words",
        "user_copy_words:",
        "rep movsq",
        "mov ecx, edx",
        ".globl user_copy_rest",
        "user_copy_rest:",
        "rep movsb",
        "xor eax, eax",
        "ret",
        ".globl user_copy_landing",
        "user_copy_landing:",
        "lea rax, [rcx * 8 + rdx]", // RCX counts words or bytes: at least 1 is left
        "ret",
    )
}

unsafe extern "C" {
    // Labels in `copy_bytes`; only their addresses mean something.
    static user_copy_words: u8;
    static user_copy_rest: u8;
    static user_copy_landing: u8;
}

/// If the trap is the copy's own page fault in the user half, lets the copy
/// return early. Says whether it was.
pub fn fix_up(frame: &mut TrapFrame, fault: &Fault) -> bool {
    let accesses = [&raw const user_copy_words, &raw const user_copy_rest];
    let at_copy = accesses.iter().any(|&access| frame.rip == access as u64);
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
        let source: [u8; 40] = core::array::from_fn(|index| index as u8 + 1);
        for bytes in 0..=source.len() {
            let mut target = [0u8; 40];
            // SAFETY: both are ours; `copy_bytes` does not care about halves.
            let left = unsafe { copy_bytes(target.as_mut_ptr(), source.as_ptr(), bytes as u64) };
            let mut expected = [0; 40];
            expected[..bytes].copy_from_slice(&source[..bytes]);
            assert_eq!((left, target), (0, expected));
        }
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
