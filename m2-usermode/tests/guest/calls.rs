//! Programs that make system calls, well-formed and not: each exits with code 0
//! if the kernel answered as it must, and with another code that says which
//! answer was wrong.

use crate::containment::Expected::Exit;
use crate::programs;

programs! {
    "unknown-call", UNKNOWN_CALL, calls_unknown..calls_unknown_end, Exit(0),
    "mov eax, 4711", "syscall", "mov edi, 1", "cmp rax, -38", "jne 2f",
    // All 64 bits count: this is not `exit`.
    "movabs rax, 0x100000000", "syscall", "mov edi, 2", "cmp rax, -38", "jne 2f",
    "mov rax, -1", "syscall", "mov edi, 3", "cmp rax, -38", "jne 2f",
    "xor edi, edi",
    "2: xor eax, eax", "syscall";

    "write-bad-descriptor", WRITE_BAD_DESCRIPTOR, calls_descriptor..calls_descriptor_end, Exit(0),
    "mov eax, 1", "mov edi, 7", "lea rsi, [rip]", "mov edx, 1", "syscall",
    "mov edi, 1", "cmp rax, -9", "jne 2f",
    "xor edi, edi",
    "2: xor eax, eax", "syscall";

    "write-bad-address", WRITE_BAD_ADDRESS, calls_address..calls_address_end, Exit(0),
    // The kernel's text.
    "mov eax, 1", "mov edi, 1", "mov rsi, 0xffffffff80000000", "mov edx, 8", "syscall",
    "mov edi, 1", "cmp rax, -14", "jne 2f",
    // Null.
    "mov eax, 1", "mov edi, 1", "xor esi, esi", "mov edx, 8", "syscall",
    "mov edi, 2", "cmp rax, -14", "jne 2f",
    // A range that wraps.
    "mov eax, 1", "mov edi, 1", "lea rsi, [rip]", "mov rdx, -1", "syscall",
    "mov edi, 3", "cmp rax, -14", "jne 2f",
    // Non-canonical.
    "mov eax, 1", "mov edi, 1", "movabs rsi, 0x8000000000000000", "mov edx, 8", "syscall",
    "mov edi, 4", "cmp rax, -14", "jne 2f",
    // In the user half, but not mapped.
    "mov eax, 1", "mov edi, 1", "mov esi, 0x400000", "mov edx, 8", "syscall",
    "mov edi, 5", "cmp rax, -14", "jne 2f",
    // Mapped at first, then not: the end of the stack.
    "mov eax, 1", "mov edi, 1", "mov esi, 0x801ff8", "mov edx, 16", "syscall",
    "mov edi, 6", "cmp rax, -14", "jne 2f",
    "xor edi, edi",
    "2: xor eax, eax", "syscall";

    // 8 KiB of stack are readable, then comes the guard.
    "write-part", WRITE_PART, calls_part..calls_part_end, Exit(0),
    "mov eax, 1", "mov edi, 1", "mov esi, 0x800000", "mov edx, 0x3000", "syscall",
    "mov edi, 1", "cmp rax, -14", "jne 2f",
    "xor edi, edi",
    "2: xor eax, eax", "syscall";

    "write-nothing", WRITE_NOTHING, calls_nothing..calls_nothing_end, Exit(0),
    "mov eax, 1", "mov edi, 1", "lea rsi, [rip]", "xor edx, edx", "syscall",
    "mov edi, 1", "test rax, rax", "jne 2f",
    "xor edi, edi",
    "2: xor eax, eax", "syscall";

    // What a program writes cannot drive the reader's terminal.
    "write-control-characters", WRITE_CONTROL, calls_control..calls_control_end, Exit(0),
    "mov eax, 1", "mov edi, 1", "lea rsi, [rip + 3f]", "mov edx, 12", "syscall",
    "mov edi, 1", "cmp rax, 12", "jne 2f",
    "xor edi, edi",
    "2: xor eax, eax", "syscall",
    "3: .byte 0x41, 0x1b, 0x5b, 0x32, 0x4a, 0xff, 0x42, 0x0a, 0xc3, 0xa4, 0x43, 0x0a";

    "exit-code", EXIT_CODE, calls_exit..calls_exit_end, Exit(-7),
    "mov rdi, -7", "xor eax, eax", "syscall";

    // All registers but RAX, RCX and R11 come back; those two carry the
    // program's own RIP and RFLAGS, and no register a kernel address.
    "registers-preserved", REGISTERS_PRESERVED, calls_registers..calls_registers_end, Exit(0),
    "mov rbx, 102", "mov rdx, 104", "mov rsi, 105", "mov rdi, 106", "mov rbp, 107",
    "mov r8, 108", "mov r9, 109", "mov r10, 110", "mov r12, 112", "mov r13, 113",
    "mov r14, 114", "mov r15, 115", "mov eax, 4711",
    "syscall",
    "4: sub rbx, 102", "sub rdx, 104", "sub rsi, 105", "sub rdi, 106", "sub rbp, 107",
    "sub r8, 108", "sub r9, 109", "sub r10, 110", "sub r12, 112", "sub r13, 113",
    "sub r14, 114", "sub r15, 115",
    "or rbx, rdx", "or rbx, rsi", "or rbx, rdi", "or rbx, rbp", "or rbx, r8",
    "or rbx, r9", "or rbx, r10", "or rbx, r12", "or rbx, r13", "or rbx, r14", "or rbx, r15",
    "mov edi, 1", "test rbx, rbx", "jne 2f",
    "lea rbx, [rip + 4b]", "mov edi, 2", "cmp rcx, rbx", "jne 2f",
    "mov edi, 3", "test r11d, 0x200", "je 2f", // IF is on in ring 3
    "xor edi, edi",
    "2: xor eax, eax", "syscall";

    // IRETQ's ring 3 begins with nothing of the kernel's in any register.
    "registers-clean-at-entry", REGISTERS_CLEAN, calls_clean..calls_clean_end, Exit(0),
    "or rax, rbx", "or rax, rcx", "or rax, rdx", "or rax, rsi", "or rax, rdi",
    "or rax, rbp", "or rax, r8", "or rax, r9", "or rax, r10", "or rax, r11",
    "or rax, r12", "or rax, r13", "or rax, r14", "or rax, r15",
    "mov edi, 1", "test rax, rax", "jne 2f",
    "mov edi, 2", "cmp rsp, 0x802000", "jne 2f",
    "xor edi, edi",
    "2: xor eax, eax", "syscall";

    // The flags that a program sets do not reach the kernel, and come back.
    "poisoned-flags", POISONED_FLAGS, calls_flags..calls_flags_end, Exit(0),
    "std", "mov eax, 1", "mov edi, 1", "lea rsi, [rip + 3f]", "mov edx, 9", "syscall",
    "pushfq", "pop rbx", "cld",
    "mov edi, 1", "cmp rax, 9", "jne 2f",
    "mov edi, 2", "test ebx, 0x400", "je 2f", // DF as it was
    "xor edi, edi",
    "2: xor eax, eax", "syscall",
    "3: .ascii \"forwards\\n\"";

    // Some 100 ms in ring 3: the timer interrupts it and gives all back.
    "interrupted-by-timer", INTERRUPTED, calls_interrupted..calls_interrupted_end, Exit(0),
    "mov rbx, 102", "mov r12, 112", "mov ecx, 100000000",
    "2: dec ecx", "jnz 2b",
    "sub rbx, 102", "sub r12, 112", "or rbx, r12", "mov rdi, rbx",
    "xor eax, eax", "syscall";
}
