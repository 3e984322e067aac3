//! What registers and memory hold, and how RFLAGS comes about.

use std::fmt;
use x86_64::registers::rflags::RFlags;

/// Bit 1 of RFLAGS, which is always 1.
pub const FIXED_FLAG: u64 = 1 << 1;
/// What a register or a cell of memory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// A number.
    Number(u64),
    /// An address that only the linker knows, by its name.
    Name(&'static str),
    /// A line of the entry.
    Line(usize),
    /// Whatever Rust has left.
    Anything,
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number:#x}"),
            Self::Name(name) => f.write_str(name),
            Self::Line(line) => write!(f, "entry.rs:{line}"),
            Self::Anything => f.write_str("anything"),
        }
    }
}

/// RFLAGS behind `left - right`, but for IF (Intel SDM Vol. 1, "Status Flags").
pub fn after_subtraction(left: u64, right: u64) -> u64 {
    let result = left.wrapping_sub(right);
    let overflow = ((left ^ right) & (left ^ result)) >> 63 != 0;
    let flags = [
        (RFlags::CARRY_FLAG, left < right),
        (RFlags::PARITY_FLAG, (result as u8).count_ones().is_multiple_of(2)),
        (RFlags::AUXILIARY_CARRY_FLAG, left & 0xf < right & 0xf),
        (RFlags::ZERO_FLAG, result == 0),
        (RFlags::SIGN_FLAG, result >> 63 != 0),
        (RFlags::OVERFLOW_FLAG, overflow),
    ];
    let set = flags.into_iter().filter(|(_, is_set)| *is_set);
    set.fold(FIXED_FLAG, |all, (flag, _)| all | flag.bits())
}
