//! Exercise: five words that lead into ring 3.
//!
//! IRETQ goes wherever the five words on the stack say. For a program that has never run
//! you write them. README.md beside this folder has the picture.

#![no_std]

/// The words that IRETQ pops, lowest address first: `[RIP, CS, RFLAGS, RSP, SS]`.
pub type Frame = [u64; 5];

/// The frame that starts a program in ring 3.
///
/// - `entry`: its first instruction
/// - `stack_end`: one past its stack
/// - `code`, `data`: where the descriptors of its segments stand in the GDT, in bytes
///   from the GDT's start, so always a multiple of 8
///
/// Interrupts are on in the program; every other flag is as after a reset.
pub fn user_frame(entry: u64, stack_end: u64, code: u16, data: u16) -> Frame {
    todo!("put RIP and RSP into their places, then make selectors of `code` and `data`")
}
