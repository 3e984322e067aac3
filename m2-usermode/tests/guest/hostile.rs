//! Programs that try what a program must not: each is killed.
//!
//! If one gets through, it exits with code 1.

use crate::containment::Expected::{Killed, KilledByEither, PageFault};
use crate::programs;
use m0_boot::vector::Vector;

/// Page-fault error codes, as the manual combines them.
const PRESENT: u64 = 1 << 0;
const WRITE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const FETCH: u64 = 1 << 4;

const KERNEL_TEXT: u64 = 0xffff_ffff_8000_0000;
const DIRECT_MAP: u64 = 0xffff_8000_0010_0000;
const CODE: u64 = 0x1_0000;
const STACK_BOTTOM: u64 = 0x80_0000;
const STACK_TOP: u64 = 0x80_2000;

programs! {
    "read-kernel", READ_KERNEL, hostile_read_kernel..hostile_read_kernel_end,
    PageFault { code: PRESENT | USER, address: KERNEL_TEXT },
    "mov rax, 0xffffffff80000000", "mov al, [rax]",
    "mov edi, 1", "xor eax, eax", "syscall";

    "write-kernel", WRITE_KERNEL, hostile_write_kernel..hostile_write_kernel_end,
    PageFault { code: PRESENT | WRITE | USER, address: KERNEL_TEXT },
    "mov rax, 0xffffffff80000000", "mov byte ptr [rax], 0",
    "mov edi, 1", "xor eax, eax", "syscall";

    "jump-to-kernel", JUMP_TO_KERNEL, hostile_jump_kernel..hostile_jump_kernel_end,
    PageFault { code: PRESENT | USER | FETCH, address: KERNEL_TEXT },
    "mov rax, 0xffffffff80000000", "jmp rax";

    "read-direct-map", READ_DIRECT_MAP, hostile_read_direct..hostile_read_direct_end,
    PageFault { code: PRESENT | USER, address: DIRECT_MAP },
    "movabs rax, 0xffff800000100000", "mov al, [rax]",
    "mov edi, 1", "xor eax, eax", "syscall";

    "read-null", READ_NULL, hostile_read_null..hostile_read_null_end,
    PageFault { code: USER, address: 0 },
    "xor eax, eax", "mov al, [rax]",
    "mov edi, 1", "xor eax, eax", "syscall";

    "read-non-canonical", READ_NON_CANONICAL, hostile_non_canonical..hostile_non_canonical_end,
    Killed(Vector::GENERAL_PROTECTION),
    "movabs rax, 0x8000000000000000", "mov al, [rax]",
    "mov edi, 1", "xor eax, eax", "syscall";

    "write-own-code", WRITE_OWN_CODE, hostile_write_code..hostile_write_code_end,
    PageFault { code: PRESENT | WRITE | USER, address: CODE },
    "mov eax, 0x10000", "mov byte ptr [rax], 0",
    "mov edi, 1", "xor eax, eax", "syscall";

    "execute-own-stack", EXECUTE_OWN_STACK, hostile_execute_stack..hostile_execute_stack_end,
    PageFault { code: PRESENT | USER | FETCH, address: STACK_TOP - 8 },
    "mov eax, 0x050f", "push rax", "jmp rsp";

    "overflow-own-stack", OVERFLOW_OWN_STACK, hostile_overflow..hostile_overflow_end,
    PageFault { code: WRITE | USER, address: STACK_BOTTOM - 8 },
    "2: push rax", "jmp 2b";

    "underflow-own-stack", UNDERFLOW_OWN_STACK, hostile_underflow..hostile_underflow_end,
    PageFault { code: USER, address: STACK_TOP },
    "2: pop rax", "jmp 2b";

    "run-off-code", RUN_OFF_CODE, hostile_run_off..hostile_run_off_end,
    PageFault { code: USER | FETCH, address: 0x20_0000 },
    "mov eax, 0x200000", "jmp rax";

    "clear-interrupts", CLEAR_INTERRUPTS, hostile_cli..hostile_cli_end,
    Killed(Vector::GENERAL_PROTECTION), "cli", "2: jmp 2b";

    "halt-cpu", HALT_CPU, hostile_hlt..hostile_hlt_end,
    Killed(Vector::GENERAL_PROTECTION), "hlt", "2: jmp 2b";

    "read-port", READ_PORT, hostile_in..hostile_in_end,
    Killed(Vector::GENERAL_PROTECTION), "mov edx, 0x3f8", "in al, dx", "2: jmp 2b";

    "leave-machine", LEAVE_MACHINE, hostile_out..hostile_out_end,
    Killed(Vector::GENERAL_PROTECTION), "mov al, 0x10", "out 0xf4, al", "2: jmp 2b";

    "load-page-tables", LOAD_PAGE_TABLES, hostile_cr3..hostile_cr3_end,
    Killed(Vector::GENERAL_PROTECTION), "xor eax, eax", "mov cr3, rax", "2: jmp 2b";

    "read-control-register", READ_CONTROL_REGISTER, hostile_cr0..hostile_cr0_end,
    Killed(Vector::GENERAL_PROTECTION), "mov rax, cr0", "2: jmp 2b";

    "load-idt", LOAD_IDT, hostile_lidt..hostile_lidt_end,
    Killed(Vector::GENERAL_PROTECTION), "lidt [rsp - 16]", "2: jmp 2b";

    "read-msr", READ_MSR, hostile_rdmsr..hostile_rdmsr_end,
    Killed(Vector::GENERAL_PROTECTION), "mov ecx, 0xc0000082", "rdmsr", "2: jmp 2b";

    "write-msr", WRITE_MSR, hostile_wrmsr..hostile_wrmsr_end,
    Killed(Vector::GENERAL_PROTECTION), "mov ecx, 0xc0000082", "wrmsr", "2: jmp 2b";

    "swap-gs", SWAP_GS, hostile_swapgs..hostile_swapgs_end,
    Killed(Vector::GENERAL_PROTECTION), "swapgs", "2: jmp 2b";

    // #GP by the manual; with SMAP, QEMU's IRETQ cannot read the program's stack.
    "return-to-ring-0", RETURN_TO_RING_0, hostile_iretq..hostile_iretq_end,
    KilledByEither(Vector::GENERAL_PROTECTION, Vector::PAGE_FAULT),
    "push 0x10", "push rsp", "push 2", "push 8", "push 0x10000", "iretq";

    "old-system-call", OLD_SYSTEM_CALL, hostile_int80..hostile_int80_end,
    Killed(Vector::GENERAL_PROTECTION), "int 0x80", "2: jmp 2b";

    "fake-page-fault", FAKE_PAGE_FAULT, hostile_int14..hostile_int14_end,
    Killed(Vector::GENERAL_PROTECTION), "int 14", "2: jmp 2b";

    "breakpoint", BREAKPOINT, hostile_int3..hostile_int3_end,
    Killed(Vector::BREAKPOINT), "int3", "2: jmp 2b";

    "invalid-opcode", INVALID_OPCODE, hostile_ud2..hostile_ud2_end,
    Killed(Vector::INVALID_OPCODE), "ud2";

    "divide-by-zero", DIVIDE_BY_ZERO, hostile_div..hostile_div_end,
    Killed(Vector::DIVIDE_ERROR), "xor ecx, ecx", "div ecx", "2: jmp 2b";

    "single-step", SINGLE_STEP, hostile_step..hostile_step_end,
    Killed(Vector::DEBUG), "pushfq", "or dword ptr [rsp], 0x100", "popfq", "nop", "2: jmp 2b";

    "load-null-stack-segment", LOAD_NULL_SS, hostile_null_ss..hostile_null_ss_end,
    Killed(Vector::GENERAL_PROTECTION), "xor eax, eax", "mov ss, eax", "2: jmp 2b";
}
