//! The bench's second kernel: well-known allocators under the same workloads,
//! for `cargo xtask bench --compare`.
//!
//! All run on M1's memory management. Heaps get an arena of
//! [`bench::heap::FULL_BYTES`] and stand behind the same lock as the kernel's
//! own; frame allocators are measured without a lock, as ours is.

#![cfg_attr(target_os = "none", no_std, no_main)]

mod frames;
mod heap;

use bench::boot;

shared::host_main!("cargo xtask bench --compare");

/// The loader jumps here.
#[unsafe(no_mangle)]
extern "C" fn kernel_entry() -> ! {
    boot::start("bench-peers", boot::MEMORY_TRAPS, measure)
}

extern "C" fn measure() -> ! {
    // First of all: one count is one instruction.
    let counter = boot::calibrate();
    heap::measure(counter);
    frames::measure(counter);
    boot::finish()
}
