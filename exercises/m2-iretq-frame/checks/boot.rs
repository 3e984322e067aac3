//! The frame in use: IRETQ takes the CPU into ring 3 by it.
//!
//! A process begins as usual, and makes a system call at once. On its kernel side the
//! check enters ring 3 a second time, by the learner's words.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::arch::naked_asm;
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};
use harness::{Check, Checked, Layout, Trial, boot::user};
use m0_boot::fault::Fault;
use m0_boot::trap_frame::TrapFrame;
use m0_boot::traps::Resolution;
use m0_boot::vector::Vector;
use m2_iretq_frame::{Frame, user_frame};
use m2_usermode::address_space::{CODE, STACK};
use m2_usermode::gdt::{USER_CODE, USER_DATA};
use m2_usermode::policy;
use m2_usermode::process::{self, ExitStatus};
use m2_usermode::program::Program;
use m2_usermode::syscall::entry::SyscallFrame;
use m2_usermode::user_program;
use x86_64::PrivilegeLevel;

shared::host_main!("cargo xtask check m2-iretq-frame");

const CHECKS: &[Check] = &[
    Check { name: "reports-itself", body: reports_itself },
    Check { name: "breakpoint", body: breakpoint },
];

/// The loader jumps here.
#[cfg_attr(target_os = "none", unsafe(no_mangle))]
pub extern "C" fn kernel_entry() -> ! {
    harness::boot::m2_with(watch, CHECKS)
}

/// RFLAGS of a fresh program: IF, and bit 1, which is always 1 (Intel SDM Vol. 1, 3.4.3
/// "EFLAGS Register").
const FRESH_FLAGS: u64 = 1 << 9 | 1 << 1;

/// Bits of RFLAGS that say what the program may do; not those of arithmetic.
const RFLAGS: Layout = Layout::new(
    16,
    &[("NT", 14, 14), ("IOPL", 13, 12), ("DF", 10, 10), ("IF", 9, 9), ("TF", 8, 8)],
);
const SYSTEM_FLAGS: u64 = 1 << 14 | 0b11 << 12 | 1 << 10 | 1 << 9 | 1 << 8;

/// Calls of the programs below.
const EXIT: u64 = 0;
const ENTER: u64 = 1;
const REPORT: u64 = 2;

/// Where the programs are entered by the learner's frame: bytes from their start.
const SECOND_ENTRY: u64 = 16;

user_program!(
    /// Says what it finds: RSP, RFLAGS, CS, SS.
    REPORTER, "reporter", exercise_reporter..exercise_reporter_end,
    "    mov eax, 1",
    "    syscall",
    "    ud2",
    "    .skip 7, 0x90",          // SECOND_ENTRY bytes from the start
    "    mov rdi, rsp",
    "    mov rsp, 0x801000",      // somewhere in its stack
    "    pushfq",
    "    pop rsi",
    "    mov edx, cs",
    "    mov r10d, ss",
    "    mov eax, 2",
    "    syscall",
    "    xor edi, edi",
    "    xor eax, eax",
    "    syscall",
    "    ud2",
);

user_program!(
    /// Executes a breakpoint.
    BREAKER, "breaker", exercise_breaker..exercise_breaker_end,
    "    mov eax, 1",
    "    syscall",
    "    ud2",
    "    .skip 7, 0x90",          // SECOND_ENTRY bytes from the start
    "    int3",
    "    ud2",
);

/// The stack pointer that the program is given.
static STACK_END: AtomicU64 = AtomicU64::new(0);
/// What the reporter said: RSP, RFLAGS, CS, SS.
static REPORTED: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];
/// Whether it has, or whether the breakpoint came.
static ARRIVED: AtomicU64 = AtomicU64::new(0);
/// What the CPU pushed at the breakpoint: RIP, CS, RFLAGS, RSP, SS.
static PUSHED: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];
/// The exception that IRETQ raised, with bit 63 set, and its error code.
static REFUSED: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];
const RAISED: u64 = 1 << 63;

/// Enters ring 3 by `frame`; the general registers hold nothing of the kernel's.
///
/// # Safety
/// Interrupts are off, the process's page tables are loaded, and nothing of this stack is
/// needed any more.
#[unsafe(naked)]
unsafe extern "C" fn enter(frame: *const Frame) -> ! {
    naked_asm!(
        "mov rsp, rdi",
        "xor eax, eax",
        "xor ebx, ebx",
        "xor ecx, ecx",
        "xor edx, edx",
        "xor esi, esi",
        "xor edi, edi",
        "xor ebp, ebp",
        "xor r8d, r8d",
        "xor r9d, r9d",
        "xor r10d, r10d",
        "xor r11d, r11d",
        "xor r12d, r12d",
        "xor r13d, r13d",
        "xor r14d, r14d",
        "xor r15d, r15d",
        ".globl exercise_iretq",
        "exercise_iretq:",
        "iretq",
    )
}

/// The label is there even if nothing calls the function.
#[used]
static KEPT: unsafe extern "C" fn(*const Frame) -> ! = enter;

unsafe extern "C" {
    // In `enter`; only its address means something.
    static exercise_iretq: u8;
}

