//! Exercise: going on after an exception.
//!
//! The trap frame says where the CPU was. You write the functions that find out which
//! instruction raised the exception, and where the kernel goes on. README.md beside this
//! folder has the picture.

#![no_std]

/// #DE, divide error: a fault.
pub const DIVIDE_ERROR: u8 = 0;
/// #BP, breakpoint: a trap.
pub const BREAKPOINT: u8 = 3;
/// #UD, invalid opcode: a fault.
pub const INVALID_OPCODE: u8 = 6;
/// #DF, double fault: an abort.
pub const DOUBLE_FAULT: u8 = 8;
/// #GP, general protection fault: a fault.
pub const GENERAL_PROTECTION: u8 = 13;
/// #PF, page fault: a fault.
pub const PAGE_FAULT: u8 = 14;

/// The bytes of `int3`.
pub const INT3: [u8; 1] = [0xcc];
/// The bytes of `ud2`.
pub const UD2: [u8; 2] = [0x0f, 0x0b];

/// The address of the instruction that raised the exception.
///
/// - `vector`: which one: any of the above but #DF. Breakpoints come from `int3`.
/// - `rip`: as the CPU saved it
pub fn raised_at(vector: u8, rip: u64) -> u64 {
    match vector {
        BREAKPOINT => rip - INT3.len() as u64,
        _ => rip,
    }
}

/// Where the kernel goes on: behind an `int3` or a `ud2`. `None` after anything else:
/// then it ends.
///
/// - `vector`, `rip`: as the CPU gave them; any of the above
/// - `code`: the bytes from `rip` on; fewer than an instruction may have, or none, where
///   no more can be read
pub fn resume_at(vector: u8, rip: u64, code: &[u8]) -> Option<u64> {
    match vector {
        BREAKPOINT => Some(rip),
        INVALID_OPCODE if code.starts_with(&UD2) => Some(rip + UD2.len() as u64),
        _ => None,
    }
}
