//! As M2 runs: M1, and segments for ring 3, a TSS, threads, SYSCALL. The kernel has no
//! user programs of its own but those that a check brings.

use super::{Instructions, memory};
use crate::Check;
use m0_boot::traps::{self, FaultPolicy};
use m1_memory::paging::kernel;
use m2_usermode::{controls, gdt, modules, policy, syscall, thread};

/// Runs `checks` in a kernel that ends a user program that faults, and explains its own
/// exceptions.
pub fn m2(checks: &'static [Check]) -> ! {
    m2_with(policy::contain, checks)
}

/// Runs `checks` in a kernel with a fault policy of its own.
pub fn m2_with(policy: FaultPolicy, checks: &'static [Check]) -> ! {
    let boot = super::voice();
    modules::init(&boot.memory_map);
    gdt::init();
    traps::init(policy, gdt::stack_for);
    memory::own(boot, checks, on_own_stack)
}

extern "C" fn on_own_stack() -> ! {
    let (boot, checks) = memory::settle();
    thread::init(kernel::root().unwrap_or_else(|| panic!("no kernel page tables")));
    controls::init();
    syscall::entry::init();
    Instructions::read(boot).follow(checks)
}
