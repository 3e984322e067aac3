//! How a process ended.

use crate::syscall::errno::status_word;
use core::fmt;
use m0_boot::vector::Vector;
use x86_64::structures::gdt::SegmentSelector;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// It called `exit`.
    Exited(i32),
    /// It raised an exception.
    Killed(Killed),
    /// It made a system call from an address that SYSRET must not return to.
    ReturnOutside {
        /// That address.
        rip: u64,
    },
    /// It did not give way for too long.
    OutOfTime {
        /// For how many ticks.
        ticks: u64,
    },
}

/// The exception that killed a process, as the CPU described it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Killed {
    /// Which exception.
    pub vector: Vector,
    /// Its error code, or 0.
    pub error_code: u64,
    /// For a page fault, the address; else 0.
    pub address: u64,
    /// Where it happened.
    pub rip: u64,
    /// The code segment that was running: its low bits are the ring.
    pub cs: SegmentSelector,
    /// The stack segment.
    pub ss: SegmentSelector,
}

impl ExitStatus {
    /// The status as `wait` hands it to a program.
    pub fn word(self) -> u64 {
        match self {
            Self::Exited(code) => status_word::EXITED | u64::from(code as u32),
            Self::Killed(killed) => status_word::KILLED | u64::from(killed.vector.0),
            Self::ReturnOutside { .. } | Self::OutOfTime { .. } => status_word::ENDED_BY_KERNEL,
        }
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited with code {code}"),
            Self::Killed(killed) if killed.vector == Vector::PAGE_FAULT => {
                write!(f, "was killed by {} at address {:#x}", killed.vector, killed.address)
            }
            Self::Killed(killed) => write!(f, "was killed by {}", killed.vector),
            Self::ReturnOutside { rip } => {
                write!(f, "was killed: its system call came from {rip:#x}")
            }
            Self::OutOfTime { ticks } => {
                write!(f, "was killed: it did not give way for {ticks} ticks")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_words_tell_the_ends_apart() {
        assert_eq!(ExitStatus::Exited(99).word(), 99);
        assert_eq!(ExitStatus::Exited(-1).word(), 0xffff_ffff);
        let killed = Killed {
            vector: Vector::PAGE_FAULT,
            error_code: 5,
            address: 8,
            rip: 0x1_0000,
            cs: SegmentSelector(0x23),
            ss: SegmentSelector(0x1b),
        };
        assert_eq!(ExitStatus::Killed(killed).word(), 1 << 32 | 14);
        assert_eq!(ExitStatus::OutOfTime { ticks: 3 }.word(), 2 << 32);
    }
}
