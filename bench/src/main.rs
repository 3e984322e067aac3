//! The bench's kernel: counts the instructions of M1's memory management.

#![cfg_attr(target_os = "none", no_std, no_main)]

use bench::{boot, frames, heap, paging};

shared::host_main!("cargo xtask bench");

/// The loader jumps here.
#[unsafe(no_mangle)]
extern "C" fn kernel_entry() -> ! {
    boot::start("bench", boot::MEMORY_TRAPS, measure)
}

extern "C" fn measure() -> ! {
    // First of all: one count is one instruction.
    let counter = boot::calibrate();
    heap::ours::measure(counter);
    paging::measure(counter);
    frames::ours::measure(counter);
    boot::finish()
}
