//! What a program finds in its registers after a system call: its own values, the
//! result, and nothing else, whichever call it was and however it ended.

use crate::hostile::pointers::each;
use crate::programs;
use shared::cases::Case;

programs! {
    exit 0;
    /// Makes the call whose number is the argument, with other values in all
    /// registers; those come back but for RAX (the result), RCX and R11, which
    /// carry the program's own RIP and RFLAGS.
    AFTER_CALL =
        "mov rax, rdi",
        "mov rbx, 102", "mov rdx, 104", "mov rsi, 105", "mov rdi, 106", "mov rbp, 107",
        "mov r8, 108", "mov r9, 109", "mov r10, 110", "mov r12, 112", "mov r13, 113",
        "mov r14, 114", "mov r15, 115",
        "syscall",
        "3: sub rbx, 102", "sub rdx, 104", "sub rsi, 105", "sub rdi, 106", "sub rbp, 107",
        "sub r8, 108", "sub r9, 109", "sub r10, 110", "sub r12, 112", "sub r13, 113",
        "sub r14, 114", "sub r15, 115",
        "or rbx, rdx", "or rbx, rsi", "or rbx, rdi", "or rbx, rbp", "or rbx, r8",
        "or rbx, r9", "or rbx, r10", "or rbx, r12", "or rbx, r13", "or rbx, r14", "or rbx, r15",
        "mov edi, 1", "test rbx, rbx", "jne 2f",
        "lea rbx, [rip + 3b]", "mov edi, 2", "cmp rcx, rbx", "jne 2f",
        "mov edi, 3", "and r11, -0x8d6", "cmp r11, 0x202", "jne 2f", // but arithmetic flags
        // A kernel address would be no result.
        "mov edi, 4", "bt rax, 63", "jnc 4f", "cmp rax, -4095", "jb 2f",
        "4:";
}

/// Every number but that of `exit`, and some there are not.
const NUMBERS: [u64; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 4711, 1 << 32, u64::MAX];

/// Every case of this module.
pub const CASES: &[Case] =
    &[("registers-after-call", || each("registers-after-call", &AFTER_CALL, &NUMBERS))];
