//! Running one program as a test: it must end as expected, the kernel must be
//! alive afterwards, and every frame must be back.

use crate::memory;
use core::fmt;
use m0_boot::vector::Vector;
use m1_memory::frames;
use m2_usermode::gdt::USER_CODE;
use m2_usermode::process::{ExitStatus, Outcome, Process};
use m2_usermode::program::{HELLO, HELLO_EXIT_CODE, Program};
use shared::cases::{expect, expect_eq};
use x86_64::instructions::interrupts;

/// Page-fault error codes (Intel SDM Vol. 3A, 5.12 "Exceptions and Error Codes"
/// of paging), with the bit that every fault of a program has.
pub mod code {
    /// Read from a page that is not there.
    pub const ABSENT_READ: u64 = 1 << 2;
    /// Write to one.
    pub const ABSENT_WRITE: u64 = ABSENT_READ | 1 << 1;
    /// Fetch from one.
    pub const ABSENT_FETCH: u64 = ABSENT_READ | 1 << 4;
    /// Read from a page that does not permit it.
    pub const DENIED_READ: u64 = ABSENT_READ | 1 << 0;
    /// Write to one.
    pub const DENIED_WRITE: u64 = ABSENT_WRITE | 1 << 0;
    /// Fetch from one.
    pub const DENIED_FETCH: u64 = ABSENT_FETCH | 1 << 0;
}

/// How a program must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// By `exit` with this code.
    Exit(i32),
    /// By this exception with this error code.
    Fault(Vector, u64),
    /// By a page fault with this error code at this address.
    PageFault { code: u64, address: u64 },
    /// By the #GP of `int n` through a gate that is not for ring 3.
    ClosedGate(Vector),
    /// By either, where CPUs (or QEMU and the manual) differ.
    Either(&'static Expected, &'static Expected),
    /// By the kernel, because its system call came from this address.
    ReturnOutside { rip: u64 },
    /// By the watchdog.
    OutOfTime,
}

impl Expected {
    /// A general protection fault about nothing in particular.
    pub const PRIVILEGED: Self = Self::Fault(Vector::GENERAL_PROTECTION, 0);
    /// An instruction that does not exist (here).
    pub const UNDEFINED: Self = Self::Fault(Vector::INVALID_OPCODE, 0);

    /// A general protection fault about this selector.
    pub const fn selector(selector: u64) -> Self {
        // The error code holds the selector without its RPL.
        Self::Fault(Vector::GENERAL_PROTECTION, selector & !3)
    }

    fn matches(self, status: ExitStatus) -> bool {
        match (self, status) {
            (Self::Exit(code), ExitStatus::Exited(exited)) => code == exited,
            (Self::Fault(vector, code), ExitStatus::Killed(killed)) => {
                (killed.vector, killed.error_code, killed.cs) == (vector, code, USER_CODE)
            }
            (Self::PageFault { code, address }, ExitStatus::Killed(killed)) => {
                let fault = Self::Fault(Vector::PAGE_FAULT, code);
                killed.address == address && fault.matches(status)
            }
            (Self::ClosedGate(vector), ExitStatus::Killed(_)) => {
                /// The error code's bit for "a gate of the IDT".
                const IDT: u64 = 1 << 1;
                // By the manual the vector's number stands above three bits. QEMU
                // 7.2 counts a gate as two entries, because it has 16 bytes.
                let index = u64::from(vector.0);
                let fault = |code| Self::Fault(Vector::GENERAL_PROTECTION, code);
                [index << 3 | IDT, index << 4 | IDT]
                    .into_iter()
                    .any(|code| fault(code).matches(status))
            }
            (Self::Either(one, other), _) => one.matches(status) || other.matches(status),
            (Self::ReturnOutside { rip }, ExitStatus::ReturnOutside { rip: from }) => rip == from,
            (Self::OutOfTime, ExitStatus::OutOfTime { .. }) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "exit code {code}"),
            Self::Fault(vector, code) => write!(f, "{vector} with error code {code:#x}"),
            Self::PageFault { code, address } => {
                write!(f, "a page fault at {address:#x} with error code {code:#x}")
            }
            Self::ClosedGate(vector) => write!(f, "#GP by the gate of vector {}", vector.0),
            Self::Either(one, other) => write!(f, "{one} or {other}"),
            Self::OutOfTime => write!(f, "killed by the watchdog"),
            Self::ReturnOutside { rip } => write!(f, "killed for its call from {rip:#x}"),
        }
    }
}

