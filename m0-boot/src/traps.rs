//! Where every trap arrives, and who decides about it.
//!
//! [`dispatch`] receives the [`TrapFrame`] that the stubs built. Device
//! interrupts go to [`irq`]. Anything else is analysed into a [`Fault`], and the
//! fault policy, a function given to [`init`], decides what happens: M0 halts,
//! M1 adds what it knows about guard pages, M2 kills the user process.

use crate::fault::{self, Fault};
use crate::idt::{self, StackPolicy};
use crate::irq::{self, Line};
use crate::trap_frame::{self, TrapFrame};
use crate::vector::Vector;
use arrayvec::ArrayString;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use spin::Once;

/// Decides about a fault. Runs with interrupts off, on the stack that the fault
/// arrived on, and may change the frame the interrupted code continues with.
pub type FaultPolicy = fn(&mut TrapFrame, &Fault) -> Resolution;

/// One line that a policy adds to the report of a fault.
pub type Diagnosis = ArrayString<120>;

/// What a fault policy decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Continue with the frame as it is now.
    Resume,
    /// Print the report, with a diagnosis unless that is empty, and end the kernel.
    Halt(Diagnosis),
}

static POLICY: Once<FaultPolicy> = Once::new();

/// How often each vector was raised since boot.
static COUNTS: [AtomicU64; idt::GATES] = [const { AtomicU64::new(0) }; idt::GATES];

/// M0's policy: a breakpoint is logged and the program goes on (its RIP already
/// points behind the `int3`), everything else ends the kernel.
pub fn halt(frame: &mut TrapFrame, _fault: &Fault) -> Resolution {
    if frame.vector() == Vector::BREAKPOINT {
        log::info!("breakpoint at {:#x}", frame.rip);
        return Resolution::Resume;
    }
    Resolution::Halt(Diagnosis::new())
}

/// Loads the IDT with `policy` for faults and `stack` for the stacks they use.
/// Interrupts stay off.
///
/// The first policy stays; a second call only reloads the table (as needed when
/// the code segment's selector has changed).
pub fn init(policy: FaultPolicy, stack: StackPolicy) {
    POLICY.call_once(|| policy);
    x86_64::instructions::interrupts::without_interrupts(|| {
        // SAFETY: each stub saves all registers, calls `dispatch` and ends in
        // IRETQ (see `trap_frame`); interrupts are off.
        unsafe { idt::load(trap_frame::stub, stack) }
    });
}

/// How often `vector` was raised since boot.
pub fn count(vector: Vector) -> u64 {
    COUNTS[usize::from(vector.0)].load(Relaxed)
}

/// Called by `trap_entry` for every trap.
pub(crate) extern "C" fn dispatch(frame: &mut TrapFrame) {
    let vector = frame.vector();
    COUNTS[usize::from(vector.0)].fetch_add(1, Relaxed);
    if let Some(line) = Line::from_vector(vector) {
        irq::arrived(line, frame);
        return;
    }
    let fault = Fault::analyse(frame);
    let policy = POLICY.get().copied().unwrap_or(halt);
    if let Resolution::Halt(diagnosis) = policy(frame, &fault) {
        fault::end_kernel(frame, &fault, &diagnosis);
    }
}
