//! Segment selectors that are not the program's to use: loaded, jumped through,
//! returned to.
//!
//! A #GP over a selector has it as error code, without the RPL (Intel SDM Vol.
//! 3A, 6.6 "Privilege Level Checking When Accessing Data Segments", 6.8
//! "Privilege Level Checking When Transferring Program Control Between Code
//! Segments"). The selectors are those of `m2_usermode::gdt`.

use crate::containment::{Expected, code};
use crate::{cases, programs};
use m2_usermode::address_space::STACK;
use m2_usermode::gdt::{KERNEL_CODE, KERNEL_DATA, TASK_STATE, USER_CODE, USER_DATA};
use x86_64::structures::gdt::SegmentSelector;

const NULL: Expected = Expected::PRIVILEGED;
/// One past the GDT, and an entry of the LDT that there is not.
const BEYOND: Expected = Expected::selector(0x38);
const LOCAL: Expected = Expected::selector(0x1c);

const fn about(selector: SegmentSelector) -> Expected {
    Expected::selector(selector.0 as u64)
}

/// #GP by the manual. With SMAP, QEMU's far returns and IRETQ cannot read the
/// program's stack: the fault is there, at the lowest word they need.
macro_rules! by_return {
    ($words:literal, $expected:expr) => {
        Expected::Either(
            const { &$expected },
            const {
                &Expected::PageFault {
                    code: code::DENIED_READ & !USER_BIT,
                    address: STACK.end.as_u64() - $words * 8,
                }
            },
        )
    };
}
const USER_BIT: u64 = 1 << 2;

programs! {
    exit 1;
    KERNEL_DATA_TO_DS = "mov eax, 0x10", "mov ds, eax";
    KERNEL_CODE_TO_ES = "mov eax, 0x08", "mov es, eax";
    TASK_TO_FS = "mov eax, 0x28", "mov fs, eax";
    BEYOND_TO_GS = "mov eax, 0x38", "mov gs, eax";
    LOCAL_TO_DS = "mov eax, 0x1f", "mov ds, eax";
    NULL_TO_SS = "xor eax, eax", "mov ss, eax";
    KERNEL_DATA_TO_SS = "mov eax, 0x10", "mov ss, eax";
    USER_CODE_TO_SS = "mov eax, 0x23", "mov ss, eax";
    RING_0_TO_SS = "mov eax, 0x18", "mov ss, eax";
    MOV_TO_CS = "mov eax, 0x23", ".byte 0x8e, 0xc8";
    POP_SS = ".byte 0x17";
    LSS_NULL = "push 0", "push 0", ".byte 0x0f, 0xb2, 0x24, 0x24";

    // Far pointers: 32-bit offset, then selector. `ljmp [rsp]` and `lcall [rsp]`.
    FAR_JUMP_KERNEL = "movabs rax, 0x0800010000", "push rax", ".byte 0xff, 0x2c, 0x24";
    FAR_JUMP_TASK = "movabs rax, 0x2800010000", "push rax", ".byte 0xff, 0x2c, 0x24";
    FAR_JUMP_DATA = "movabs rax, 0x1b00010000", "push rax", ".byte 0xff, 0x2c, 0x24";
    FAR_JUMP_NULL = "movabs rax, 0x10000", "push rax", ".byte 0xff, 0x2c, 0x24";
    FAR_JUMP_BEYOND = "movabs rax, 0x3800010000", "push rax", ".byte 0xff, 0x2c, 0x24";
    FAR_JUMP_LOCAL = "movabs rax, 0x1f00010000", "push rax", ".byte 0xff, 0x2c, 0x24";
    FAR_JUMP_DIRECT = ".byte 0xea, 0, 0, 1, 0, 0x23, 0";
    FAR_CALL_KERNEL = "movabs rax, 0x0800010000", "push rax", ".byte 0xff, 0x1c, 0x24";
    FAR_CALL_TASK = "movabs rax, 0x2800010000", "push rax", ".byte 0xff, 0x1c, 0x24";
    FAR_CALL_NULL = "movabs rax, 0x10000", "push rax", ".byte 0xff, 0x1c, 0x24";

    FAR_RETURN_KERNEL = "push 0x08", "push 0x10000", ".byte 0x48, 0xcb";
    FAR_RETURN_NULL = "push 0", "push 0x10000", ".byte 0x48, 0xcb";
    FAR_RETURN_BEYOND = "push 0x3b", "push 0x10000", ".byte 0x48, 0xcb";
    INTERRUPT_RETURN_KERNEL =
        "push 0x10", "push rsp", "push 2", "push 0x08", "push 0x10000", "iretq";
    INTERRUPT_RETURN_KERNEL_STACK =
        "push 0x10", "push rsp", "push 2", "push 0x23", "push 0x10000", "iretq";
    INTERRUPT_RETURN_NULL =
        "push 0", "push rsp", "push 2", "push 0", "push 0x10000", "iretq";
}

