//! As M1 runs: frames, page tables with W^X, a guarded stack, a heap, ticks.

use super::{Instructions, memory};
use crate::Check;
use m0_boot::idt;
use m0_boot::traps::{self, FaultPolicy};
use m1_memory::{policy, segments};

/// Runs `checks` in a kernel that explains an exception and ends.
pub fn m1(checks: &'static [Check]) -> ! {
    m1_with(policy::explain, checks)
}

/// Runs `checks` in a kernel with a fault policy of its own.
pub fn m1_with(policy: FaultPolicy, checks: &'static [Check]) -> ! {
    let boot = super::voice();
    segments::init();
    traps::init(policy, idt::current_stack);
    memory::own(boot, checks, on_own_stack)
}

extern "C" fn on_own_stack() -> ! {
    let (boot, checks) = memory::settle();
    Instructions::read(boot).follow(checks)
}
