//! The hostile suite: programs that try what a program must not, one idea each.
//!
//! A case runs its program between two runs of the reference program and checks
//! how it ended, that the kernel is well, and that no frame is lost. By theme:
//!
//! - [`memory`]: the kernel's memory, and another process's
//! - [`addresses`]: addresses where nothing is, and the program's own memory
//! - [`privileged`]: the kernel's instructions
//! - [`gates`]: software interrupts and instructions that raise exceptions
//! - [`segments`]: selectors, loaded and jumped through
//! - [`flags`]: RFLAGS, single steps among them
//! - [`pointers`]: system calls with arguments that lie
//! - [`returns`]: SYSRET to where it must not, and the registers of the entry
//! - [`exhaustion`]: all time, all memory, all processes
//! - [`fpu`]: x87, SSE and AVX
//! - [`registers`]: what comes back from a system call
//!
//! [`crate::worst`] belongs to it: traps at the worst instructions.
//!
//! [`IN_TURN`] runs all of them in one boot: for other CPUs and other loaders.

pub mod addresses;
pub mod exhaustion;
pub mod flags;
pub mod fpu;
pub mod gates;
pub mod memory;
pub mod pointers;
pub mod privileged;
pub mod registers;
pub mod returns;
pub mod segments;

use crate::worst;
use shared::cases::Case;

/// Every group of the suite.
pub const GROUPS: &[&[Case]] = &[
    memory::CASES,
    addresses::CASES,
    privileged::CASES,
    gates::CASES,
    &[gates::EVERY_INTERRUPT],
    segments::CASES,
    flags::CASES,
    pointers::CASES,
    registers::CASES,
    returns::CASES,
    fpu::CASES,
    exhaustion::CASES,
    worst::CASES,
];

/// The whole suite in one boot. Each check is named after its program.
pub const IN_TURN: &[Case] = &[("hostile-in-turn", in_turn), ("hostile-by-firmware", in_turn)];

fn in_turn() {
    for (name, body) in GROUPS.iter().copied().flatten() {
        m0_boot::println!("--- {name}");
        body();
    }
}
