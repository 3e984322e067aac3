//! Backtraces by frame pointers.
//!
//! The kernel is compiled with `-Cforce-frame-pointers`, so every function
//! begins with `push rbp; mov rbp, rsp`, and RBP heads a linked list:
//!
//! ```text
//!   [rbp + 8]  return address
//!   [rbp]      the caller's rbp, 0 at the end
//! ```
//!
//! Code that was compiled elsewhere (`core`) may use RBP for something else, so
//! a frame is followed only if it lies on the stack, above the last one.

use crate::println;
use core::arch::asm;
use shared::events::{self, Event};

/// Most frames shown.
const MAX_FRAMES: usize = 32;

/// How far above the first frame a stack can reach; the loader's and our own
/// stacks are 64 KiB.
const STACK_BYTES: u64 = 64 * 1024;

/// Return addresses, innermost first.
pub struct Backtrace {
    next: u64,
    lowest: u64,
    limit: u64,
}

impl Backtrace {
    /// Starts at the frame `rbp` of code whose stack pointer was `rsp`.
    pub fn new(rbp: u64, rsp: u64) -> Self {
        Self { next: rbp, lowest: rsp, limit: rsp.saturating_add(STACK_BYTES) }
    }

    /// Starts at the caller.
    #[inline(always)]
    pub fn here() -> Self {
        let (rbp, rsp): (u64, u64);
        // SAFETY: only copies two registers.
        unsafe {
            asm!("mov {}, rbp", "mov {}, rsp", out(reg) rbp, out(reg) rsp,
                options(nomem, nostack, preserves_flags));
        }
        Self::new(rbp, rsp)
    }
}

impl Iterator for Backtrace {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let frame = self.next;
        let on_stack = frame >= self.lowest && frame.checked_add(16)? <= self.limit;
        if !on_stack || !frame.is_multiple_of(8) {
            return None;
        }
        // SAFETY: two words of the live stack between its pointer and its end.
        // Should the stack end earlier than assumed, the read faults, and the
        // fault report ends with a line that says so.
        let (caller, address) = unsafe {
            let words = frame as *const u64;
            (words.read_volatile(), words.add(1).read_volatile())
        };
        self.lowest = frame + 16;
        self.next = caller;
        (address != 0).then_some(address)
    }
}

/// Prints the addresses, and emits each as an event for the host to symbolise.
pub fn print(backtrace: Backtrace) {
    for address in backtrace.take(MAX_FRAMES) {
        println!("      {address:#x}");
        events::emit::<&str>(Event::Frame { address });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stack of words at its own addresses: `(caller's frame as index, return)`.
    fn addresses(words: &[u64; 6]) -> u64 {
        words.as_ptr() as u64
    }

    #[test]
    fn follows_the_chain_to_its_zero() {
        let mut words = [0u64; 6];
        let base = addresses(&words);
        words = [base + 16, 0x111, base + 32, 0x222, 0, 0];
        let base_now = addresses(&words);
        assert_eq!(base, base_now);
        let found: Vec<u64> = Backtrace::new(base, base).collect();
        assert_eq!(found, [0x111, 0x222]);
    }

    #[test]
    fn refuses_frames_off_the_stack() {
        let words = [8u64, 0x111, 0, 0, 0, 0];
        let base = addresses(&words);
        assert_eq!(Backtrace::new(base, base).collect::<Vec<_>>(), [0x111]);
        assert_eq!(Backtrace::new(base - 8, base).count(), 0, "below the stack pointer");
        assert_eq!(Backtrace::new(base + 4, base).count(), 0, "misaligned");
        assert_eq!(Backtrace::new(u64::MAX - 7, base).count(), 0, "far above");
    }
}
