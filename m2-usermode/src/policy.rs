//! M2's fault policy: a program that faults is killed, and the kernel goes on.
//!
//! ```text
//!   NMI                  nobody's fault: counted, unless a device reports an error
//!   #DB in ring 0        stepped over: ring 3 can make one arrive at the first
//!                        instruction of the SYSCALL entry
//!   #DF, #MC             the machine's, whatever ran: M1's affair
//!   from ring 3          the program is killed
//!   in the copy of user memory    the copy fails, with an error
//!   else                 M1's affair
//! ```
//!
//! Nothing here uses the GS base, and traps leave it alone. So it does not matter
//! that NMI, #DB and #MC can arrive between the two `swapgs` of the SYSCALL entry,
//! the only place where it is the kernel's.

use crate::process::{self, ExitStatus, Killed};
use crate::{report, user_memory};
use core::arch::asm;
use m0_boot::fault::Fault;
use m0_boot::trap_frame::TrapFrame;
use m0_boot::traps::Resolution;
use m0_boot::vector::Vector;
use m1_memory::policy as memory_policy;
use x86_64::PrivilegeLevel;
use x86_64::instructions::port::Port;
use x86_64::registers::debug::{Dr6, Dr6Flags};
use x86_64::registers::rflags::RFlags;
use x86_64::structures::gdt::SegmentSelector;

/// Kills the process behind a fault from ring 3; ends the kernel for others.
pub fn contain(frame: &mut TrapFrame, fault: &Fault) -> Resolution {
    user_memory::close();
    match fault.vector() {
        Vector::NMI if !device_reports_error() => Resolution::Resume,
        Vector::NMI | Vector::DOUBLE_FAULT | Vector::MACHINE_CHECK => {
            memory_policy::explain(frame, fault)
        }
        _ if frame.ring() == PrivilegeLevel::Ring3 => {
            kill(frame, fault);
            Resolution::Resume
        }
        Vector::DEBUG if step_over(frame) => Resolution::Resume,
        _ if user_memory::fix_up(frame, fault) => Resolution::Resume,
        _ => memory_policy::explain(frame, fault),
    }
}

fn kill(frame: &mut TrapFrame, fault: &Fault) {
    if fault.vector() == Vector::DEBUG {
        clear_debug_status();
    }
    let killed = Killed {
        vector: fault.vector(),
        error_code: frame.error_code,
        address: fault.address(),
        rip: frame.rip,
        cs: SegmentSelector(frame.cs as u16),
        ss: SegmentSelector(frame.ss as u16),
    };
    report::killed(frame, fault);
    process::end_from_trap(frame, ExitStatus::Killed(killed));
}

/// Whether memory or a device is the reason of an NMI: bits 7 (SERR#) and 6
/// (IOCHK#) of the "NMI status and control" port.
fn device_reports_error() -> bool {
    const NMI_STATUS: u16 = 0x61;
    const ERRORS: u8 = 1 << 7 | 1 << 6;
    // SAFETY: reading this port changes nothing.
    let status = unsafe { Port::<u8>::new(NMI_STATUS).read() };
    status & ERRORS != 0
}

/// Lets ring 0 go on after a breakpoint in a debug register or a single step; says
/// whether it was one. DR6 tells (Intel SDM Vol. 3B, 18.2.3 "Debug Status Register
/// (DR6)"); RF keeps a breakpoint from striking again at once (18.3.1.1
/// "Instruction-Breakpoint Exception Condition").
fn step_over(frame: &mut TrapFrame) -> bool {
    let ours = Dr6::read().intersects(Dr6Flags::TRAP | Dr6Flags::STEP);
    clear_debug_status();
    if ours {
        let flags = RFlags::from_bits_retain(frame.rflags);
        frame.rflags = ((flags - RFlags::TRAP_FLAG) | RFlags::RESUME_FLAG).bits();
    }
    ours
}

/// The CPU only ever sets bits of DR6, but for 16 and 11, which it clears.
fn clear_debug_status() {
    const AFTER_RESET: u64 = 0xffff_0ff0;
    // SAFETY: the register has no effect on what runs.
    unsafe { asm!("mov dr6, {}", in(reg) AFTER_RESET, options(nomem, nostack)) };
}
