//! M2's fault policy: a program that faults is killed, and the kernel goes on.
//!
//! Faults in ring 0 are M1's affair, but for one that is meant to happen: the
//! copy of user memory running into a page that is not there.

use crate::process::{self, ExitStatus, Killed};
use crate::{thread, user_memory};
use core::fmt::Write;
use m0_boot::fault::{self, Fault};
use m0_boot::println;
use m0_boot::trap_frame::TrapFrame;
use m0_boot::traps::Resolution;
use m0_boot::vector::Vector;
use m1_memory::policy as memory_policy;
use x86_64::structures::gdt::SegmentSelector;
use x86_64::{PrivilegeLevel, VirtAddr};

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
    let mut resolution = memory_policy::explain(frame, fault);
    if let Resolution::Halt(diagnosis) = &mut resolution
        && let Some(thread) =
            VirtAddr::try_new(fault_address(fault)).ok().and_then(thread::owner_of_stack)
    {
        // A longer name would be cut; the number of the stack is there already.
        let _ = write!(diagnosis, " (thread `{thread}`)");
    }
    resolution
}

/// Where a fault was, also if a page fault became a double fault.
fn fault_address(fault: &Fault) -> u64 {
    match fault {
        Fault::Plain { vector: Vector::DOUBLE_FAULT, .. } => {
            x86_64::registers::control::Cr2::read_raw()
        }
        _ => fault.address(),
    }
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
