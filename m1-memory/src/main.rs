//! Milestone 1: the kernel owns its memory.

#![cfg_attr(target_os = "none", no_std, no_main)]

use m0_boot::handshake::BootInfo;
use m0_boot::milestone::Milestone;
use m0_boot::{clock, handshake, idt, irq, logger, pit, println, serial, traps};
use m1_memory::physical::DirectMap;
use m1_memory::{checks, cpu, frames, heap, paging::kernel, policy, segments, stack};
use shared::cmdline::Options;
use shared::events::{self, Event};
use spin::Once;

shared::host_main!("cargo xtask run m1");

/// The loader's answers, for the part of the boot that runs on our own stack.
static BOOT: Once<BootInfo> = Once::new();

/// The loader jumps here: 64-bit mode, paging on, interrupts off, on its stack.
#[unsafe(no_mangle)]
extern "C" fn kernel_entry() -> ! {
    // As in M0: a voice, the loader's answers, faults that are explained.
    serial::init().unwrap_or_else(|error| panic!("serial: {error}"));
    clock::init().unwrap_or_else(|error| panic!("clock: {error}"));
    logger::init();
    println!("\nMyria M1: memory");
    let boot = handshake::accept().unwrap_or_else(|error| panic!("handshake: {error}"));
    Options::parse(&boot.command_line, ["nonce"]).unwrap_or_else(|error| panic!("{error}"));
    events::emit::<&str>(Event::Boot { kernel: "m1-memory" });
    segments::init();
    traps::init(policy::explain, idt::current_stack);

    // Every frame of RAM has an owner.
    let memory = DirectMap::new(boot.hhdm).unwrap_or_else(|error| panic!("{error}"));
    frames::init(&boot.memory_map, memory).unwrap_or_else(|error| panic!("frames: {error}"));

    // Page tables of our own, with W^X and what else the CPU offers.
    let features = cpu::Features::detect();
    // SAFETY: the loader's tables map this kernel by its segments' permissions.
    unsafe { cpu::protect(features) }.unwrap_or_else(|error| panic!("cpu: {error}"));
    let tables =
        kernel::build(&boot, memory, features).unwrap_or_else(|error| panic!("paging: {error}"));
    // SAFETY: the tables map the image as linked and all RAM, this stack
    // included, in the direct map where the loader had it.
    unsafe { kernel::load(tables) };

    // A stack of our own, with a guard page; the loader's is given up.
    BOOT.call_once(|| boot);
    let stack = stack::KernelStack::new().unwrap_or_else(|error| panic!("{error}"));
    stack::continue_on(stack, on_own_stack)
}

/// The rest of the boot, on our own stack.
extern "C" fn on_own_stack() -> ! {
    let boot = BOOT.get().unwrap_or_else(|| panic!("no boot information"));
    // SAFETY: GDT, page tables and stack are ours, and the answers were copied.
    unsafe { frames::reclaim_loader(&boot.memory_map) };
    irq::init();
    pit::init();
    x86_64::instructions::interrupts::enable();

    let mut milestone = Milestone::new(1);
    checks::emit_frames();
    checks::print_regions();
    milestone.check(
        "audit",
        "no page is writable and executable, none of the kernel's open to ring 3, direct map = RAM",
        kernel::audit().map(|_| ()),
    );
    milestone.check("frames", "a frame is given out once, and freed once", checks::frames());
    milestone.check("census", "the frames by kind add up", checks::census());
    milestone.check("heap", "the heap grows on demand and takes back", checks::heap());
    milestone.check("exhaustion", "too large a request is an error", checks::exhaustion());
    milestone.check("guard", "the stack has a guard page below it", checks::guard());
    frames::log_statistics();
    heap::log_statistics();
    let options = Options::parse(&boot.command_line, ["nonce"]);
    milestone.finish(options.ok().and_then(|options| options.get("nonce")).unwrap_or("-"))
}
