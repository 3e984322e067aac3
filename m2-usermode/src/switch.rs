//! The context switch: one thread's registers go, another's come.
//!
//! A thread that is not running consists of its saved stack pointer; everything
//! else is on its stack:
//!
//! ```text
//!   higher addresses
//!   | …               |  the frames of the thread's functions
//!   | return address  |  into whoever called `switch`
//!   | RBP             |
//!   | RBX             |
//!   | R12 … R15       |
//!   | RFLAGS          |  so that each thread keeps its own IF
//!   +-----------------+ <- saved RSP
//! ```
//!
//! Only callee-saved registers are kept (System V ABI, "Registers and the Stack
//! Frame"): for the compiler `switch` is a function call, which may change the
//! others.

use core::arch::naked_asm;
use x86_64::VirtAddr;
use x86_64::registers::rflags::RFlags;

/// Words in the picture above, return address included.
const SAVED_WORDS: usize = 8;

/// Saves the running context on its stack, its stack pointer in `*save`, and
/// goes on in the context whose stack pointer is `restore`.
///
/// Returns when something switches back.
///
/// # Safety
/// `save` is valid for a write; `restore` is the saved RSP of a context made by
/// [`prepare`] or saved by this function, not resumed since.
#[unsafe(naked)]
pub unsafe extern "C" fn switch(save: *mut u64, restore: u64) {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "pushfq",
        "mov [rdi], rsp",
        "mov rsp, rsi",
        "popfq",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// Leaves the running context for good: goes on in the one whose stack pointer is
/// `restore`, and calls `then(argument)` on its stack first.
///
/// # Safety
/// `restore` is as for [`switch`]; `then(argument)` may be called when nothing
/// needs the stack that is left.
#[unsafe(naked)]
pub unsafe extern "C" fn leave(
    restore: u64,
    then: unsafe extern "C" fn(*mut ()),
    argument: *mut (),
) -> ! {
    naked_asm!(
        "mov rbx, rdi",
        "mov rsp, rdi",
        "and rsp, -16", // as the ABI has it at a call
        "mov rdi, rdx",
        "call rsi", // keeps RBX
        "mov rsp, rbx",
        "popfq",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// Lays out the stack of a thread that has not run yet, so that the first
/// [`switch`] to it "returns" to `entry`, with interrupts on. Returns its RSP.
///
/// # Safety
/// `top` is the 16-byte aligned end of a mapped stack that nobody uses.
pub unsafe fn prepare(top: VirtAddr, entry: extern "C" fn() -> !) -> u64 {
    // One word more, where a caller's return address would be: RSP at entry is
    // 8 below a multiple of 16, as after a call, and backtraces end at the 0.
    let mut words = [0; SAVED_WORDS + 1];
    words[0] = RFlags::INTERRUPT_FLAG.bits() | RESERVED_FLAG;
    words[SAVED_WORDS - 1] = entry as usize as u64;
    let rsp = top.as_u64() - size_of_val(&words) as u64;
    // SAFETY: the words lie within the stack (caller's contract).
    unsafe { (rsp as *mut [u64; SAVED_WORDS + 1]).write(words) };
    rsp
}

/// RFLAGS bit 1 is always 1.
const RESERVED_FLAG: u64 = 1 << 1;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    /// A stack for the host: large enough for what runs on it here.
    #[repr(align(16))]
    struct Stack([u8; 64 * 1024]);

    /// What runs on another stack goes back and forth, and leaves for good; then
    /// the argument of its farewell arrives. POPFQ does not change IF in ring 3.
    #[test]
    #[cfg_attr(miri, ignore = "assembly")]
    fn contexts_go_back_and_forth() {
        static HERE: AtomicU64 = AtomicU64::new(0);
        static THERE: AtomicU64 = AtomicU64::new(0);
        static STEPS: AtomicU64 = AtomicU64::new(0);
        unsafe extern "C" fn farewell(argument: *mut ()) {
            STEPS.fetch_add(argument.addr() as u64, Relaxed);
        }
        extern "C" fn entry() -> ! {
            STEPS.fetch_add(1, Relaxed);
            // SAFETY: the test saved its context in `HERE`.
            unsafe { switch(THERE.as_ptr(), HERE.load(Relaxed)) };
            STEPS.fetch_add(10, Relaxed);
            let argument = core::ptr::without_provenance_mut(100);
            // SAFETY: as above; nothing needs this stack any more.
            unsafe { leave(HERE.load(Relaxed), farewell, argument) }
        }
        let mut stack = Box::new(Stack([0; 64 * 1024]));
        let top = VirtAddr::from_ptr(stack.0.as_mut_ptr_range().end);
        // SAFETY: the stack is ours and aligned.
        THERE.store(unsafe { prepare(top, entry) }, Relaxed);
        for expected in [1, 111] {
            // SAFETY: `THERE` holds a context that was prepared, or saved.
            unsafe { switch(HERE.as_ptr(), THERE.load(Relaxed)) };
            assert_eq!(STEPS.load(Relaxed), expected);
        }
    }

    #[test]
    fn a_new_thread_enters_with_an_aligned_stack() {
        extern "C" fn entry() -> ! {
            panic!("never run")
        }
        #[repr(align(16))]
        struct Stack([u64; 32]);
        let mut stack = Box::new(Stack([u64::MAX; 32]));
        let top = VirtAddr::from_ptr(stack.0.as_mut_ptr_range().end);
        // SAFETY: the stack is ours and aligned.
        let rsp = unsafe { prepare(top, entry) };
        let index = (rsp as usize - stack.0.as_ptr() as usize) / 8;
        assert_eq!(stack.0[index], 0x202, "RFLAGS with IF");
        assert_eq!(stack.0[index + SAVED_WORDS - 1], entry as *const () as u64);
        let rsp_at_entry = rsp + (SAVED_WORDS as u64) * 8;
        assert_eq!(rsp_at_entry % 16, 8, "as after a call");
    }
}
