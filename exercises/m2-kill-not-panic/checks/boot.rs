//! The policy in a kernel: programs and the kernel fault, and the learner's code decides.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::arch::naked_asm;
use harness::{Check, Checked, Trial, boot::user};
use m0_boot::fault::Fault;
use m0_boot::trap_frame::TrapFrame;
use m0_boot::traps::Resolution;
use m0_boot::vector::Vector;
use m1_memory::frames;
use m2_kill_not_panic::{CopyRoutine, Trap, Verdict, decide};
use m2_usermode::address_space::STACK;
use m2_usermode::policy;
use m2_usermode::process::ExitStatus;
use m2_usermode::program::{HELLO, HELLO_EXIT_CODE, Program};
use m2_usermode::user_program;
use spin::Mutex;
use x86_64::PrivilegeLevel;
use x86_64::registers::control::Cr3;

shared::host_main!("cargo xtask check m2-kill-not-panic");

const CHECKS: &[Check] = &[
    Check { name: "programs-die-alone", body: programs_die_alone },
    Check { name: "kernel-is-not-a-program", body: kernel_is_not_a_program },
    Check { name: "copy-lands", body: copy_lands },
];

/// The loader jumps here.
#[cfg_attr(target_os = "none", unsafe(no_mangle))]
pub extern "C" fn kernel_entry() -> ! {
    harness::boot::m2_with(ask, CHECKS)
}

/// The last exception that was asked about, and the answer.
static ASKED: Mutex<Option<(Trap, Verdict)>> = Mutex::new(None);

/// The fault policy: asks the learner's. What it says is noted, and then done as it
/// should be, so that the check can tell.
fn ask(frame: &mut TrapFrame, fault: &Fault) -> Resolution {
    let label = |label: *const u8| label as u64;
    let copy = CopyRoutine {
        access: label(&raw const exercise_copy_access),
        landing: label(&raw const exercise_copy_landing),
    };
    let trap = Trap {
        vector: fault.vector().0,
        error_code: frame.error_code,
        cs: frame.cs,
        rip: frame.rip,
        address: fault.address(),
    };
    let places = [
        (&raw const exercise_read, &raw const exercise_read_end),
        (&raw const exercise_undefined, &raw const exercise_undefined_end),
        (&raw const exercise_divide, &raw const exercise_divide_end),
        (&raw const exercise_copy_access, &raw const exercise_copy_landing),
    ];
    let place = places.iter().find(|(at, _)| label(*at) == frame.rip);
    match (frame.ring(), place) {
        (PrivilegeLevel::Ring3, _) => {
            note(trap, &copy);
            policy::contain(frame, fault)
        }
        (_, Some((_, end))) => {
            note(trap, &copy);
            frame.rip = label(*end);
            Resolution::Resume
        }
        // None of the check's: a fault in the learner's code, say.
        _ => policy::contain(frame, fault),
    }
}

fn note(trap: Trap, copy: &CopyRoutine) {
    let verdict = decide(&trap, copy);
    *ASKED.lock() = Some((trap, verdict));
}

/// What was noted since the last time.
fn asked() -> Option<(Trap, Verdict)> {
    ASKED.lock().take()
}

/// Shows the exception with the failure that may follow.
fn given(trial: &mut Trial, trap: &Trap) {
    trial.round();
    trial.given("vector", Vector(trap.vector));
    trial.given("error_code", format_args!("{:#x}", trap.error_code));
    trial.given("cs", format_args!("{:#x}", trap.cs));
    trial.given("rip", format_args!("{:#x}", trap.rip));
    trial.given("address", format_args!("{:#x}", trap.address));
}

user_program!(
    /// Reads from a null pointer.
    READER, "reader", exercise_reader..exercise_reader_end,
    "    xor eax, eax",
    "    mov al, [rax]",
    "    ud2",
);

user_program!(
    /// Reads the kernel's image.
    TRESPASSER, "trespasser", exercise_trespasser..exercise_trespasser_end,
    "    mov rax, 0xffffffff80000000",
    "    mov al, [rax]",
    "    ud2",
);

user_program!(
    /// Executes an instruction of the kernel's.
    USURPER, "usurper", exercise_usurper..exercise_usurper_end,
    "    cli",
    "    ud2",
);

user_program!(
    /// Divides by zero.
    DIVIDER, "divider", exercise_divider..exercise_divider_end,
    "    xor ecx, ecx",
    "    div ecx",
    "    ud2",
);

user_program!(
    /// Executes what is no instruction.
    STUMBLER, "stumbler", exercise_stumbler..exercise_stumbler_end,
    "    ud2",
);

/// Programs that fault, and how.
const PROGRAMS: [(&Program, Vector); 5] = [
    (&READER, Vector::PAGE_FAULT),
    (&TRESPASSER, Vector::PAGE_FAULT),
    (&USURPER, Vector::GENERAL_PROTECTION),
    (&DIVIDER, Vector::DIVIDE_ERROR),
    (&STUMBLER, Vector::INVALID_OPCODE),
];

