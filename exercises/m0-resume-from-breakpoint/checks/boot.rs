//! Code with breakpoints and invalid opcodes in it, run by the CPU.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::arch::asm;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst};
use harness::{Check, Checked, Trial};
use m0_boot::fault::Fault;
use m0_boot::trap_frame::TrapFrame;
use m0_boot::traps::{self, Resolution};
use m0_boot::vector::Vector;
use m0_resume_from_breakpoint::{UD2, resume_at};

shared::host_main!("cargo xtask check m0-resume-from-breakpoint");

const CHECKS: &[Check] = &[
    Check { name: "int3-goes-on", body: int3_goes_on },
    Check { name: "ud2-goes-on", body: ud2_goes_on },
];

/// The loader jumps here.
#[cfg_attr(target_os = "none", unsafe(no_mangle))]
pub extern "C" fn kernel_entry() -> ! {
    harness::boot::m0_with(on_trap, CHECKS)
}

/// The code under watch: its first byte, and the first one behind. 0 if none runs.
static START: AtomicU64 = AtomicU64::new(0);
static END: AtomicU64 = AtomicU64::new(0);
/// How many exceptions it raised.
static RAISED: AtomicU32 = AtomicU32::new(0);
/// How many of them it takes before something is wrong.
const RAISED_MAX: u32 = 16;
/// The first exception with a wrong answer, or the last one: its vector, and where it
/// was and where the code under test goes on, as distances from `START`, or `NOWHERE`.
static VECTOR: AtomicU64 = AtomicU64::new(0);
static RIP: AtomicU64 = AtomicU64::new(0);
static TARGET: AtomicU64 = AtomicU64::new(0);
const NOWHERE: u64 = u64::MAX;
/// A wrong answer has come.
static WRONG: AtomicBool = AtomicBool::new(false);

/// Asks the code under test where to go on, and goes there if that is in the code under
/// watch; else goes on at its end.
fn on_trap(frame: &mut TrapFrame, fault: &Fault) -> Resolution {
    /// An instruction has no more bytes.
    const LONGEST: u64 = 15;
    let (start, end) = (START.load(SeqCst), END.load(SeqCst));
    if !(start..end).contains(&frame.rip) {
        return traps::halt(frame, fault);
    }
    let raised = RAISED.fetch_add(1, SeqCst) + 1;
    let bytes = LONGEST.min(end - frame.rip) as usize;
    // SAFETY: these are the bytes from RIP to the end of the code that runs, at most.
    let code = unsafe { core::slice::from_raw_parts(frame.rip as *const u8, bytes) };
    let target = resume_at(frame.vector().0, frame.rip, code);
    if !WRONG.load(SeqCst) {
        let length = if frame.vector() == Vector::INVALID_OPCODE { UD2.len() as u64 } else { 0 };
        WRONG.store(target != Some(frame.rip + length), SeqCst);
        VECTOR.store(frame.vector, SeqCst);
        RIP.store(frame.rip - start, SeqCst);
        TARGET.store(target.map_or(NOWHERE, |target| target.wrapping_sub(start)), SeqCst);
    }
    frame.rip = match target {
        Some(target) if (start..end).contains(&target) && raised < RAISED_MAX => target,
        _ => end,
    };
    Resolution::Resume
}

/// Runs code between two labels and gives the number of its steps that were done. Each
/// step is `clc`, an instruction that raises an exception, and `stc` behind it: the
/// carry flag, which IRETQ restores, tells whether the CPU went on with `stc` itself.
/// Landing inside `ud2` makes `0b f9`, `or edi, ecx`, which clears it.
macro_rules! run {
    ($($instruction:literal),+) => {{
        RAISED.store(0, SeqCst);
        WRONG.store(false, SeqCst);
        let mut steps: u64;
        // SAFETY: exceptions come back into this code or to its end, by `on_trap`, and
        // the stubs keep all registers. What it changes is declared.
        unsafe {
            asm!(
                "lea {address}, [rip + 2f]",
                "mov [rip + {start}], {address}",
                "lea {address}, [rip + 3f]",
                "mov [rip + {end}], {address}",
                "xor {steps:e}, {steps:e}",
                "2:",
                $(
                    "clc",
                    $instruction,
                    "stc",
                    "adc {steps}, 0",
                )+
                "3:",
                "mov qword ptr [rip + {start}], 0",
                "mov qword ptr [rip + {end}], 0",
                start = sym START,
                end = sym END,
                address = out(reg) _,
                steps = out(reg) steps,
                out("rdi") _,
                out("rcx") _,
            );
        }
        steps
    }};
}

/// What is wrong, if anything, after code with `count` instructions that raise one
/// exception each.
fn judge(trial: &mut Trial, count: u32, steps: u64) -> Checked {
    let raised = RAISED.load(SeqCst);
    trial.given("exceptions", count);
    if steps == u64::from(count) && raised == count {
        return Ok(());
    }
    let (rip, target) = (RIP.load(SeqCst), TARGET.load(SeqCst));
    let vector = Vector(VECTOR.load(SeqCst) as u8);
    trial.given("raised", raised);
    trial.given("after", vector);
    if target == NOWHERE {
        return trial.fail("`resume_at` says that the kernel can't go on here, but it can");
    }
    trial.given("resumed", format_args!("rip{:+}", target.wrapping_sub(rip) as i64));
    if raised >= RAISED_MAX {
        return trial
            .fail("the same instruction raises its exception for ever: the CPU goes on at it");
    }
    trial.compared(
        format_args!("the CPU went on with the next instruction {count} times"),
        format_args!("{steps} times"),
    );
    trial.fail("the CPU went on beside the next instruction")
}

/// Three breakpoints.
fn int3_goes_on(trial: &mut Trial) -> Checked {
    let steps = run!("int3", "int3", "int3");
    judge(trial, 3, steps)
}

/// Invalid opcodes with breakpoints between.
fn ud2_goes_on(trial: &mut Trial) -> Checked {
    let steps = run!("ud2", "int3", "ud2", "ud2", "int3");
    judge(trial, 5, steps)
}
