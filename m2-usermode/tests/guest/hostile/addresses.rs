//! Addresses where nothing of anybody is, and the program's own memory used
//! against its rights.

use crate::containment::{Expected, code};
use crate::{cases, programs};
use m0_boot::vector::Vector;
use m2_usermode::address_space::{CODE, STACK, USER_END};

const GP: Expected = Expected::PRIVILEGED;
/// By the manual a stack access to a non-canonical address is #SS; QEMU: #GP.
const STACK_OR_GP: Expected = Expected::Either(&Expected::Fault(Vector::STACK_SEGMENT, 0), &GP);

const STACK_START: u64 = STACK.start.as_u64();
const STACK_END: u64 = STACK.end.as_u64();
const KERNEL: u64 = 0xffff_ffff_8000_0000;

const fn absent(code: u64, address: u64) -> Expected {
    Expected::PageFault { code, address }
}

programs! {
    exit 1;
    READ_NULL = "xor eax, eax", "mov al, [rax]";
    WRITE_NULL = "xor eax, eax", "mov [rax], al";
    JUMP_NULL = "xor eax, eax", "jmp rax";
    READ_FIRST_MEGABYTE = "mov eax, 0xb8000", "mov al, [rax]";
    READ_NON_CANONICAL = "movabs rax, 0x8000000000000000", "mov al, [rax]";
    WRITE_NON_CANONICAL = "movabs rax, 0x8000000000000000", "mov [rax], al";
    JUMP_NON_CANONICAL = "movabs rax, 0x8000000000000000", "jmp rax";
    CALL_NON_CANONICAL = "movabs rax, 0x0000800000000000", "call rax";
    RETURN_NON_CANONICAL = "movabs rax, 0x0000800000000000", "push rax", "ret";
    PUSH_NON_CANONICAL = "movabs rsp, 0x8000000000000000", "push rax";
    READ_END_OF_HALF = "movabs rax, 0x00007fffffffffff", "mov al, [rax]";
    READ_ACROSS_HALF = "movabs rax, 0x00007ffffffffffc", "mov rax, [rax]";
    READ_WRAPPING = "mov rax, -4", "mov rax, [rax]";
    EXECUTE_TO_END_OF_HALF = "movabs rax, 0x00007ffffffff000", "jmp rax";
    PUSH_INTO_KERNEL = "mov rsp, 0xffffffff80000000", "push rax";
    WRITE_CODE = "lea rax, [rip - 7]", "mov byte ptr [rax], 0";
    EXECUTE_STACK = "mov eax, 0x050f", "push rax", "jmp rsp";
    OVERFLOW_STACK = "3: push rax", "jmp 3b";
    UNDERFLOW_STACK = "3: pop rax", "jmp 3b";
    RECURSE = "call 4f", "4: call 4b";
    READ_GUARD_BELOW = "mov al, [rsp - 0x2001]";
    WRITE_GUARD_ABOVE = "mov [rsp], al";
    EXECUTE_GUARD = "jmp rsp";
    RUN_OFF_CODE = "mov eax, 0x200000", "jmp rax";
    READ_HEAP_BEFORE_GROWING = "mov eax, 0x10000000", "mov al, [rax]";
    READ_THROUGH_GS = "xor eax, eax", "mov rax, gs:[rax]";
    READ_THROUGH_FS = "mov eax, 8", "mov rax, fs:[rax]";
}

cases! {
    "read-null" READ_NULL => absent(code::ABSENT_READ, 0);
    "write-null" WRITE_NULL => absent(code::ABSENT_WRITE, 0);
    "jump-to-null" JUMP_NULL => absent(code::ABSENT_FETCH, 0);
    "read-video-memory" READ_FIRST_MEGABYTE => absent(code::ABSENT_READ, 0xb_8000);
    "read-non-canonical" READ_NON_CANONICAL => GP;
    "write-non-canonical" WRITE_NON_CANONICAL => GP;
    "jump-to-non-canonical" JUMP_NON_CANONICAL => GP;
    "call-non-canonical" CALL_NON_CANONICAL => GP;
    "return-to-non-canonical" RETURN_NON_CANONICAL => GP;
    "push-to-non-canonical" PUSH_NON_CANONICAL => STACK_OR_GP;
    "read-end-of-half" READ_END_OF_HALF => absent(code::ABSENT_READ, USER_END.as_u64() + 0xfff);
    "read-across-end-of-half" READ_ACROSS_HALF => READ_ACROSS;
    "read-wrapping" READ_WRAPPING => absent(code::ABSENT_READ, u64::MAX - 3);
    "jump-to-end-of-half" EXECUTE_TO_END_OF_HALF => absent(code::ABSENT_FETCH, USER_END.as_u64());
    "push-into-kernel" PUSH_INTO_KERNEL => absent(code::ABSENT_WRITE, KERNEL - 8);
    "write-own-code" WRITE_CODE => absent(code::DENIED_WRITE, CODE.as_u64());
    "execute-own-stack" EXECUTE_STACK => absent(code::DENIED_FETCH, STACK_END - 8);
    "overflow-own-stack" OVERFLOW_STACK => absent(code::ABSENT_WRITE, STACK_START - 8);
    "underflow-own-stack" UNDERFLOW_STACK => absent(code::ABSENT_READ, STACK_END);
    "recurse-for-ever" RECURSE => absent(code::ABSENT_WRITE, STACK_START - 8);
    "read-guard-below-stack" READ_GUARD_BELOW => absent(code::ABSENT_READ, STACK_START - 1);
    "write-guard-above-stack" WRITE_GUARD_ABOVE => absent(code::ABSENT_WRITE, STACK_END);
    "execute-guard-above-stack" EXECUTE_GUARD => absent(code::ABSENT_FETCH, STACK_END);
    "run-off-code" RUN_OFF_CODE => absent(code::ABSENT_FETCH, 0x20_0000);
    "read-heap-before-growing" READ_HEAP_BEFORE_GROWING => absent(code::ABSENT_READ, 0x1000_0000);
    // The kernel's own GS base is never in place in ring 3.
    "read-through-gs" READ_THROUGH_GS => absent(code::ABSENT_READ, 0);
    "read-through-fs" READ_THROUGH_FS => absent(code::ABSENT_READ, 8);
}

/// The access begins in the absent last page and ends outside of all addresses:
/// CPUs may report either first.
const READ_ACROSS: Expected =
    Expected::Either(&GP, &absent(code::ABSENT_READ, USER_END.as_u64() + 0xffc));