/// Runs `program` as the case `name`, and the reference program after it.
pub fn contain(name: &str, program: &Program, expected: Expected) {
    contain_in(name, program, |_| (0, expected));
}

/// [`contain`], after `prepare` has done something to the process; it returns the
/// program's argument and how it must end.
pub fn contain_in(
    name: &str,
    program: &Program,
    prepare: impl FnOnce(&mut Process) -> (u64, Expected),
) {
    // The first process makes page tables for kernel stacks and heap, which stay.
    run(&HELLO, 0);
    let before = frames::statistics().used;
    let mut process = Process::new(program, memory()).unwrap_or_else(|error| panic!("{error}"));
    let (argument, expected) = prepare(&mut process);
    ended(name, finish(process, argument).status, expected);
    kernel_is_well(before);
}

/// Checks how a program ended.
pub fn ended(name: &str, status: ExitStatus, expected: Expected) {
    let detail = format_args!("expected {expected}, but it {status}: {status:x?}");
    expect(name, expected.matches(status), detail);
}

/// The kernel is as it was `before` (frames in use), and runs programs.
pub fn kernel_is_well(before: u64) {
    expect("interrupts-on", interrupts::are_enabled(), "the kernel's interrupts are off");
    expect_eq("no-frame-lost", frames::statistics().used, before);
    let after = run(&HELLO, 0);
    expect_eq("next-program-runs", after.status, ExitStatus::Exited(HELLO_EXIT_CODE));
    expect_eq("no-frame-lost-by-that", frames::statistics().used, before);
}

/// Runs a program to its end.
pub fn run(program: &Program, argument: u64) -> Outcome {
    let process = Process::new(program, memory()).unwrap_or_else(|error| panic!("{error}"));
    finish(process, argument)
}

fn finish(process: Process, argument: u64) -> Outcome {
    let running = process.with_argument(argument).start().unwrap_or_else(|error| panic!("{error}"));
    running.wait().unwrap_or_else(|error| panic!("{error}"))
}

/// Defines user programs in assembly. Each ends by itself, or by `exit` with the
/// code that stands in front of all of them; with another code in EDI it may jump
/// to `2:`, which makes the call.
///
/// `programs! { exit 1; READ_NULL = "xor eax, eax", "mov al, [rax]"; }`
#[macro_export]
macro_rules! programs {
    (exit $code:literal; $($(#[$attribute:meta])* $symbol:ident = $($line:expr),+;)+) => {
        $(
            core::arch::global_asm!(
                ".pushsection .rodata.user_programs, \"a\"",
                concat!("user_test_", stringify!($symbol), ":"),
                $($line,)+
                concat!("mov edi, ", $code),
                "2: xor eax, eax",
                "syscall",
                "ud2",
                concat!("user_test_end_", stringify!($symbol), ":"),
                ".popsection",
            );
            $(#[$attribute])*
            static $symbol: m2_usermode::program::Program = {
                unsafe extern "C" {
                    #[link_name = concat!("user_test_", stringify!($symbol))]
                    static START: u8;
                    #[link_name = concat!("user_test_end_", stringify!($symbol))]
                    static END: u8;
                }
                m2_usermode::program::Program::new(
                    stringify!($symbol),
                    (&raw const START, &raw const END),
                )
            };
        )+
    };
}

/// Defines test cases: name, program, how it must end.
#[macro_export]
macro_rules! cases {
    ($($name:literal $program:ident => $expected:expr;)+) => {
        /// Every case of this module.
        pub const CASES: &[shared::cases::Case] = &[
            $(($name, || $crate::containment::contain($name, &$program, $expected)),)+
        ];
    };
}
