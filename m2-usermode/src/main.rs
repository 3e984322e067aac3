//! Milestone 2: programs in ring 3, each in an address space of its own.

#![cfg_attr(target_os = "none", no_std, no_main)]

use m0_boot::handshake::BootInfo;
use m0_boot::milestone::Milestone;
use m0_boot::{clock, handshake, irq, logger, pit, println, serial, traps};
use m1_memory::checks as memory_checks;
use m1_memory::physical::DirectMap;
use m1_memory::{cpu, frames, paging::kernel, stack};
use m2_usermode::program::{HELLO, TRESPASSER};
use m2_usermode::settings::Settings;
use m2_usermode::{checks, choice, controls, gdt, modules, policy, syscall, thread, watchdog};
use shared::events::{self, Event};
use spin::Once;

shared::host_main!("cargo xtask run m2");

static BOOT: Once<BootInfo> = Once::new();

/// The loader jumps here: 64-bit mode, paging on, interrupts off, on its stack.
#[unsafe(no_mangle)]
extern "C" fn kernel_entry() -> ! {
    // As in M0: a voice, the loader's answers, faults that are explained.
    serial::init().unwrap_or_else(|error| panic!("serial: {error}"));
    clock::init().unwrap_or_else(|error| panic!("clock: {error}"));
    logger::init();
    println!("\nMyria M2: user mode");
    let boot = handshake::accept().unwrap_or_else(|error| panic!("handshake: {error}"));
    Settings::parse(&boot.command_line).unwrap_or_else(|error| panic!("{error}"));
    modules::init(&boot.memory_map); // the user programs that came along
    events::emit::<&str>(Event::Boot { kernel: "m2-usermode" });
    // Segments for two rings, stacks for the worst traps; faults of programs are contained.
    gdt::init();
    traps::init(policy::contain, gdt::stack_for);

    // As in M1: frames, page tables of our own, a stack of our own.
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
    stack::continue_on(stack, on_own_stack)
}

/// The rest of the boot, on our own stack.
extern "C" fn on_own_stack() -> ! {
    let boot = BOOT.get().unwrap_or_else(|| panic!("no boot information"));
    let settings = Settings::parse(&boot.command_line).unwrap_or_else(|error| panic!("{error}"));
    let memory = DirectMap::new(boot.hhdm).unwrap_or_else(|error| panic!("{error}"));
    // SAFETY: GDT, page tables and stack are ours, and the answers were copied.
    unsafe { frames::reclaim_loader(&boot.memory_map) };
    irq::init();
    pit::init();
    x86_64::instructions::interrupts::enable();
    let mut milestone = Milestone::new(2);
    memory_checks::print_regions();
    frames::log_statistics();
    milestone.require("heap", memory_checks::heap());

    // Threads, which will carry the processes.
    thread::init(kernel::root().unwrap_or_else(|| panic!("no kernel page tables")));
    milestone.require("threads", checks::threads());

    // Ring 3: control registers, the way in by SYSCALL, the watchdog.
    controls::init();
    syscall::entry::init();
    watchdog::init();
    settings.apply();
    let frames_before = frames::statistics().used;
    if let Some(run) = settings.run {
        choice::run(run, settings.nonce, memory);
    }
    let (trespasser, hello) = (checks::create(&TRESPASSER, memory), checks::create(&HELLO, memory));
    let isolation = checks::isolation(&hello, &trespasser);
    let (trespasser, hello) = (checks::run(trespasser), checks::run(hello));
    milestone.check("separation", "user/kernel separation", checks::separation(&trespasser));
    milestone.check("isolation", "page-table isolation", isolation);
    milestone.check("side-by-side", "two processes side by side", checks::side_by_side(memory));
    milestone.check("iretq", "IRETQ user entry", checks::entered_by_iretq(&trespasser));
    milestone.check("syscall", "SYSCALL/SYSRET", checks::round_trip(&hello));
    milestone.require("frames", checks::no_frame_lost(frames_before));
    m2_usermode::console::finish(milestone, &settings, boot, memory)
}
