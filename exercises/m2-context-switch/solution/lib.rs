//! Exercise: the context switch.
//!
//! Two functions: one leaves the running thread and goes on in another, one lays out the
//! stack of a thread that has never run. README.md beside this folder has the picture of
//! what stands on a stack while its thread does not run.

#![no_std]

use core::arch::naked_asm;

/// R15, R14, R13, R12, RBX, RBP.
const SAVED_REGISTERS: usize = 6;

/// These, the entry, and a word where a caller's return address would be.
const FIRST_WORDS: usize = SAVED_REGISTERS + 2;

/// Lays out a new thread's stack, so that the first [`switch`] to it "returns" to the
/// function at `entry`.
///
/// `stack` is all of its memory, lowest address first; the address just behind it is a
/// multiple of 16. Returns the index of the word that the saved RSP points to.
pub fn first_stack(stack: &mut [u64], entry: u64) -> usize {
    let rsp = stack.len() - FIRST_WORDS;
    stack[rsp..].fill(0);
    stack[rsp + SAVED_REGISTERS] = entry;
    rsp
}

/// Saves the running thread on its stack and its RSP in `*save` (RDI), then goes on in
/// the thread whose saved RSP is `restore` (RSI). Returns when something switches back.
///
/// # Safety
/// `save` is valid for a write. `restore` is the RSP of a thread that does not run: saved
/// by this function or laid out by [`first_stack`].
#[unsafe(naked)]
pub unsafe extern "C" fn switch(save: *mut u64, restore: u64) {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov qword ptr [rdi], rsp",
        "mov rsp, rsi",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}
