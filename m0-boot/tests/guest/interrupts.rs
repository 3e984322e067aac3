//! Interrupts that come and go without leaving a trace.

use core::arch::asm;
use m0_boot::vector::Vector;
use m0_boot::{clock, irq, pit, traps};
use shared::cases::{expect, expect_eq};

/// Fills every register that a handler could spoil, traps, and compares.
pub fn registers_survive() {
    let mut differences: u64;
    // SAFETY: RBX and RBP, which the compiler reserves, are restored; the trap
    // returns behind the int3.
    unsafe {
        asm!(
            "push rbx",
            "push rbp",
            "mov rax, 101", "mov rbx, 102", "mov rcx, 103", "mov rdx, 104",
            "mov rsi, 105", "mov rdi, 106", "mov rbp, 107", "mov r8, 108",
            "mov r9, 109", "mov r10, 110", "mov r11, 111", "mov r12, 112",
            "mov r13, 113", "mov r14, 114", "mov r15, 115",
            "std", // the handler must clear DF for itself and give it back
            "int3",
            "pushfq",
            "cld",
            "sub rax, 101", "sub rbx, 102", "sub rcx, 103", "sub rdx, 104",
            "sub rsi, 105", "sub rdi, 106", "sub rbp, 107", "sub r8, 108",
            "sub r9, 109", "sub r10, 110", "sub r11, 111", "sub r12, 112",
            "sub r13, 113", "sub r14, 114", "sub r15, 115",
            "or rax, rbx", "or rax, rcx", "or rax, rdx", "or rax, rsi",
            "or rax, rdi", "or rax, rbp", "or rax, r8", "or rax, r9",
            "or rax, r10", "or rax, r11", "or rax, r12", "or rax, r13",
            "or rax, r14", "or rax, r15",
            "pop rbx",
            "not rbx",
            "and rbx, 0x400", // RFLAGS.DF, as it was at the int3
            "or rax, rbx",
            "pop rbp",
            "pop rbx",
            out("rax") differences,
            out("rcx") _, out("rdx") _, out("rsi") _, out("rdi") _,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            out("r12") _, out("r13") _, out("r14") _, out("r15") _,
        );
    }
    expect_eq("registers-unchanged", differences, 0);
}

fn start_ticking() {
    irq::init();
    pit::init();
    x86_64::instructions::interrupts::enable();
}

/// Waits until `done` or for `patience_ns`.
fn wait(patience_ns: u64, done: impl Fn() -> bool) -> bool {
    let deadline = clock::now_ns() + patience_ns;
    while !done() && clock::now_ns() < deadline {
        core::hint::spin_loop();
    }
    done()
}

pub fn ticks_advance() {
    start_ticking();
    expect("ticks", wait(2_000_000_000, || pit::ticks() >= 5), "fewer than 5 ticks in 2 s");
}

/// The twentieth tick comes 200 ms after the timer was started, by the TSC, which
/// was calibrated on another channel. On a busy host ticks come late, and then
/// several at once, but never early.
pub fn tick_rate() {
    const TICKS: u64 = 20;
    let start = clock::now_ns();
    start_ticking();
    wait(10_000_000_000, || pit::ticks() >= TICKS);
    let elapsed_ms = (clock::now_ns() - start) / 1_000_000;
    let due_ms = TICKS * 1_000 / pit::TICK_HZ;
    let message = format_args!("{TICKS} ticks took {elapsed_ms} ms, {due_ms} ms were due");
    expect("not-early", elapsed_ms >= due_ms * 95 / 100, message);
    expect("not-lost", elapsed_ms <= due_ms * 5, message);
}

/// Line 7's vector without a bit in the in-service register is what a spurious
/// interrupt looks like.
pub fn spurious_line_7() {
    start_ticking();
    // SAFETY: the gate's handler returns.
    unsafe { asm!("int 39") };
    expect_eq("counted", irq::spurious_count(), 1);
    expect_eq("arrived", traps::count(Vector(39)), 1);
    let before = pit::ticks();
    expect("ticks-go-on", wait(2_000_000_000, || pit::ticks() > before), "the timer stopped");
}

pub fn spurious_line_15() {
    start_ticking();
    // SAFETY: the gate's handler returns.
    unsafe { asm!("int 47") };
    expect_eq("counted", irq::spurious_count(), 1);
    let before = pit::ticks();
    expect("ticks-go-on", wait(2_000_000_000, || pit::ticks() > before), "the timer stopped");
}
