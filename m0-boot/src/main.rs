//! Milestone 0: the kernel boots, speaks, and can say what went wrong.

#![cfg_attr(target_os = "none", no_std, no_main)]

use m0_boot::memory_map::Kind;
use m0_boot::milestone::{Milestone, ensure};
use m0_boot::vector::Vector;
use m0_boot::{clock, handshake, irq, logger, pit, println, serial, traps};
use shared::cmdline::Options;
use shared::events::{self, Event};
use x86_64::instructions::interrupts;

shared::host_main!("cargo xtask run m0");

/// How long three ticks may take; they are due after 30 ms.
const TICK_PATIENCE_NS: u64 = 2_000_000_000;

/// The loader jumps here: 64-bit mode, paging on, interrupts off, on its stack.
#[unsafe(no_mangle)]
extern "C" fn kernel_entry() -> ! {
    // A voice first, then the time to stamp its lines with.
    serial::init().unwrap_or_else(|error| panic!("serial: {error}"));
    clock::init().unwrap_or_else(|error| panic!("clock: {error}"));
    logger::init();
    println!("\nMyria M0: boot");

    // What the loader tells us.
    let boot = handshake::accept().unwrap_or_else(|error| panic!("handshake: {error}"));
    let options =
        Options::parse(&boot.command_line, ["nonce"]).unwrap_or_else(|error| panic!("{error}"));
    events::emit::<&str>(Event::Boot { kernel: "m0-boot" });

    // From here on a fault is explained, not a reboot.
    traps::init(traps::halt, m0_boot::idt::current_stack);
    let mut milestone = Milestone::new(0);
    interrupts::int3();
    let breakpoints = traps::count(Vector::BREAKPOINT);
    milestone.check(
        "breakpoint",
        "exceptions reach Rust, and the kernel goes on after a breakpoint",
        ensure(breakpoints == 1, format_args!("expected 1 breakpoint, counted {breakpoints}")),
    );

    // Which memory there is.
    for region in boot.memory_map.iter() {
        println!("    {region}");
    }
    let usable_kib = boot.memory_map.total_bytes(Kind::Usable) / 1024;
    log::info!("{usable_kib} KiB of RAM are usable");
    milestone.check(
        "memory-map",
        "the memory map names usable RAM",
        ensure(usable_kib > 0, "no usable RAM in the loader's map"),
    );

    // The outside world knocks.
    irq::init();
    pit::init();
    interrupts::enable();
    let deadline = clock::now_ns() + TICK_PATIENCE_NS;
    while pit::ticks() < 3 && clock::now_ns() < deadline {
        core::hint::spin_loop();
    }
    let ticks = pit::ticks();
    log::info!("{ticks} timer ticks at {} Hz", pit::TICK_HZ);
    milestone.check(
        "ticks",
        "the timer interrupts, and ticks advance",
        ensure(ticks >= 3, format_args!("expected 3 ticks within 2 s, counted {ticks}")),
    );

    milestone.finish(options.get("nonce").unwrap_or("-"))
}