/// The fault policy: notes a breakpoint and what IRETQ refuses; both end the process.
/// So does any exception in ring 0 at the program's addresses: IRETQ went there, but not
/// to ring 3.
fn watch(frame: &mut TrapFrame, fault: &Fault) -> Resolution {
    let ring_0 = frame.ring() == PrivilegeLevel::Ring0;
    let at_iretq = frame.rip == (&raw const exercise_iretq) as u64;
    let in_program = (CODE.as_u64()..STACK.end.as_u64()).contains(&frame.rip);
    if ring_0 && (at_iretq || in_program) {
        let vector = u64::from(fault.vector().0) | RAISED;
        REFUSED[0].store(vector, SeqCst);
        REFUSED[1].store(frame.error_code, SeqCst);
        process::end_from_trap(frame, ExitStatus::Exited(-1));
        return Resolution::Resume;
    }
    if !ring_0 && fault.vector() == Vector::BREAKPOINT {
        let words = [frame.rip, frame.cs, frame.rflags, frame.rsp, frame.ss];
        for (place, word) in PUSHED.iter().zip(words) {
            place.store(word, SeqCst);
        }
        ARRIVED.store(1, SeqCst);
    }
    policy::contain(frame, fault)
}

fn serve(frame: &mut SyscallFrame) {
    match frame.rax {
        ENTER => {
            let entry = CODE.as_u64() + SECOND_ENTRY;
            let (code, data) = (USER_CODE.index() * 8, USER_DATA.index() * 8);
            let frame = user_frame(entry, STACK_END.load(SeqCst), code, data);
            // SAFETY: a system call is served with interrupts off, in the process's
            // address space; the caller does not go on.
            unsafe { enter(&raw const frame) }
        }
        REPORT => {
            let words = [frame.rdi, frame.rsi, frame.rdx, frame.r10];
            for (place, word) in REPORTED.iter().zip(words) {
                place.store(word, SeqCst);
            }
            ARRIVED.store(1, SeqCst);
        }
        EXIT => process::end_current(ExitStatus::Exited(frame.rdi as i32)),
        _ => frame.rax = 0,
    }
}

/// Runs a program that is entered by the learner's frame; it must arrive.
fn entered(trial: &mut Trial, program: &Program) -> Checked {
    // Not the end itself: the number must be the one that was asked for.
    let stack_end = STACK.end.as_u64() - 16 * trial.random.within(1..=64);
    trial.given("entry", format_args!("{:#x}", CODE.as_u64() + SECOND_ENTRY));
    trial.given("stack_end", format_args!("{stack_end:#x}"));
    STACK_END.store(stack_end, SeqCst);
    ARRIVED.store(0, SeqCst);
    REFUSED[0].store(0, SeqCst);
    let outcome = user::with_calls(serve, || user::run(user::process(program), 0));
    let refused = REFUSED[0].load(SeqCst);
    if refused != 0 {
        let (vector, code) = (Vector(refused as u8), REFUSED[1].load(SeqCst));
        let what = match vector {
            Vector::GENERAL_PROTECTION if code != 0 => "the error code is a selector of the frame",
            Vector::GENERAL_PROTECTION => "CS, SS or RFLAGS of the frame cannot be",
            Vector::PAGE_FAULT => "ring 0 may not run a program's code: CS says ring 0",
            _ => "the frame does not lead to ring 3",
        };
        trial.compared("ring 3", format_args!("{vector} in ring 0, error code {code:#x}"));
        return trial.fail(format_args!("IRETQ does not enter ring 3 by these words: {what}"));
    }
    let arrived = ARRIVED.load(SeqCst) == 1;
    let status = outcome.status;
    trial.holds(
        arrived,
        format_args!("the program was entered, but not as it should be: it {status}"),
    )
}

fn reports_itself(trial: &mut Trial) -> Checked {
    entered(trial, &REPORTER)?;
    let [rsp, flags, cs, ss] = REPORTED.each_ref().map(|word| word.load(SeqCst));
    trial.equal("the program reads the ring that it runs in from CS", cs & 3, 3)?;
    let message = "RSP in the program must be the end of its stack";
    trial.equal_hex(message, rsp, STACK_END.load(SeqCst))?;
    trial.equal_hex("CS in the program", cs, u64::from(USER_CODE.0))?;
    trial.equal_hex("SS in the program", ss, u64::from(USER_DATA.0))?;
    let expected = FRESH_FLAGS & SYSTEM_FLAGS;
    trial.bits("RFLAGS in the program: IF only", RFLAGS, flags & SYSTEM_FLAGS, expected)
}

fn breakpoint(trial: &mut Trial) -> Checked {
    entered(trial, &BREAKER)?;
    let [rip, cs, flags, rsp, ss] = PUSHED.each_ref().map(|word| word.load(SeqCst));
    trial.equal(
        "the CPU must report that the breakpoint came from ring 3 (RPL of CS)",
        cs & 3,
        3,
    )?;
    // RIP is behind the `int3`, which has one byte.
    let behind = CODE.as_u64() + SECOND_ENTRY + 1;
    trial.equal_hex("RIP must be behind the program's first instruction", rip, behind)?;
    trial.equal_hex("RSP at the breakpoint", rsp, STACK_END.load(SeqCst))?;
    trial.equal_hex("SS at the breakpoint", ss, u64::from(USER_DATA.0))?;
    let expected = FRESH_FLAGS & SYSTEM_FLAGS;
    trial.bits("RFLAGS at the breakpoint: IF only", RFLAGS, flags & SYSTEM_FLAGS, expected)
}
