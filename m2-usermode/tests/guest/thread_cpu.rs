//! What of the CPU is a thread's own: its interrupt flag, its registers, its stack.

use crate::threads::{join, spawn};
use alloc::vec::Vec;
use m0_boot::pit;
use m1_memory::paging::kernel;
use m2_usermode::gdt::USER_DATA;
use m2_usermode::process_id::ProcessId;
use m2_usermode::thread;
use shared::cases::{Case, expect, expect_eq};
use x86_64::instructions::segmentation::{ES, Segment};
use x86_64::structures::gdt::SegmentSelector;

/// Every case of this module.
pub const CASES: &[Case] = &[
    ("threads-interrupted", interrupted),
    ("threads-user-state", user_state),
    ("threads-keep-interrupts", keep_interrupts),
    ("threads-stack-overflow", stack_overflow),
];

/// Interrupts in the middle of everything, some ten times as often as usual.
fn interrupted() {
    use x86_64::instructions::port::Port;
    const TICKS: u64 = 1000;
    /// About 1 kHz.
    const DIVISOR: [u8; 2] = 1193u16.to_le_bytes();
    fn body(number: u64) -> u64 {
        let until = pit::ticks() + TICKS;
        let mut turns = 0;
        while pit::ticks() < until {
            turns += 1;
            match turns % (number + 7) {
                0 => thread::sleep(1),
                1 => {
                    let child = spawn("child", |argument| argument, turns);
                    expect_eq("child", join(child), turns);
                }
                _ => thread::yield_now(),
            }
        }
        turns
    }
    for byte in DIVISOR {
        // SAFETY: channel 0 in mode 2 takes a new count by two writes, low byte
        // first (8254 data sheet, "Write Operations"); nothing else uses it here.
        unsafe { Port::<u8>::new(0x40).write(byte) };
    }
    let ids: Vec<_> = (0..6).map(|number| spawn("busy", body, number)).collect();
    let least = ids.into_iter().map(join).min();
    expect("all-had-turns", least > Some(10), format_args!("the least had {least:?}"));
    expect_eq("threads-left", thread::statistics().threads, 1);
}

/// Threads that carry a process have x87 control word and selectors of their own;
/// a kernel thread in between changes nothing.
fn user_state() {
    use core::arch::asm;
    const CLEAN: u16 = 0x037f;
    fn control_word() -> u16 {
        let mut word = 0u16;
        // SAFETY: stores two bytes.
        unsafe { asm!("fnstcw [{}]", in(reg) &mut word, options(nostack)) };
        word
    }
    fn body(number: u64) -> u64 {
        let own = CLEAN - number as u16 * 0x100; // another precision
        let selector = if number == 0 { 0 } else { USER_DATA.0 };
        let (clean_word, clean_es) = (control_word(), ES::get_reg().0);
        // SAFETY: a valid control word, with all exceptions masked; the kernel
        // uses neither x87 nor ES.
        unsafe {
            asm!("fldcw [{}]", in(reg) &own, options(nostack));
            ES::set_reg(SegmentSelector(selector));
        }
        for _ in 0..3 {
            thread::yield_now();
            if control_word() != own || ES::get_reg().0 != selector {
                return 1;
            }
        }
        if (clean_word, clean_es) == (CLEAN, 0) { 0 } else { 2 }
    }
    let root = kernel::root().unwrap_or_else(|| panic!("no kernel page tables"));
    let ids = [0, 1, 2].map(|number| {
        let process = ProcessId::new(number + 1).unwrap_or_else(|| panic!("not 0"));
        thread::spawn_user("user", root, body, number.into(), process)
            .unwrap_or_else(|error| panic!("{error}"))
    });
    let kernel_thread = spawn("kernel", |_| u64::from(thread::current_process().is_some()), 0);
    let mut carried = Vec::new();
    thread::for_each(|info| carried.extend(info.process.map(ProcessId::get)));
    expect_eq("processes", carried, [1, 2, 3].to_vec());
    expect_eq("own-state", ids.map(join), [0; 3]);
    expect_eq("no-process", join(kernel_thread), 0);
}

/// A thread starts with interrupts on, and its switch gives them back to others
/// as they had them.
fn keep_interrupts() {
    use x86_64::instructions::interrupts;
    let id = spawn(
        "disabler",
        |_| {
            let on = interrupts::are_enabled();
            interrupts::disable();
            thread::yield_now();
            u64::from(on && !interrupts::are_enabled())
        },
        0,
    );
    thread::yield_now();
    expect("still-on", interrupts::are_enabled(), "the other thread's IF leaked");
    let before = pit::ticks();
    while pit::ticks() == before {
        core::hint::spin_loop();
    }
    expect_eq("own-flag-kept", join(id), 1);
}

/// The double fault runs on a stack of its own and names the thread.
fn stack_overflow() {
    let id = spawn(
        "deep",
        |_| {
            // SAFETY: pushes until the guard page; the fault ends this kernel.
            unsafe { core::arch::asm!("2: push rax", "jmp 2b", options(noreturn)) }
        },
        0,
    );
    join(id);
}
