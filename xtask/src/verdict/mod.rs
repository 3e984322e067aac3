//! What a run of a kernel came to: one verdict, with an explanation.
//!
//! - [`classify`]: from what was observed to a verdict, without side effects
//! - [`catalogue`]: what is behind it, and where to read about it
//! - [`explain`], [`story`]: a verdict in words, with addresses turned into places
//! - [`report`]: all that is known, for people; [`json`]: the same for programs
//! - [`exceptions`]: the names of the CPU's exceptions; [`kind`]: of verdicts

pub mod catalogue;
pub mod classify;
pub mod exceptions;
pub mod explain;
pub mod json;
pub mod kind;
pub mod report;
pub mod story;

use crate::qemu::{interrupt_log::Logged, monitor::CpuState};
use std::time::Duration;

/// The outcome of building and running one kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The kernel did all it set out to do, in this very run.
    Complete { checks: usize },
    /// The sources do not compile.
    BuildError { what: String },
    /// A property was checked and does not hold.
    CheckFailed { name: String, message: String },
    /// The kernel ended, but did not prove what a complete one proves.
    Incomplete { missing: Missing },
    /// The kernel panicked.
    Panic { location: String, message: String, frames: Vec<u64> },
    /// A CPU exception stopped the kernel.
    Exception { fault: Fault, registers: Vec<(String, u64)>, frames: Vec<u64> },
    /// The loader could not start the kernel.
    LoaderRefused { reason: String },
    /// The CPU gave up and the machine was reset.
    TripleFault { last: Vec<Logged> },
    /// The machine was reset without a fault, or not a second time.
    Reset,
    /// The kernel was still running at the time limit.
    Hang { limit: Duration, cpu: Option<CpuState> },
    /// The kernel wrote without end.
    Flood { channel: &'static str, limit: usize, cpu: Option<CpuState> },
    /// There is no QEMU.
    EmulatorMissing { program: String },
    /// QEMU did not run, or not to the end.
    EmulatorFailed { status: Option<i32>, stderr: String },
    /// Somebody stopped the run.
    Interrupted,
}

/// A CPU exception as the kernel reported it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub vector: u8,
    pub code: u64,
    pub rip: u64,
    pub cr2: u64,
    pub cs: u64,
}

/// What an incomplete run did not show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// `boot`: the kernel did not get as far as reading its command line.
    Boot,
    /// `check … ok`: nothing was checked.
    Checks,
    /// `done`: the kernel ended before its end.
    Done,
    /// `done` came with another nonce than this run's.
    Nonce { found: String },
    /// The success code: the kernel ended with another one.
    Success { status: i32 },
    /// The machine was switched off instead.
    PoweredOff,
}

impl Verdict {
    /// Whether everything was shown.
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Complete { .. })
    }
}
