//! M0's test kernel: what interrupts, exceptions and their reports do on a CPU.
//!
//! `guest.toml` beside this file says what the host must observe for each case.

#![cfg_attr(target_os = "none", no_std, no_main)]

#[path = "guest/endings.rs"]
mod endings;
#[path = "guest/exceptions.rs"]
mod exceptions;
#[path = "guest/interrupts.rs"]
mod interrupts;
#[path = "guest/mistakes.rs"]
mod mistakes;

use m0_boot::fault::Fault;
use m0_boot::trap_frame::TrapFrame;
use m0_boot::traps::{self, Diagnosis, Resolution};
use m0_boot::{clock, handshake, idt, logger, serial};
use shared::cases::{self, Case};
use shared::cmdline::Options;

shared::host_main!("cargo xtask test guest/m0-boot");

const CASES: &[Case] = &[
    ("divide-error", exceptions::divide_error),
    ("debug", exceptions::debug),
    ("nmi", exceptions::nmi),
    ("breakpoint", exceptions::breakpoint),
    ("overflow", exceptions::overflow),
    ("bound-range", exceptions::bound_range),
    ("invalid-opcode", exceptions::invalid_opcode),
    ("device-not-available", exceptions::device_not_available),
    ("double-fault", exceptions::double_fault),
    ("missing-gate", exceptions::missing_gate),
    ("invalid-tss", exceptions::invalid_tss),
    ("segment-not-present", exceptions::segment_not_present),
    ("stack-segment", exceptions::stack_segment),
    ("general-protection", exceptions::general_protection),
    ("general-protection-selector", exceptions::general_protection_selector),
    ("page-fault-write", exceptions::page_fault_write),
    ("page-fault-read", exceptions::page_fault_read),
    ("page-fault-fetch", exceptions::page_fault_fetch),
    ("x87", exceptions::x87),
    ("simd", exceptions::simd),
    ("unexpected-vector", exceptions::unexpected_vector),
    ("registers-survive", interrupts::registers_survive),
    ("ticks-advance", interrupts::ticks_advance),
    ("tick-rate", interrupts::tick_rate),
    ("spurious-line-7", interrupts::spurious_line_7),
    ("spurious-line-15", interrupts::spurious_line_15),
    ("backtrace-names-callers", endings::backtrace_names_callers),
    ("panic", endings::panic),
    ("check-failed", endings::check_failed),
    ("triple-fault", endings::triple_fault),
    ("hang-interrupts-off", endings::hang_interrupts_off),
    ("hang-interrupts-on", endings::hang_interrupts_on),
    ("fault-in-report", endings::fault_in_report),
    ("no-check", endings::no_check),
    ("forged-done", endings::forged_done),
    ("output-flood", endings::output_flood),
];

#[unsafe(no_mangle)]
extern "C" fn kernel_entry() -> ! {
    serial::init().unwrap_or_else(|error| panic!("serial: {error}"));
    clock::init().unwrap_or_else(|error| panic!("clock: {error}"));
    logger::init();
    let boot = handshake::accept().unwrap_or_else(|error| panic!("handshake: {error}"));
    let options =
        Options::parse(&boot.command_line, cases::KEYS).unwrap_or_else(|error| panic!("{error}"));
    let test = options.get("test").unwrap_or("");
    traps::init(if test == "breakpoint-stops" { stop } else { traps::halt }, idt::current_stack);
    cases::run(&[CASES, mistakes::CASES], test, options.get("nonce").unwrap_or("-"))
}

/// A fault policy that forgives nothing.
fn stop(_: &mut TrapFrame, _: &Fault) -> Resolution {
    Resolution::Halt(Diagnosis::new())
}
