//! M2's test kernel: threads, and programs that behave well or badly.
//!
//! `guest.toml` beside this file says what the host must observe for each case.

#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

#[path = "guest/calls.rs"]
mod calls;
#[path = "guest/containment.rs"]
mod containment;
#[path = "guest/fuzz.rs"]
mod fuzz;
#[path = "guest/hostile/mod.rs"]
mod hostile;
#[path = "guest/kernel_side.rs"]
mod kernel_side;
#[path = "guest/programs.rs"]
mod programs;
#[path = "guest/thread_cpu.rs"]
mod thread_cpu;
#[path = "guest/threads.rs"]
mod threads;
#[path = "guest/worst.rs"]
mod worst;

use alloc::vec::Vec;
use m0_boot::handshake::BootInfo;
use m0_boot::{clock, handshake, irq, logger, pit, serial, traps};
use m1_memory::physical::DirectMap;
use m1_memory::{cpu, frames, paging::kernel, stack};
use m2_usermode::{controls, gdt, modules, syscall, thread, watchdog};
use shared::cases::{self, Case};
use shared::cmdline::Options;
use spin::Once;

shared::host_main!("cargo xtask test guest/m2-usermode");

/// The cases by module; those of the hostile suite are [`hostile::GROUPS`].
const CASES: &[&[Case]] = &[
    calls::CASES,
    threads::CASES,
    thread_cpu::CASES,
    kernel_side::CASES,
    programs::CASES,
    fuzz::CASES,
    worst::WITH_NMIS,
    worst::FATAL,
    worst::WATCHING_TIMER,
    hostile::IN_TURN,
];

static BOOT: Once<BootInfo> = Once::new();

#[unsafe(no_mangle)]
extern "C" fn kernel_entry() -> ! {
    serial::init().unwrap_or_else(|error| panic!("serial: {error}"));
    clock::init().unwrap_or_else(|error| panic!("clock: {error}"));
    logger::init();
    let boot = handshake::accept().unwrap_or_else(|error| panic!("handshake: {error}"));
    modules::init(&boot.memory_map);
    gdt::init();
    traps::init(worst::policy, gdt::stack_for);
    let memory = DirectMap::new(boot.hhdm).unwrap_or_else(|error| panic!("{error}"));
    frames::init(&boot.memory_map, memory).unwrap_or_else(|error| panic!("frames: {error}"));
    let features = cpu::Features::detect();
    // SAFETY: the loader's tables map this kernel by its segments' permissions.
    unsafe { cpu::protect(features) }.unwrap_or_else(|error| panic!("cpu: {error}"));
    let tables =
        kernel::build(&boot, memory, features).unwrap_or_else(|error| panic!("paging: {error}"));
    // SAFETY: the tables map the image as linked and all RAM, this stack included.
    unsafe { kernel::load(tables) };
    BOOT.call_once(|| boot);
    let stack = stack::KernelStack::new().unwrap_or_else(|error| panic!("{error}"));
    stack::continue_on(stack, run_case)
}

extern "C" fn run_case() -> ! {
    let boot = BOOT.get().unwrap_or_else(|| panic!("no boot information"));
    // SAFETY: GDT, page tables and stack are ours, and the answers were copied.
    unsafe { frames::reclaim_loader(&boot.memory_map) };
    irq::init();
    pit::init();
    x86_64::instructions::interrupts::enable();
    thread::init(kernel::root().unwrap_or_else(|| panic!("no kernel page tables")));
    controls::init();
    syscall::entry::init();
    watchdog::init();
    let nonce = option("nonce").unwrap_or("-");
    let groups: Vec<&[Case]> = CASES.iter().chain(hostile::GROUPS).copied().collect();
    cases::run(&groups, option("test").unwrap_or(""), nonce)
}

/// An option of the command line.
fn option(key: &str) -> Option<&'static str> {
    let line = BOOT.get().map(|boot| boot.command_line.as_str())?;
    Options::parse(line, cases::KEYS).unwrap_or_else(|error| panic!("{error}")).get(key)
}

/// Physical memory, for building address spaces.
fn memory() -> DirectMap {
    let hhdm = BOOT.get().map(|boot| boot.hhdm);
    let hhdm = hhdm.unwrap_or_else(|| panic!("no boot information"));
    DirectMap::new(hhdm).unwrap_or_else(|error| panic!("{error}"))
}
