//! The table in use: a program in ring 3 makes its system calls by it.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::sync::atomic::{AtomicU64, Ordering::SeqCst};
use harness::{Check, Checked, Trial, boot::user};
use m0_boot::vector::Vector;
use m2_dispatch::{Call, Error, Registers, dispatch};
use m2_usermode::process::{self, ExitStatus};
use m2_usermode::syscall::entry::SyscallFrame;
use m2_usermode::user_program;

shared::host_main!("cargo xtask check m2-dispatch");

const CHECKS: &[Check] = &[Check { name: "from-ring-3", body: from_ring_3 }];

/// The loader jumps here.
#[cfg_attr(target_os = "none", unsafe(no_mangle))]
pub extern "C" fn kernel_entry() -> ! {
    harness::boot::m2(CHECKS)
}

/// `exit`, `sum`, an empty place, `refuse`.
const CALLS: [Option<Call>; 4] = [Some(exit), Some(sum), None, Some(refuse)];

/// What `sum` was called with.
static SEEN: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

fn exit(registers: &Registers) -> Result<u64, Error> {
    process::end_current(ExitStatus::Exited(registers.rdi as i32))
}

fn sum(registers: &Registers) -> Result<u64, Error> {
    for (seen, value) in SEEN.iter().zip([registers.rdi, registers.rsi, registers.rdx]) {
        seen.store(value, SeqCst);
    }
    Ok(registers.rdi.wrapping_add(registers.rsi).wrapping_add(registers.rdx))
}

fn refuse(_: &Registers) -> Result<u64, Error> {
    Err(Error::Invalid)
}

/// From the course's entry to the learner's table, and back.
fn serve(frame: &mut SyscallFrame) {
    let mut registers =
        Registers { rax: frame.rax, rdi: frame.rdi, rsi: frame.rsi, rdx: frame.rdx };
    dispatch(&mut registers, &CALLS);
    frame.rax = registers.rax;
}

user_program!(
    /// Makes a call of each kind; exits with the number of the first step whose answer
    /// is not as it must be, or with 0.
    CALLER, "caller", exercise_caller..exercise_caller_end,
    "    mov rbx, rdi",           // sum(argument, 2, 3)
    "    mov esi, 2",
    "    mov edx, 3",
    "    mov eax, 1",
    "    syscall",
    "    add rbx, 5",
    "    mov r12d, 1",
    "    cmp rax, rbx",
    "    jne 2f",
    "    mov eax, 3",             // refuse()
    "    syscall",
    "    mov r12d, 2",
    "    cmp rax, -22",
    "    jne 2f",
    "    mov eax, 2",             // an empty place
    "    syscall",
    "    mov r12d, 3",
    "    cmp rax, -38",
    "    jne 2f",
    "    mov eax, 4",             // just beyond the table
    "    syscall",
    "    mov r12d, 4",
    "    cmp rax, -38",
    "    jne 2f",
    "    mov rax, 0x100000001",   // `sum` with bit 32 set
    "    syscall",
    "    mov r12d, 5",
    "    cmp rax, -38",
    "    jne 2f",
    "    xor r12d, r12d",
    "2:  mov edi, r12d",
    "    xor eax, eax",           // exit
    "    syscall",
    "    ud2",                    // it does not return
);

fn from_ring_3(trial: &mut Trial) -> Checked {
    let argument = trial.random.bits();
    trial.given("argument", format_args!("{argument:#x}"));
    let outcome = user::with_calls(serve, || user::run(user::process(&CALLER), argument));
    let step = match outcome.status {
        ExitStatus::Exited(step) => step,
        ExitStatus::Killed(killed) if killed.vector == Vector::INVALID_OPCODE => {
            return trial.fail("call 0, `exit`, came back: the table's first call was not made");
        }
        other => {
            return trial.fail(format_args!("the program did not come to its end: it {other}"));
        }
    };
    let message = match step {
        0 => "",
        1 => "the result of call 1, `sum`, did not arrive in the program's RAX",
        2 => "the program does not see -22 from a call that refuses with EINVAL",
        3 => "the program does not see -38 (ENOSYS) for number 2, an empty place of the table",
        4 => "the program does not see -38 (ENOSYS) for number 4, just beyond the table",
        5 => "number 0x100000001 must be ENOSYS: all 64 bits of RAX are the number",
        _ => "the program ended with a number that it never gives",
    };
    trial.holds(step == 0, message)?;
    let seen = SEEN.each_ref().map(|seen| seen.load(SeqCst));
    trial.equal("`sum` must get RDI, RSI and RDX of the program", seen, [argument, 2, 3])
}
