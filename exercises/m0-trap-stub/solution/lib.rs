//! Exercise: the way into a trap handler, and out of it.
//!
//! The CPU pushes five words for some vectors and six for others. You write the stubs
//! that make one shape of both, and the way back. README.md beside this folder has the
//! picture of the stack.

#![no_std]

use core::arch::naked_asm;
use core::sync::atomic::{AtomicPtr, Ordering::SeqCst};

/// What the stubs and [`common_entry`] leave on the stack, lowest address first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct TrapFrame {
    /// R15 to R8, RBP, RDI, RSI, RDX, RCX, RBX, RAX: by [`common_entry`].
    pub registers: [u64; 15],
    /// The vector, by the stub.
    pub vector: u64,
    /// The error code: by the CPU, or 0 by the stub.
    pub error_code: u64,
    /// By the CPU, as all that follows.
    pub rip: u64,
    /// The interrupted program's code segment.
    pub cs: u64,
    /// Its flags.
    pub rflags: u64,
    /// Its stack pointer.
    pub rsp: u64,
    /// Its stack segment.
    pub ss: u64,
}

/// What handles traps.
pub type Handler = extern "C" fn(&mut TrapFrame);

/// The handler that [`common_entry`] calls.
static HANDLER: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// Sets the handler of all traps.
pub fn set_handler(handler: Handler) {
    HANDLER.store(handler as *mut (), SeqCst);
}

/// Whether the CPU pushes an error code when `vector` is raised.
pub fn pushes_error_code(vector: u8) -> bool {
    matches!(vector, 8 | 10..=14 | 17 | 21 | 29 | 30)
}

/// Where a gate leads whose vector has no error code: completes the frame with a 0 in
/// the error code's place and the vector, and jumps to `common_entry`.
#[unsafe(naked)]
pub extern "C" fn stub_without_code<const VECTOR: u8>() {
    naked_asm!(
        "push 0",
        "push {vector}",
        "jmp {common}",
        vector = const VECTOR,
        common = sym common_entry,
    )
}

/// Where a gate leads whose vector has an error code: completes the frame with the vector,
/// and jumps to `common_entry`.
#[unsafe(naked)]
pub extern "C" fn stub_with_code<const VECTOR: u8>() {
    naked_asm!(
        "push {vector}",
        "jmp {common}",
        vector = const VECTOR,
        common = sym common_entry,
    )
}

/// The last part of the way back: the registers have been popped, and RSP points at the
/// vector. Continues what was interrupted.
#[unsafe(naked)]
extern "C" fn leave() {
    naked_asm!("add rsp, 2 * 8", "iretq")
}

/// Given: saves the registers, calls the handler with the frame, restores them.
#[unsafe(naked)]
pub extern "C" fn common_entry() {
    naked_asm!(
        "push rax",
        "push rbx",
        "push rcx",
        "push rdx",
        "push rsi",
        "push rdi",
        "push rbp",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "cld",
        "mov rdi, rsp",
        "call qword ptr [rip + {handler}]",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rbp",
        "pop rdi",
        "pop rsi",
        "pop rdx",
        "pop rcx",
        "pop rbx",
        "pop rax",
        "jmp {leave}",
        handler = sym HANDLER,
        leave = sym leave,
    )
}
