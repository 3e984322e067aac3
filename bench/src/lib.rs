//! What memory management, threads and processes cost, in guest instructions.
//!
//! `cargo xtask bench` boots the kernels of this package (`main.rs` for M1, `user/`
//! for M2) under QEMU
//! with `-icount shift=0`, where the time-stamp counter counts instructions, so
//! the figures are the same on every machine and in every run. `bench --compare`
//! boots a second kernel (`peers/`) that puts well-known crates through the same
//! workloads.
//!
//! - [`counter`]: counting the instructions of one operation, and the proof that
//!   one count is one instruction
//! - [`samples`]: minimum, median, 99th percentile and maximum of many counts
//! - [`report`]: figures as `measure` events
//! - [`random`]: the same "random" numbers in every run
//! - [`pages`]: memory for the bench itself, away from the heap that it measures
//! - [`frames`], [`heap`], [`paging`], [`threads`], [`processes`]: the workloads
//! - [`boot`]: from the loader to M1's memory management, and to M2's processes
//!
//! # Names
//!
//! ```text
//! [PEER:]GROUP/[SETTING/…]OPERATION/STATISTIC    instructions
//! [PEER:]GROUP/[SETTING/…]FIGURE                 instructions or permille
//!
//! frames/256M/steady/alloc/median      frames: 256M, 4G, 64G of simulated memory
//! frames/4G/churned/usable             after half of all frames were freed at random
//! heap/steady/free/max                 STATISTIC: min, median, p99, max
//! talc:heap/usable/64B                 a peer's
//! ```
//!
//! The module of each group lists its names. Limits stand in `budgets.toml`.

#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod boot;
pub mod counter;
pub mod frames;
pub mod heap;
pub mod pages;
pub mod paging;
pub mod processes;
pub mod random;
pub mod report;
pub mod samples;
pub mod threads;