programs! {
    exit 0;
    /// Every selector that ring 3 may load, and a system call with each.
    GOOD_SELECTORS =
        "lea rbx, [rip + 4f]", "mov r12d, 6",
        "3: movzx ecx, word ptr [rbx]", "mov ds, ecx", "mov es, ecx", "mov fs, ecx",
        "mov gs, ecx", "mov r13d, ecx",
        "mov eax, 4711", "syscall",
        "mov edi, 1", "cmp rax, -38", "jne 2f",
        "mov edi, 2", "mov ecx, ds", "cmp ecx, r13d", "jne 2f",
        "mov edi, 3", "mov ecx, es", "cmp ecx, r13d", "jne 2f",
        "mov edi, 4", "mov ecx, fs", "cmp ecx, r13d", "jne 2f",
        "mov edi, 5", "mov ecx, gs", "cmp ecx, r13d", "jne 2f",
        "add rbx, 2", "dec r12d", "jnz 3b", "jmp 5f",
        // Null with each RPL, user data, user code.
        "4: .short 0, 1, 3, 0x1b, 0x23, 0x18",
        "5:";
    /// A far jump within ring 3 is no more than a jump.
    FAR_JUMP_OWN =
        "lea ecx, [rip + 3f]", "movabs rax, 0x2300000000", "or rax, rcx", "push rax",
        ".byte 0xff, 0x2c, 0x24", "mov edi, 1", "jmp 2f", "3:";
    /// LAR, LSL, VERR and VERW tell ring 3 nothing about the kernel's segments.
    ASK_ABOUT_SEGMENTS =
        "lea rbx, [rip + 4f]", "mov r12d, 4",
        "3: movzx ecx, word ptr [rbx]",
        "mov edi, 1", "lar eax, ecx", "je 2f",
        "mov edi, 2", "lsl eax, ecx", "je 2f",
        "mov edi, 3", "verr cx", "je 2f",
        "mov edi, 4", "verw cx", "je 2f",
        "add rbx, 2", "dec r12d", "jnz 3b", "jmp 5f",
        "4: .short 0x08, 0x10, 0x28, 0x38",
        "5:";
}

cases! {
    "load-kernel-data-segment" KERNEL_DATA_TO_DS => about(KERNEL_DATA);
    "load-kernel-code-segment" KERNEL_CODE_TO_ES => about(KERNEL_CODE);
    "load-task-as-data" TASK_TO_FS => about(TASK_STATE);
    "load-selector-beyond-gdt" BEYOND_TO_GS => BEYOND;
    "load-selector-of-ldt" LOCAL_TO_DS => LOCAL;
    "load-null-stack-segment" NULL_TO_SS => NULL;
    "load-kernel-stack-segment" KERNEL_DATA_TO_SS => about(KERNEL_DATA);
    "load-code-as-stack-segment" USER_CODE_TO_SS => about(USER_CODE);
    "load-stack-segment-as-ring-0" RING_0_TO_SS => about(USER_DATA);
    "load-code-segment" MOV_TO_CS => Expected::UNDEFINED;
    "pop-stack-segment" POP_SS => Expected::UNDEFINED;
    "load-far-null-stack" LSS_NULL => NULL;
    "far-jump-to-kernel" FAR_JUMP_KERNEL => about(KERNEL_CODE);
    "far-jump-to-task" FAR_JUMP_TASK => about(TASK_STATE);
    "far-jump-to-data" FAR_JUMP_DATA => about(USER_DATA);
    "far-jump-to-null" FAR_JUMP_NULL => NULL;
    "far-jump-beyond-gdt" FAR_JUMP_BEYOND => BEYOND;
    "far-jump-to-ldt" FAR_JUMP_LOCAL => LOCAL;
    "far-jump-of-old" FAR_JUMP_DIRECT => Expected::UNDEFINED;
    "far-call-to-kernel" FAR_CALL_KERNEL => about(KERNEL_CODE);
    "far-call-to-task" FAR_CALL_TASK => about(TASK_STATE);
    "far-call-to-null" FAR_CALL_NULL => NULL;
    "far-return-to-kernel" FAR_RETURN_KERNEL => by_return!(2, about(KERNEL_CODE));
    "far-return-to-null" FAR_RETURN_NULL => by_return!(2, NULL);
    "far-return-beyond-gdt" FAR_RETURN_BEYOND => by_return!(2, BEYOND);
    "return-to-ring-0" INTERRUPT_RETURN_KERNEL => by_return!(5, about(KERNEL_CODE));
    "return-to-kernel-stack" INTERRUPT_RETURN_KERNEL_STACK => by_return!(5, about(KERNEL_DATA));
    "return-to-null" INTERRUPT_RETURN_NULL => by_return!(5, NULL);
    "good-selectors" GOOD_SELECTORS => Expected::Exit(0);
    "far-jump-to-own-code" FAR_JUMP_OWN => Expected::Exit(0);
    "ask-about-segments" ASK_ABOUT_SEGMENTS => Expected::Exit(0);
}
