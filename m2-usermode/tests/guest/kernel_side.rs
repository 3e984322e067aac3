//! What the kernel itself must not do, or must survive, around ring 3.

use crate::containment::run;
use crate::memory;
use alloc::vec::Vec;
use core::arch::asm;
use m0_boot::pit;
use m1_memory::frames;
use m2_usermode::address_space::{AddressSpace, CODE, MAX_CODE_BYTES, SpaceError};
use m2_usermode::checks;
use m2_usermode::process::{ExitStatus, Process};
use m2_usermode::program::{HELLO, HELLO_EXIT_CODE, Program};
use m2_usermode::syscall::trace;
use shared::cases::{Case, expect, expect_eq};
use x86_64::registers::control::Cr3;

/// Every case of this module.
pub const CASES: &[Case] = &[
    ("reference-program", reference_program),
    ("calls-are-traced", calls_are_traced),
    ("ticks-go-on-in-ring-3", ticks_go_on),
    ("spaces-are-isolated", spaces_are_isolated),
    ("many-processes", many_processes),
    ("process-out-of-memory", out_of_memory),
    ("program-too-large", too_large),
    ("kernel-reads-user-page", read_user_page),
    ("kernel-executes-user-page", execute_user_page),
];

fn process() -> Process {
    Process::new(&HELLO, memory()).unwrap_or_else(|error| panic!("{error}"))
}

fn reference_program() {
    let outcome = run(&HELLO, 0);
    expect_eq("status", outcome.status, ExitStatus::Exited(HELLO_EXIT_CODE));
    expect_eq("calls", outcome.calls, 2);
}

/// The host looks at the lines.
fn calls_are_traced() {
    trace::set(true);
    expect_eq("calls", run(&HELLO, 0).calls, 2);
}

/// A program that is busy for a while does not hold up the clock.
fn ticks_go_on() {
    let before = pit::ticks();
    run(crate::calls::BUSY, 0);
    let during = pit::ticks() - before;
    expect("ticks", during >= 2, format_args!("{during} ticks while ring 3 was busy"));
}

fn spaces_are_isolated() {
    let (one, other) = (process(), process());
    let isolated = checks::isolation(&one, &other);
    expect("isolated", isolated.is_ok(), format_args!("{isolated:?}"));
    let shared = checks::isolation(&one, &one);
    expect("sharing-is-noticed", shared.is_err(), "a process is not isolated from itself");
}

/// Fifty processes exist at once, run in turn, and leave nothing behind.
fn many_processes() {
    let round = || {
        let start = |process: Process| process.start().unwrap_or_else(|error| panic!("{error}"));
        let running: Vec<_> = (0..50).map(|_| start(process())).collect();
        let good = |status| status == ExitStatus::Exited(HELLO_EXIT_CODE);
        running
            .into_iter()
            .map(|running| running.wait().unwrap_or_else(|error| panic!("{error}")))
            .filter(|outcome| good(outcome.status))
            .count()
    };
    round();
    let before = frames::statistics().used;
    expect_eq("all-good", round(), 50);
    expect_eq("no-frame-lost", frames::statistics().used, before);
}

/// Building processes until nothing is left is an error that keeps no frame.
fn out_of_memory() {
    let round = || {
        let mut processes = Vec::with_capacity(32 * 1024);
        let error = loop {
            match Process::new(&HELLO, memory()) {
                Ok(process) => processes.push(process),
                Err(error) => break error,
            }
        };
        m0_boot::println!("refused: {error}");
        processes.len()
    };
    let count = round();
    let before = frames::statistics().used;
    expect_eq("as-many-again", round(), count);
    expect_eq("no-frame-lost", frames::statistics().used, before);
    expect_eq("next-program-runs", run(&HELLO, 0).status, ExitStatus::Exited(HELLO_EXIT_CODE));
}

fn too_large() {
    let mut code = Vec::new();
    code.resize(MAX_CODE_BYTES as usize + 1, 0x90);
    let code: &'static [u8] = code.leak();
    let space = |code| AddressSpace::new(&Program::flat("large", code), memory());
    let before = frames::statistics().used;
    let refused = space(code).err();
    expect_eq("refused", refused, Some(SpaceError::TooLarge { bytes: code.len() }));
    expect_eq("no-frame-lost", frames::statistics().used, before);
    let fits = space(&code[1..]).is_ok();
    expect("fits", fits, "the largest program is refused");
}

/// Loads a process's page tables and keeps them loaded.
fn enter_space() {
    let process = process();
    let (_, flags) = Cr3::read();
    // SAFETY: the kernel's half is the same; the process is never dropped.
    unsafe { Cr3::write(process.space().root(), flags) };
    core::mem::forget(process);
}

/// SMAP stops the kernel from touching user memory by accident.
fn read_user_page() {
    enter_space();
    // SAFETY: with SMAP the fault ends this kernel.
    let byte = unsafe { CODE.as_ptr::<u8>().read_volatile() };
    expect_eq("read-without-smap", byte, HELLO.code()[0]);
}

/// SMEP stops the kernel from running a program's code in ring 0.
fn execute_user_page() {
    enter_space();
    // SAFETY: with SMEP the fault ends this kernel.
    unsafe { asm!("jmp {}", in(reg) CODE.as_u64(), options(noreturn)) }
}
