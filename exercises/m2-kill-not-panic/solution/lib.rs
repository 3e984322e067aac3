//! Exercise: kill the program, not the kernel.
//!
//! An exception arrived. Whose fault is it, and what happens now? You write the policy.
//! README.md beside this folder has the table.

#![no_std]

/// First address that is not a program's.
pub const USER_END: u64 = 0x0000_7fff_ffff_f000;

/// NMI: something outside the CPU, not what was running.
pub const NMI: u8 = 2;
/// #DF: an exception could not be delivered. Only a broken kernel gets here.
pub const DOUBLE_FAULT: u8 = 8;
/// #PF: an address could not be used.
pub const PAGE_FAULT: u8 = 14;
/// #MC: the machine is broken.
pub const MACHINE_CHECK: u8 = 18;

/// What the CPU said about an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trap {
    /// Which exception.
    pub vector: u8,
    /// Its error code, or 0.
    pub error_code: u64,
    /// The code segment that was interrupted: bits 1 and 0 are the ring.
    pub cs: u64,
    /// The instruction that was interrupted.
    pub rip: u64,
    /// For #PF, the address that could not be used (CR2); else 0.
    pub address: u64,
}

/// The kernel's routine that copies a program's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyRoutine {
    /// The one instruction of it that touches the program's memory.
    pub access: u64,
    /// Where it goes on if that faults: from there it returns an error.
    pub landing: u64,
}

/// What happens after an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The program that was running is ended. The kernel goes on.
    KillProcess,
    /// The kernel goes on at `rip`.
    ResumeAt {
        /// Where.
        rip: u64,
    },
    /// The kernel itself is broken: it reports and stops.
    HaltKernel,
}

/// The bits of CS that hold the ring.
const REQUESTED_RING: u64 = 0b11;

/// The ring of programs.
const USER_RING: u64 = 3;

/// Decides about an exception. `copy` is the one place in the kernel where a page fault
/// is expected.
pub fn decide(trap: &Trap, copy: &CopyRoutine) -> Verdict {
    let machine = matches!(trap.vector, NMI | DOUBLE_FAULT | MACHINE_CHECK);
    let from_program = trap.cs & REQUESTED_RING == USER_RING;
    let expected = trap.vector == PAGE_FAULT && trap.rip == copy.access;
    if machine {
        Verdict::HaltKernel
    } else if from_program {
        Verdict::KillProcess
    } else if expected && trap.address < USER_END {
        Verdict::ResumeAt { rip: copy.landing }
    } else {
        Verdict::HaltKernel
    }
}