fn programs_die_alone(trial: &mut Trial) -> Checked {
    // The first process makes page tables for kernel stacks and heap, which stay.
    user::run(user::process(&HELLO), 0);
    let before = frames::statistics().used;
    let first = trial.random.index(PROGRAMS.len());
    for round in 0..PROGRAMS.len() {
        let (program, vector) = PROGRAMS[(first + round) % PROGRAMS.len()];
        asked();
        let outcome = user::run(user::process(program), 0);
        let Some((trap, verdict)) = asked() else {
            return trial.fail("the policy was not asked about a program's exception");
        };
        given(trial, &trap);
        let message = format_args!(
            "program `{}` raised {vector}: the program must be killed, and the kernel go on",
            program.name()
        );
        trial.equal(message, verdict, Verdict::KillProcess)?;
        let killed = matches!(outcome.status, ExitStatus::Killed(how) if how.vector == vector);
        let status = outcome.status;
        trial.holds(killed, format_args!("the program did not end by {vector}: it {status}"))?;
        let used = frames::statistics().used;
        trial.equal("every frame of the program must be back (frames in use)", used, before)?;
    }
    trial.round();
    let after = user::run(user::process(&HELLO), 0).status;
    let message = "the next program must run as if nothing had happened";
    trial.equal(message, after, ExitStatus::Exited(HELLO_EXIT_CODE))
}

/// Raises an exception in ring 0: which one, the label says.
macro_rules! faulty {
    ($(#[$attribute:meta])* $name:ident, $label:ident, $end:ident, $($line:literal),+) => {
        $(#[$attribute])*
        #[unsafe(naked)]
        extern "C" fn $name(address: u64) {
            naked_asm!(
                "xor ecx, ecx",
                "xor edx, edx",
                concat!(".globl ", stringify!($label)),
                concat!(stringify!($label), ":"),
                $($line,)+
                concat!(".globl ", stringify!($end)),
                concat!(stringify!($end), ":"),
                "ret",
            )
        }
        unsafe extern "C" {
            // Labels; only their addresses mean something.
            static $label: u8;
            static $end: u8;
        }
    };
}

faulty!(
    /// Reads a byte at `address`.
    read, exercise_read, exercise_read_end, "mov al, [rdi]"
);
faulty!(
    /// Executes what is no instruction.
    undefined, exercise_undefined, exercise_undefined_end, "ud2"
);
faulty!(
    /// Divides by zero.
    divide, exercise_divide, exercise_divide_end, "div ecx"
);
faulty!(
    /// Copies a byte from `address`, as the kernel's copying routine does.
    copy, exercise_copy_access, exercise_copy_landing, "mov al, [rdi]"
);

/// The labels are there even if nothing calls the functions.
#[used]
static KEPT: [extern "C" fn(u64); 4] = [read, undefined, divide, copy];

/// An address that is not mapped, in a program's part of the user half.
fn missing(trial: &mut Trial) -> u64 {
    STACK.end.as_u64() + trial.random.below(1 << 12)
}

fn kernel_is_not_a_program(trial: &mut Trial) -> Checked {
    // A program's memory is in place, as it is during a system call.
    let process = user::process(&HELLO);
    let (kernel, flags) = Cr3::read();
    // SAFETY: the kernel's half is the same in all page tables.
    unsafe { Cr3::write(process.space().root(), flags) };
    let (null, missing) = (trial.random.below(1 << 12), missing(trial));
    let cases: [(&str, extern "C" fn(u64), u64); 4] = [
        ("the kernel followed a null pointer", read, null),
        ("the kernel read a program's page that is missing", read, missing),
        ("the kernel executed what is no instruction", undefined, 0),
        ("the kernel divided by zero", divide, 0),
    ];
    let outcomes = cases.map(|(what, raise, address)| {
        asked();
        raise(address);
        (what, asked())
    });
    // SAFETY: as above; these were loaded before.
    unsafe { Cr3::write(kernel, flags) };
    for (what, asked) in outcomes {
        let Some((trap, verdict)) = asked else {
            return trial.fail(format_args!("{what}, but no exception came"));
        };
        given(trial, &trap);
        let message = match verdict {
            Verdict::KillProcess => "no program was running, and none may be killed for it",
            Verdict::ResumeAt { .. } => "it is not the copying routine, so nothing expects it",
            Verdict::HaltKernel => continue,
        };
        trial.equal(format_args!("{what}: {message}"), verdict, Verdict::HaltKernel)?;
    }
    Ok(())
}

fn copy_lands(trial: &mut Trial) -> Checked {
    let address = missing(trial);
    asked();
    copy(address);
    let Some((trap, verdict)) = asked() else {
        return trial.fail("the copy from a missing page raised no exception");
    };
    given(trial, &trap);
    let landing = (&raw const exercise_copy_landing) as u64;
    trial.given("copy.landing", format_args!("{landing:#x}"));
    let message = "the copying routine met a missing page: it must resume at its landing";
    trial.equal(message, verdict, Verdict::ResumeAt { rip: landing })
}
