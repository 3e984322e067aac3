//! What the system calls do for a program that uses them as meant: each exits
//! with code 0 if the kernel answered as it must, and with another code that says
//! which answer was wrong.

use crate::containment::Expected::Exit;
use crate::{cases, programs};

programs! {
    exit 0;
    WRITE_NOTHING =
        "mov eax, 1", "mov edi, 1", "lea rsi, [rip]", "xor edx, edx", "syscall",
        "mov edi, 1", "test rax, rax", "jne 2f";
    /// What a program writes cannot drive the reader's terminal.
    WRITE_CONTROL =
        "mov eax, 1", "mov edi, 1", "lea rsi, [rip + 3f]", "mov edx, 12", "syscall",
        "mov edi, 1", "cmp rax, 12", "jne 2f",
        "jmp 4f",
        "3: .byte 0x41, 0x1b, 0x5b, 0x32, 0x4a, 0xff, 0x42, 0x0a, 0xc3, 0xa4, 0x43, 0x0a",
        "4:";
    EXIT_CODE = "mov rdi, -7", "jmp 2f";
    /// IRETQ's ring 3 begins with nothing of the kernel's in any register.
    REGISTERS_CLEAN =
        "or rax, rbx", "or rax, rcx", "or rax, rdx", "or rax, rsi", "or rax, rdi",
        "or rax, rbp", "or rax, r8", "or rax, r9", "or rax, r10", "or rax, r11",
        "or rax, r12", "or rax, r13", "or rax, r14", "or rax, r15",
        "mov edi, 1", "test rax, rax", "jne 2f",
        "mov edi, 2", "cmp rsp, 0x802000", "jne 2f",
        "mov edi, 3", "pushfq", "pop rax", "cmp rax, 0x246", "jne 2f"; // IF, ZF and PF of `test`
    /// Some 100 ms in ring 3: the timer interrupts it and gives all back.
    INTERRUPTED =
        "mov rbx, 102", "mov r12, 112", "mov ecx, 100000000",
        "3: dec ecx", "jnz 3b",
        "sub rbx, 102", "sub r12, 112", "or rbx, r12", "mov rdi, rbx", "jmp 2f";
}

/// Keeps ring 3 busy for a while.
pub static BUSY: &m2_usermode::program::Program = &INTERRUPTED;

cases! {
    "write-nothing" WRITE_NOTHING => Exit(0);
    "write-control-characters" WRITE_CONTROL => Exit(0);
    "exit-code" EXIT_CODE => Exit(-7);
    "registers-clean-at-entry" REGISTERS_CLEAN => Exit(0);
    "interrupted-by-timer" INTERRUPTED => Exit(0);
}
