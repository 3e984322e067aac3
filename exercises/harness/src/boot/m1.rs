//! As M1 runs: frames, page tables with W^X, a guarded stack, a heap, ticks.

use super::Instructions;
use crate::Check;
use m0_boot::handshake::BootInfo;
use m0_boot::traps::{self, FaultPolicy};
use m0_boot::{clock, handshake, idt, irq, logger, pit, serial};
use m1_memory::physical::DirectMap;
use m1_memory::{cpu, frames, paging::kernel, policy, segments, stack};
use spin::Once;

/// What the part on the new stack needs.
static BOOT: Once<(BootInfo, &'static [Check])> = Once::new();

/// Runs `checks` in a kernel that explains an exception and ends.
pub fn m1(checks: &'static [Check]) -> ! {
    m1_with(policy::explain, checks)
}

/// Runs `checks` in a kernel with a fault policy of its own.
pub fn m1_with(policy: FaultPolicy, checks: &'static [Check]) -> ! {
    serial::init().unwrap_or_else(|error| panic!("serial: {error}"));
    clock::init().unwrap_or_else(|error| panic!("clock: {error}"));
    logger::init();
    let boot = handshake::accept().unwrap_or_else(|error| panic!("handshake: {error}"));
    segments::init();
    traps::init(policy, idt::current_stack);
    let memory = DirectMap::new(boot.hhdm).unwrap_or_else(|error| panic!("{error}"));
    frames::init(&boot.memory_map, memory).unwrap_or_else(|error| panic!("frames: {error}"));
    let features = cpu::Features::detect();
    // SAFETY: the loader's tables map this kernel by its segments' permissions.
    unsafe { cpu::protect(features) }.unwrap_or_else(|error| panic!("cpu: {error}"));
    let tables =
        kernel::build(&boot, memory, features).unwrap_or_else(|error| panic!("paging: {error}"));
    // SAFETY: the tables map the image as linked and all RAM, this stack included.
    unsafe { kernel::load(tables) };
    BOOT.call_once(|| (boot, checks));
    let stack = stack::KernelStack::new().unwrap_or_else(|error| panic!("{error}"));
    stack::continue_on(stack, on_own_stack)
}

extern "C" fn on_own_stack() -> ! {
    let (boot, checks) = BOOT.get().unwrap_or_else(|| panic!("no boot information"));
    // SAFETY: GDT, page tables and stack are ours, and the answers were copied.
    unsafe { frames::reclaim_loader(&boot.memory_map) };
    irq::init();
    pit::init();
    x86_64::instructions::interrupts::enable();
    Instructions::read(boot).follow(checks)
}
