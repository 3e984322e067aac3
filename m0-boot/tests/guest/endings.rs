//! The ways in which a kernel can end: what the host must tell apart.

use core::arch::asm;
use core::cell::UnsafeCell;
use m0_boot::backtrace::Backtrace;
use m0_boot::print;
use shared::cases::{expect, expect_eq};
use shared::events::{self, Event};
use shared::exit::{self, Reason};
use x86_64::VirtAddr;
use x86_64::instructions::tables::lidt;
use x86_64::structures::DescriptorTablePointer;

/// This function and its caller must be in its own backtrace.
#[inline(never)]
pub fn backtrace_names_callers() {
    /// Its own backtrace: how many addresses, and the first one.
    #[inline(never)]
    fn inner() -> (usize, u64) {
        let mut addresses = Backtrace::here();
        let caller = addresses.next().unwrap_or(0);
        (1 + addresses.count(), caller)
    }
    let (depth, caller) = inner();
    // The return address lies in this function, a little behind its start.
    let start = backtrace_names_callers as *const () as u64;
    expect("caller", (start..start + 256).contains(&caller), format_args!("{caller:#x}"));
    expect("depth", depth >= 2, format_args!("only {depth} frames"));
}

pub fn panic() {
    panic!("the answer is {}", 42);
}

pub fn check_failed() {
    expect_eq("arithmetic", 2 + 2, 5);
}

/// Without gates even the double fault cannot be delivered.
pub fn triple_fault() {
    let nothing = DescriptorTablePointer { limit: 0, base: VirtAddr::zero() };
    // SAFETY: the trap that follows resets the machine, as it shall.
    unsafe {
        lidt(&nothing);
        asm!("int3");
    }
}

pub fn hang_interrupts_off() {
    x86_64::instructions::interrupts::disable();
    loop {
        core::hint::spin_loop();
    }
}

pub fn hang_interrupts_on() {
    m0_boot::irq::init();
    m0_boot::pit::init();
    x86_64::instructions::interrupts::enable();
    loop {
        x86_64::instructions::hlt();
    }
}

/// A frame pointer that looks right, a little above the stack pointer, but
/// points behind the kernel's last page: the report's backtrace faults, and must
/// still end the kernel.
pub fn fault_in_report() {
    const BYTES: usize = 16 * 1024;
    #[repr(align(16))]
    struct Stack(#[allow(dead_code)] UnsafeCell<[u8; BYTES]>);
    // SAFETY: only the stack pointer below ever refers to it.
    unsafe impl Sync for Stack {}
    static STACK: Stack = Stack(UnsafeCell::new([0; BYTES]));
    unsafe extern "C" {
        static __kernel_end: u8;
    }
    let top = (&raw const STACK) as u64 + BYTES as u64;
    let behind = (&raw const __kernel_end) as u64;
    expect("within-reach", behind - top < 48 * 1024, "the stack is too far from the image's end");
    // SAFETY: the new stack is ours and aligned; the trap ends this kernel.
    unsafe {
        asm!("mov rsp, {top}", "mov rbp, {behind}", "ud2",
            top = in(reg) top, behind = in(reg) behind, options(noreturn));
    }
}

/// Says it is done without having checked anything.
pub fn no_check() {}

/// A transcript of a good run, replayed: the nonce cannot be known.
pub fn forged_done() {
    events::emit::<&str>(Event::CheckOk { name: "everything" });
    events::emit::<&str>(Event::Done { nonce: "0123456789abcdef" });
    exit::leave(Reason::Complete)
}

pub fn output_flood() {
    loop {
        print!("all work and no play makes a dull kernel\n");
    }
}
