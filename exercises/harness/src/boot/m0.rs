//! As M0 starts: serial, log, the handshake, exceptions explained. Interrupts are off
//! and the interrupt controllers untouched; page tables, GDT and stack are the loader's.

use super::Instructions;
use crate::Check;
use m0_boot::idt;
use m0_boot::traps::{self, FaultPolicy};

/// Runs `checks` in a kernel that explains an exception and ends.
pub fn m0(checks: &[Check]) -> ! {
    m0_with(traps::halt, checks)
}

/// Runs `checks` in a kernel with a fault policy of its own.
pub fn m0_with(policy: FaultPolicy, checks: &[Check]) -> ! {
    let boot = super::voice();
    traps::init(policy, idt::current_stack);
    Instructions::read(&boot).follow(checks)
}
