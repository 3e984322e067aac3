//! M2's fault policy: a program that faults is killed, and the kernel goes on.
//!
//! Faults in ring 0 are M1's affair, but for one that is meant to happen: the
//! copy of user memory running into a page that is not there.

use crate::process::{self, ExitStatus, Killed};
use crate::user_memory;
use m0_boot::fault::{self, Fault};
use m0_boot::println;
use m0_boot::trap_frame::TrapFrame;
use m0_boot::traps::Resolution;
use m0_boot::vector::Vector;
use m1_memory::policy as memory_policy;
use x86_64::PrivilegeLevel;
use x86_64::structures::gdt::SegmentSelector;

/// Kills the process behind a fault from ring 3; ends the kernel for others.
pub fn contain(frame: &mut TrapFrame, fault: &Fault) -> Resolution {
    // These are the machine's, whatever ran when they arrived.
    let of_machine =
        matches!(fault.vector(), Vector::NMI | Vector::DOUBLE_FAULT | Vector::MACHINE_CHECK);
    if frame.ring() == PrivilegeLevel::Ring3 && !of_machine {
        kill(frame, fault);
    }
    if user_memory::fix_up(frame, fault) {
        return Resolution::Resume;
    }
    memory_policy::explain(frame, fault)
}

fn kill(frame: &TrapFrame, fault: &Fault) -> ! {
    let killed = Killed {
        vector: fault.vector(),
        error_code: frame.error_code,
        address: fault.address(),
        rip: frame.rip,
        cs: SegmentSelector(frame.cs as u16),
        ss: SegmentSelector(frame.ss as u16),
    };
    println!("[user] `{}` is killed:", process::current_program());
    fault::report(frame, fault);
    process::end_current(ExitStatus::Killed(killed))
}
