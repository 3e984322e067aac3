//! What a program for ring 3 needs: a way in, system calls, and a voice.
//!
//! ```ignore
//! //! Greets.
//! #![cfg_attr(target_os = "none", no_std, no_main)]
//!
//! use user::println;
//!
//! user::entry!(greet);
//!
//! fn greet(argument: u64) -> i32 {
//!     println!("Hello, {argument}!");
//!     0
//! }
//! ```
//!
//! - [`entry!`]: names the function that the kernel's entry ends up in
//! - [`syscall`]: the nine system calls, with types; [`error`]: why they refuse
//! - [`console`]: [`print!`] and [`println!`]
//!
//! A program is a file in `src/bin`. xtask builds all of them position-independent
//! and hands them to the kernel as the loader's modules. There is no allocator and
//! no floating point: the target's code uses none, so that the kernel's need not
//! save it; programs that want to see the registers use assembly.
//!
//! Nothing here depends on the kernel's crates. What both sides agree on are
//! numbers, written down in `m2-usermode/src/syscall`.

#![cfg_attr(not(test), no_std)]

pub mod console;
pub mod error;
#[cfg(target_os = "none")]
mod panic;
pub mod syscall;

pub use error::Error;
pub use syscall::{Descriptor, Pid, Status};

/// What a program exits with after a panic, as programs of the standard library do.
pub const PANIC_CODE: i32 = 101;

/// Makes `$run`, a `fn(u64) -> i32`, the program: it is given the argument, and
/// what it returns becomes the exit code.
///
/// The kernel starts a program with RSP at the end of its stack, the argument in
/// RDI, and zero everywhere else. The call leaves RSP 8 below a multiple of 16, as
/// every function expects it (System V ABI, 3.2.2 "The Stack Frame"):
///
/// ```text
///   | …              | <- RSP at the start, a multiple of 16
///   | return address | <- RSP in `run`; nobody returns there
/// ```
#[macro_export]
macro_rules! entry {
    ($run:path) => {
        /// Where the kernel enters.
        ///
        /// # Safety
        /// Only the kernel starts a program.
        #[cfg(target_os = "none")]
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        unsafe extern "C" fn _start() -> ! {
            core::arch::naked_asm!(
                "xor ebp, ebp", // where backtraces end
                "and rsp, -16",
                "call {run}",
                "ud2",
                run = sym run_and_exit,
            )
        }

        #[cfg(target_os = "none")]
        extern "C" fn run_and_exit(argument: u64) -> ! {
            let run: fn(u64) -> i32 = $run;
            $crate::syscall::exit(run(argument))
        }

        /// On the host a program can only say how to run it.
        #[cfg(not(target_os = "none"))]
        fn main() {
            let _: fn(u64) -> i32 = $run;
            std::println!(concat!(
                "a program for ring 3; run it with `cargo xtask run m2 -- run=",
                env!("CARGO_BIN_NAME"),
                "`"
            ));
        }
    };
}
