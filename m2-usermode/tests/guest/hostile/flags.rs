//! RFLAGS: bits that ring 3 may set and the kernel must not suffer from, and bits
//! that it may not set.

use crate::containment::Expected;
use crate::{cases, programs};
use m0_boot::vector::Vector;

const DEBUG: Expected = Expected::Fault(Vector::DEBUG, 0);
const GP: Expected = Expected::PRIVILEGED;

programs! {
    exit 1;
    SINGLE_STEP = "pushfq", "or dword ptr [rsp], 0x100", "popfq", "nop";
    /// The trap comes after SYSRET, "as if" SYSCALL had just completed: SFMASK
    /// keeps TF out of the kernel.
    STEP_INTO_KERNEL =
        "mov eax, 4711", "pushfq", "or dword ptr [rsp], 0x100", "popfq", "syscall";
    STEP_AND_EXIT =
        "mov edi, 1", "xor eax, eax",
        "pushfq", "or dword ptr [rsp], 0x100", "popfq", "syscall";
    /// MOV SS holds back the trap of its own step until after the next
    /// instruction, which is in the kernel (CVE-2018-8897).
    STEP_BEHIND_MOV_SS =
        "mov eax, 4711", "mov ecx, ss",
        "pushfq", "or dword ptr [rsp], 0x100", "popfq", "mov ss, ecx", "syscall";
    STEP_BEHIND_MOV_SS_INT3 =
        "mov ecx, ss",
        "pushfq", "or dword ptr [rsp], 0x100", "popfq", "mov ss, ecx", "int3";
    STEP_INTO_FAULT = "pushfq", "or dword ptr [rsp], 0x100", "popfq", "ud2";
    SET_IOPL = "pushfq", "or dword ptr [rsp], 0x3000", "popfq", "cli";
    USE_PORT_WITH_IOPL =
        "pushfq", "or dword ptr [rsp], 0x3000", "popfq", "mov edx, 0x3f8", "in al, dx";
    /// A nested task cannot return in 64-bit mode.
    RETURN_NESTED =
        "mov ecx, ss", "mov rdx, rsp", "push rcx", "push rdx", "push 0x202", "push 0x23",
        "push 0x10000", "pushfq", "or dword ptr [rsp], 0x4000", "popfq", "iretq";
    DIRECTION_AND_FAULT = "std", "ud2";
    EVERY_FLAG_AND_FAULT = "push -257", "popfq", "ud2"; // all but TF
}

programs! {
    exit 1;
    /// QEMU 7.2 does not check alignment.
    ALIGNMENT_CHECK =
        "pushfq", "or dword ptr [rsp], 0x40000", "popfq", "mov eax, [rsp - 7]";
    /// With AC set, SMAP is open to whatever the kernel does for the program.
    ALIGNMENT_AND_CALL =
        "pushfq", "or dword ptr [rsp], 0x40000", "popfq",
        "mov eax, 1", "mov edi, 3", "mov rsi, rsp", "sub rsi, 64", "mov edx, 64", "syscall",
        "mov edi, 2", "cmp rax, 64", "jne 2f",
        "pushfq", "pop rax", "mov edi, 3", "test eax, 0x40000", "je 2f";
}

programs! {
    exit 0;
    /// A clear IF cannot be reached by POPFQ: it stays on.
    CLEAR_INTERRUPT_FLAG =
        "push 2", "popfq", "pushfq", "pop rax",
        "mov edi, 1", "test eax, 0x200", "je 2f";
    /// Ignored, not refused: POPFQ leaves IOPL as it is.
    IOPL_IS_IGNORED =
        "push 0x3202", "popfq", "pushfq", "pop rax",
        "mov edi, 1", "test eax, 0x3000", "jne 2f";
    /// NT, ID and AC are the program's own; they come back from a system call.
    EVERY_FLAG =
        // CF PF AF ZF SF DF OF NT AC ID, and IF
        "push 0x244ed7", "popfq", "mov eax, 4711", "syscall", "pushfq", "pop rbx",
        "push 0x202", "popfq",
        "mov edi, 1", "cmp rax, -38", "jne 2f",
        "mov edi, 2", "cmp ebx, 0x244ed7", "jne 2f";
    /// The direction does not reach the kernel, and comes back.
    DIRECTION =
        "std", "mov eax, 1", "mov edi, 1", "lea rsi, [rip + 3f]", "mov edx, 9", "syscall",
        "pushfq", "pop rbx", "cld",
        "mov edi, 1", "cmp rax, 9", "jne 2f",
        "mov edi, 2", "test ebx, 0x400", "je 2f",
        "jmp 4f",
        "3: .ascii \"forwards\\n\"",
        "4:";
}

cases! {
    "single-step" SINGLE_STEP => DEBUG;
    "single-step-into-kernel" STEP_INTO_KERNEL => DEBUG;
    "single-step-and-exit" STEP_AND_EXIT => Expected::Exit(1);
    "single-step-behind-mov-ss" STEP_BEHIND_MOV_SS => DEBUG;
    "single-step-behind-mov-ss-into-gate" STEP_BEHIND_MOV_SS_INT3 =>
        Expected::Fault(Vector::BREAKPOINT, 0);
    "single-step-into-fault" STEP_INTO_FAULT => Expected::UNDEFINED;
    "unaligned-access" ALIGNMENT_CHECK =>
        Expected::Either(&Expected::Fault(Vector::ALIGNMENT_CHECK, 0), &Expected::Exit(1));
    "alignment-check-and-call" ALIGNMENT_AND_CALL => Expected::Exit(1);
    "set-iopl" SET_IOPL => GP;
    "use-port-with-iopl" USE_PORT_WITH_IOPL => GP;
    "return-from-nested-task" RETURN_NESTED => GP;
    "direction-flag-and-fault" DIRECTION_AND_FAULT => Expected::UNDEFINED;
    "every-flag-and-fault" EVERY_FLAG_AND_FAULT => Expected::UNDEFINED;
    "clear-interrupt-flag" CLEAR_INTERRUPT_FLAG => Expected::Exit(0);
    "iopl-is-ignored" IOPL_IS_IGNORED => Expected::Exit(0);
    "every-flag" EVERY_FLAG => Expected::Exit(0);
    "poisoned-flags" DIRECTION => Expected::Exit(0);
}
