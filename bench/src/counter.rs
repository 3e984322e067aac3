//! Counting guest instructions.
//!
//! Under QEMU's `-icount shift=0` virtual time advances by one nanosecond with
//! each instruction, and the time-stamp counter reads virtual time: the
//! difference of two RDTSC is the number of instructions from one to the other.
//!
//! ```text
//!     rdtsc ─┐ a            rdtsc ─┐ a
//!     mov    │ empty        mov    │
//!     rdtsc ─┘ pair         …      │ the operation
//!                           rdtsc ─┘ b      instructions = (b − a) − empty pair
//! ```
//!
//! [`Counter::calibrate`] proves the scale with runs of NOPs before anything is
//! measured, so that figures from a machine that counts otherwise (no `-icount`,
//! another shift, KVM) are refused rather than reported.

use core::arch::asm;
use core::fmt;

/// How often each run of NOPs is counted; all have to agree.
const REPETITIONS: usize = 64;

/// Counts instructions; proof that one count is one instruction.
#[derive(Clone, Copy, Debug)]
pub struct Counter {
    /// What a pair of RDTSC with nothing between them counts.
    empty_pair: u32,
}

/// The time-stamp counter does not count instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotInstructions {
    /// NOPs between the two readings.
    nops: u32,
    /// What was counted for them.
    counted: u32,
}

impl fmt::Display for NotInstructions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} NOPs were counted as {}; run this kernel with `-icount shift=0`",
            self.nops, self.counted
        )
    }
}

/// Counts a run of `$nops` NOPs, with the pair around them.
macro_rules! count_nops {
    ($nops:literal) => {{
        let (start, end): (u32, u32);
        // SAFETY: RDTSC and NOPs touch nothing but the registers named.
        unsafe {
            asm!(
                "rdtsc",
                "mov {start:e}, eax",
                concat!(".rept ", $nops),
                "nop",
                ".endr",
                "rdtsc",
                start = out(reg) start,
                out("eax") end,
                out("edx") _,
                options(nomem, nostack),
            );
        }
        end.wrapping_sub(start)
    }};
}

impl Counter {
    /// Finds what an empty pair counts, and checks that N NOPs count N.
    ///
    /// # Errors
    /// [`NotInstructions`] with the first run that was counted otherwise.
    pub fn calibrate() -> Result<Self, NotInstructions> {
        let pair = count_nops!(0);
        let check = |nops: u32, with_pair: u32| {
            let counted = with_pair.wrapping_sub(pair);
            if counted == nops { Ok(()) } else { Err(NotInstructions { nops, counted }) }
        };
        for _ in 0..REPETITIONS {
            check(0, count_nops!(0))?;
            check(1, count_nops!(1))?;
            check(100, count_nops!(100))?;
            check(1000, count_nops!(1000))?;
        }
        Ok(Self { empty_pair: pair })
    }

    /// Does `work` and counts its instructions. Its result passes through a
    /// register that the compiler cannot see through, so `work` is done in full
    /// between the two readings.
    #[inline(always)]
    pub fn count(&self, work: impl FnOnce() -> u64) -> (u32, u64) {
        let start = start();
        let result = opaque(work());
        let end = end();
        (end.wrapping_sub(start).wrapping_sub(self.empty_pair), result)
    }

    /// Begins a count that [`Self::end`] ends, perhaps in another function. What
    /// it takes to bring the returned value there is counted.
    #[inline(always)]
    pub fn begin(&self) -> Begun {
        Begun(start())
    }

    /// The instructions since `begun`.
    #[inline(always)]
    pub fn end(&self, begun: impl FnOnce() -> Begun) -> u32 {
        let end = end();
        end.wrapping_sub(begun().0).wrapping_sub(self.empty_pair)
    }
}

/// A count that begins in one place and ends in another; see [`Counter::begin`].
#[derive(Clone, Copy, Debug)]
pub struct Begun(pub u32);

/// A value that the compiler cannot reason about any more; no instruction.
#[inline(always)]
pub fn opaque(mut value: u64) -> u64 {
    // SAFETY: no instruction at all. Not `nomem`: the compiler must assume that
    // memory is read and written here, and finish what it has begun.
    unsafe { asm!("/* {} */", inout(reg) value, options(nostack, preserves_flags)) };
    value
}

/// Begins a pair: the low half of the time-stamp counter, as intervals are far
/// below 2³². The same instructions as in [`count_nops`].
#[inline(always)]
fn start() -> u32 {
    let low: u32;
    // SAFETY: only reads a counter. Not `nomem`, so that no memory access of
    // the measured operation is moved across.
    unsafe {
        asm!(
            "rdtsc",
            "mov {low:e}, eax",
            low = out(reg) low,
            out("eax") _,
            out("edx") _,
            options(nostack, preserves_flags),
        );
    }
    low
}

/// Ends a pair.
#[inline(always)]
fn end() -> u32 {
    let low: u32;
    // SAFETY: as in `start`.
    unsafe { asm!("rdtsc", out("eax") low, out("edx") _, options(nostack, preserves_flags)) };
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_counts_no_instructions_is_refused() {
        // The host's counter counts time.
        let refused = Counter::calibrate().expect_err("not under -icount");
        assert!(refused.to_string().contains("-icount shift=0"), "{refused}");
    }

    #[test]
    fn opaque_changes_nothing() {
        assert_eq!(opaque(7), 7);
    }
}
