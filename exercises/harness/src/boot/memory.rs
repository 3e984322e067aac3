//! What the machines of M1 and M2 have in common: memory of the kernel's own.

use crate::Check;
use m0_boot::handshake::BootInfo;
use m0_boot::{irq, pit};
use m1_memory::physical::DirectMap;
use m1_memory::{cpu, frames, paging::kernel, stack};
use spin::Once;

/// What the part on the new stack needs.
static BOOT: Once<(BootInfo, &'static [Check])> = Once::new();

/// Takes frames, page tables and a stack of its own, and goes on with `next`. Exceptions
/// are handled already.
pub fn own(boot: BootInfo, checks: &'static [Check], next: extern "C" fn() -> !) -> ! {
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
    stack::continue_on(stack, next)
}

/// First on the new stack: takes the loader's memory, and lets the timer tick.
pub fn settle() -> &'static (BootInfo, &'static [Check]) {
    let given = BOOT.get().unwrap_or_else(|| panic!("no boot information"));
    // SAFETY: GDT, page tables and stack are ours, and the answers were copied.
    unsafe { frames::reclaim_loader(&given.0.memory_map) };
    irq::init();
    pit::init();
    x86_64::instructions::interrupts::enable();
    given
}
