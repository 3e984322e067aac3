//! Random system calls: the program `fuzz` (package `user`) makes them and judges
//! each answer; here the kernel is judged that had to give them.
//!
//! The host gives a seed, and tells it if something fails: the same seed makes the
//! same calls.

use crate::containment::{Expected, ended, kernel_is_well, run};
use crate::hostile::exhaustion::let_all_end;
use m0_boot::println;
use m1_memory::frames;
use m2_usermode::program::{self, HELLO};
use m2_usermode::{thread, watchdog};
use shared::cases::{Case, expect, expect_eq};

/// Every case of this module.
pub const CASES: &[Case] = &[("fuzz", || fuzz(50_000)), ("fuzz-long", || fuzz(1_000_000))];

/// Most calls of one process: it keeps all children that it has not waited for.
const CALLS_PER_PROCESS: u64 = 50_000;

fn fuzz(calls: u64) {
    let seed: u32 = match crate::option("extra").map(str::parse) {
        Some(Ok(seed)) => seed,
        _ => panic!("`extra=` gives no seed"),
    };
    let program = program::find("fuzz").unwrap_or_else(|error| panic!("{error}"));
    // A busy host must not make the watchdog bite.
    watchdog::set_budget(u64::MAX);
    // A line for each of thousands of children would flood the host.
    log::set_max_level(log::LevelFilter::Warn);
    // Once before counting: stacks and heap grow here, and stay.
    println!("seed {seed}");
    let one = |seed: u32, calls: u64| {
        let outcome = run(&program, calls << 32 | u64::from(seed));
        ended("fuzz", outcome.status, Expected::Exit(0));
        let_all_end();
        outcome.calls
    };
    one(seed, 10_000);
    run(&HELLO, 0);
    let before = frames::statistics().used;
    let mut made = 0;
    for number in 0..calls.div_ceil(CALLS_PER_PROCESS) {
        made += one(seed.wrapping_add(number as u32), CALLS_PER_PROCESS);
        expect_eq("threads-left", thread::statistics().threads, 1);
        expect_eq("no-frame-lost", frames::statistics().used, before);
    }
    println!("{made} calls made");
    expect("as-many-calls", made >= calls, format_args!("{made} of {calls}"));
    kernel_is_well(before);
    watchdog::set_budget(watchdog::DEFAULT_TICKS);
}
