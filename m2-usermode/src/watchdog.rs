//! The watchdog: a program that never gives way is ended.
//!
//! Threads are cooperative up to M2, and so are processes: one that neither makes
//! a call that gives way (`yield`, `sleep`, `wait`) nor ends would keep the CPU for
//! ever. The timer interrupts it all the same. Each tick is counted to the running
//! thread; a process that has had more in a row than its budget is ended:
//!
//! ```text
//!   tick in ring 3               end right there: the frame is rewritten
//!   tick in ring 0, in a call    remembered; ended by that call if it takes long, at
//!                                the next call, before it is served, or by a later
//!                                tick in ring 3
//! ```
//!
//! Kernel threads have no budget. Switching between programs by the timer instead
//! of ending them is preemption, a later milestone's subject.

use crate::process::{self, ExitStatus};
use crate::process_id::ProcessId;
use crate::syscall::attention;
use crate::{thread, user_memory};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use m0_boot::irq::{self, Line};
use m0_boot::trap_frame::TrapFrame;
use m0_boot::{pit, println};
use x86_64::PrivilegeLevel;

/// The budget, unless another is given: five seconds.
pub const DEFAULT_TICKS: u64 = 5 * pit::TICK_HZ;

/// Ticks that a process may run without giving way.
static BUDGET: AtomicU64 = AtomicU64::new(DEFAULT_TICKS);

/// The number of the process that a tick found out of time in ring 0; 0 for none.
static OUT_OF_TIME: AtomicU32 = AtomicU32::new(0);

/// Watches from the next tick on; [`pit::init`] has been called.
pub fn init() {
    irq::enable(Line::TIMER, on_tick);
}

/// Sets the budget: `ticks` that a process may run without giving way.
pub fn set_budget(ticks: u64) {
    BUDGET.store(ticks, Relaxed);
}

/// What [`init`] has the timer's line do.
pub fn on_tick(frame: &mut TrapFrame) {
    user_memory::close();
    pit::count();
    let ticks = thread::tick();
    let Some(process) = process::current() else { return };
    if ticks <= BUDGET.load(Relaxed) {
        return;
    }
    if frame.ring() == PrivilegeLevel::Ring3 {
        // Ring 3 was running, so no kernel code is in the middle of anything.
        report(ticks, frame.rip);
        process::end_from_trap(frame, ExitStatus::OutOfTime { ticks });
    } else {
        OUT_OF_TIME.store(process.get(), Relaxed);
        attention::set(attention::OUT_OF_TIME, true);
    }
}

/// Ends the running process if a tick has found it out of time; its system call
/// came from `rip`. No lock may be held.
#[inline]
pub(crate) fn end_if_out_of_time(rip: u64) {
    if attention::bits() & attention::OUT_OF_TIME != 0 {
        end_if_still_late(rip);
    }
}

#[cold]
fn end_if_still_late(rip: u64) {
    attention::set(attention::OUT_OF_TIME, false);
    let late = ProcessId::new(OUT_OF_TIME.swap(0, Relaxed));
    let ticks = thread::tick();
    // It may have given way or ended since then.
    if late.is_some() && late == process::current() && ticks > BUDGET.load(Relaxed) {
        report(ticks, rip);
        process::end_current(ExitStatus::OutOfTime { ticks });
    }
}

fn report(ticks: u64, rip: u64) {
    let (program, budget) = (process::current_program(), BUDGET.load(Relaxed));
    let number = process::current().map_or(0, ProcessId::get);
    println!("[user] `{program}` (process {number}) is killed by the watchdog:");
    println!("    at rip {rip:#x}, ring 3: {ticks} ticks without giving way, {budget} are allowed");
}
