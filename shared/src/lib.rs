//! The library under every milestone. No lesson lives here: it is the seam
//! between a kernel and the host tool that runs it.
//!
//! - [`events`]: machine-readable lines on QEMU's debug console
//! - [`exit`]: how a kernel ends the virtual machine, and with which code
//! - [`cmdline`]: the `key=value` command line the loader hands over
//! - [`cases`]: test kernels that run one case of many
//! - [`grading`]: how the checks of an exercise report
//!
//! Kernels, the loader and `xtask` all depend on it, so both ends of each
//! channel are defined once.

#![cfg_attr(not(test), no_std)]

pub mod cases;
pub mod cmdline;
pub mod events;
pub mod exit;
pub mod grading;

/// Defines the `main` of a bare-metal binary when it is compiled for the host,
/// where it can only say how to run the real thing.
///
/// `cargo build`, `clippy` and `test` then work on the whole workspace without
/// flags.
#[macro_export]
macro_rules! host_main {
    ($command:literal) => {
        /// On the host this binary can only say how to run the kernel.
        #[cfg(not(any(target_os = "none", target_os = "uefi")))]
        fn main() {
            println!(concat!("bare-metal program; run it with `", $command, "`"));
        }
    };
}
