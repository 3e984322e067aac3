//! M1's test kernel: what only the hardware can show about memory.
//!
//! `guest.toml` beside this file says what the host must observe for each case.

#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

#[path = "guest/allocation.rs"]
mod allocation;
#[path = "guest/frames.rs"]
mod frame_cases;
#[path = "guest/heap.rs"]
mod heap;
#[path = "guest/mapping.rs"]
mod mapping;
#[path = "guest/mistakes.rs"]
mod mistakes;
#[path = "guest/paging.rs"]
mod paging;
#[path = "guest/protection.rs"]
mod protection;

use m0_boot::handshake::BootInfo;
use m0_boot::{clock, handshake, idt, logger, serial, traps};
use m1_memory::physical::DirectMap;
use m1_memory::{cpu, frames, paging::kernel, policy, segments, stack};
use shared::cases::{self, Case};
use shared::cmdline::Options;
use spin::Once;

shared::host_main!("cargo xtask test guest/m1-memory");

const CASES: &[Case] = &[
    ("write-to-text", protection::write_to_text),
    ("write-to-constants", protection::write_to_constants),
    ("write-to-text-through-direct-map", protection::write_to_text_through_direct_map),
    ("execute-heap", protection::execute_heap),
    ("execute-stack", protection::execute_stack),
    ("execute-data", protection::execute_data),
    ("execute-direct-map", protection::execute_direct_map),
    ("guard-page", protection::guard_page),
    ("stack-overflow", protection::stack_overflow),
    ("null-pointer", protection::null_pointer),
    ("protections-on", protection::protections_on),
    ("map-unmap-translate", mapping::map_unmap_translate),
    ("unmapped-page-faults", mapping::unmapped_page_faults),
    ("read-only-page-faults", mapping::read_only_page_faults),
    ("occupied-page-refused", mapping::occupied_page_refused),
    ("audit-and-tables", mapping::audit_and_tables),
    ("stacks-come-and-go", mapping::stacks_come_and_go),
    ("double-free-refused", allocation::double_free_refused),
    ("large-runs", allocation::large_runs),
    ("out-of-frames", allocation::out_of_frames),
    ("heap-out-of-memory", allocation::heap_out_of_memory),
    ("collections", allocation::collections),
    ("reclaimed", allocation::reclaimed),
];

static BOOT: Once<BootInfo> = Once::new();

#[unsafe(no_mangle)]
extern "C" fn kernel_entry() -> ! {
    serial::init().unwrap_or_else(|error| panic!("serial: {error}"));
    clock::init().unwrap_or_else(|error| panic!("clock: {error}"));
    logger::init();
    let boot = handshake::accept().unwrap_or_else(|error| panic!("handshake: {error}"));
    segments::init();
    traps::init(policy::explain, idt::current_stack);
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
    let boot = boot();
    let options =
        Options::parse(&boot.command_line, cases::KEYS).unwrap_or_else(|error| panic!("{error}"));
    cases::run(
        &[CASES, frame_cases::CASES, paging::CASES, heap::CASES, mistakes::CASES],
        options.get("test").unwrap_or(""),
        options.get("nonce").unwrap_or("-"),
    )
}

/// The loader's answers.
fn boot() -> &'static BootInfo {
    BOOT.get().unwrap_or_else(|| panic!("no boot information"))
}
