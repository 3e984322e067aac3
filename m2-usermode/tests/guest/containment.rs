//! Running one program as a test: it must end as expected, the kernel must be
//! alive afterwards, and every frame must be back.

use crate::memory;
use m0_boot::vector::Vector;
use m1_memory::frames;
use m2_usermode::process::{ExitStatus, Outcome, Process};
use m2_usermode::program::{HELLO, HELLO_EXIT_CODE, Program};
use shared::cases::{expect, expect_eq};

/// How a program must end.
#[derive(Clone, Copy)]
pub enum Expected {
    /// By `exit` with this code.
    Exit(i32),
    /// By this exception.
    Killed(Vector),
    /// By one of two exceptions, where QEMU and the manual differ.
    KilledByEither(Vector, Vector),
    /// By a page fault with this error code at this address.
    PageFault { code: u64, address: u64 },
}

/// Runs `program` and the reference program after it.
pub fn contain(program: &'static Program, expected: Expected) {
    // The first process makes page tables for kernel stacks and heap, which stay.
    run(&HELLO);
    let before = frames::statistics().used;
    let Outcome { status, .. } = run(program);
    let (as_expected, wanted) = match (expected, status) {
        (Expected::Exit(code), status) => {
            (status == ExitStatus::Exited(code), ExitStatus::Exited(code))
        }
        (Expected::Killed(vector), ExitStatus::Killed(killed)) => {
            (killed.vector == vector && killed.cs.0 & 3 == 3, status)
        }
        (Expected::KilledByEither(one, other), ExitStatus::Killed(killed)) => {
            ([one, other].contains(&killed.vector) && killed.cs.0 & 3 == 3, status)
        }
        (Expected::PageFault { code, address }, ExitStatus::Killed(killed)) => {
            let same = killed.vector == Vector::PAGE_FAULT
                && (killed.error_code, killed.address) == (code, address);
            (same && killed.cs.0 & 3 == 3, status)
        }
        _ => (false, status),
    };
    expect("ended-as-expected", as_expected, format_args!("{status:?}, wanted {wanted:?}"));
    expect_eq("no-frame-lost", frames::statistics().used, before);
    let after = run(&HELLO);
    expect_eq("next-program-runs", after.status, ExitStatus::Exited(HELLO_EXIT_CODE));
}

/// Runs a program to its end.
pub fn run(program: &'static Program) -> Outcome {
    let process = Process::new(program, memory()).unwrap_or_else(|error| panic!("{error}"));
    let running = process.start().unwrap_or_else(|error| panic!("{error}"));
    running.wait().unwrap_or_else(|error| panic!("{error}"))
}

/// Defines test cases from programs: for each the case's name, how it must end,
/// and its assembly. `$cases` becomes the list of all of them.
#[macro_export]
macro_rules! programs {
    ($($name:literal, $symbol:ident, $start:ident..$end:ident, $expected:expr, $($line:literal),+;)+) => {
        $(m2_usermode::user_program!(
            #[doc = $name] $symbol, $name, $start..$end, $($line),+
        );)+

        /// Every program of this module as a test case.
        pub const CASES: &[shared::cases::Case] = &[
            $(($name, || $crate::containment::contain(&$symbol, $expected)),)+
        ];
    };
}
