//! The bench's kernel on M2: counts the instructions of threads and processes.

#![cfg_attr(target_os = "none", no_std, no_main)]

use bench::{boot, processes, threads};

shared::host_main!("cargo xtask bench");

/// The loader jumps here.
#[unsafe(no_mangle)]
extern "C" fn kernel_entry() -> ! {
    boot::start("bench-user", boot::USER_TRAPS, measure)
}

extern "C" fn measure() -> ! {
    // First of all: one count is one instruction.
    let counter = boot::calibrate();
    boot::start_user();
    threads::measure(counter);
    processes::measure(counter);
    boot::finish()
}
