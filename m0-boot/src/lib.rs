//! Milestone 0: the machine speaks, and says what went wrong.
//!
//! In the order in which the boot uses them:
//!
//! - [`serial`]: COM1, and `print!` on it
//! - [`clock`]: nanoseconds since boot, from the time-stamp counter
//! - [`logger`]: log lines with timestamps
//! - [`handshake`]: what the loader tells us, copied out of its memory
//! - [`memory_map`]: which physical memory is whose
//! - [`vector`], [`idt`], [`trap_frame`], [`traps`]: every interrupt and
//!   exception arrives in one Rust function
//! - [`fault`], [`backtrace`], [`mod@panic`]: explaining what stopped the kernel
//! - [`irq`], [`pit`]: the interrupt controller and the 100 Hz tick
//! - [`milestone`]: the checks a milestone ends with
//!
//! Later milestones build on this library; `src/main.rs` is only M0's own boot.

#![cfg_attr(not(test), no_std)]

pub mod backtrace;
pub mod clock;
pub mod fault;
pub mod handshake;
pub mod idt;
pub mod irq;
pub mod logger;
pub mod memory_map;
pub mod milestone;
pub mod panic;
pub mod pit;
pub mod serial;
pub mod trap_frame;
pub mod traps;
pub mod vector;
