//! System calls whose arguments lie: numbers that are none, descriptors that are
//! not open, pointers to what is not the program's, lengths that reach further
//! than anything.

use crate::containment::{Expected, contain, ended, kernel_is_well, run};
use crate::programs;
use m1_memory::frames;
use m1_memory::layout::{DIRECT_MAP, HEAP, IMAGE, STACKS};
use m2_usermode::address_space::{CODE, STACK, USER_END, USER_HEAP, USER_START};
use m2_usermode::program::{HELLO, Program};
use shared::cases::Case;

programs! {
    exit 0;
    /// All 64 bits of the number count: each bit alone, and each beside `exit`'s
    /// and `write`'s bits.
    NUMBERS =
        "mov ebx, 63",
        "3: xor eax, eax", "bts rax, rbx", "syscall",
        "mov edi, 1", "cmp rax, -38", "jne 2f",
        "mov eax, 1", "bts rax, rbx", "syscall",
        "mov edi, 2", "cmp rax, -38", "jne 2f",
        "dec ebx", "cmp ebx, 8", "jne 3b",
        "mov rax, -1", "syscall",
        "mov edi, 3", "cmp rax, -38", "jne 2f",
        "mov eax, 9", "syscall",
        "mov edi, 4", "cmp rax, -38", "jne 2f";
    /// No descriptor but those that are open, in all 64 bits.
    DESCRIPTORS =
        "mov ebx, 63",
        "3: mov edi, 1", "bts rdi, rbx", "mov eax, 1", "lea rsi, [rip]", "mov edx, 1", "syscall",
        "mov edi, 1", "cmp rax, -9", "jne 2f",
        "dec ebx", "cmp ebx, 1", "jne 3b",
        "mov eax, 1", "xor edi, edi", "syscall",
        "mov edi, 2", "cmp rax, -9", "jne 2f";
    /// `write` of 8 bytes from the argument.
    WRITE_FROM =
        "mov rsi, rdi", "mov eax, 1", "mov edi, 1", "mov edx, 8", "syscall",
        "mov edi, 1", "cmp rax, -14", "jne 2f";
    /// `write` of as many bytes as the argument says, from the stack.
    WRITE_LENGTH =
        "mov rdx, rdi", "mov eax, 1", "mov edi, 1", "mov esi, 0x800000", "syscall",
        "mov edi, 1", "cmp rax, -14", "jne 2f";
    /// 8 KiB of stack are readable, then comes the guard.
    WRITE_PART =
        "mov eax, 1", "mov edi, 1", "mov esi, 0x800000", "mov edx, 0x3000", "syscall",
        "mov edi, 1", "cmp rax, -14", "jne 2f";
    /// `spawn` of a program whose name of 8 bytes is at the argument.
    SPAWN_FROM =
        "mov eax, 7", "mov esi, 8", "xor edx, edx", "syscall",
        "mov edi, 1", "cmp rax, -14", "jne 2f";
    /// A name of that many bytes.
    SPAWN_LENGTH =
        "mov rsi, rdi", "mov eax, 7", "mov edi, 0x800000", "xor edx, edx", "syscall",
        "mov edi, 1", "cmp rax, -36", "jne 2f";
    /// Names of no program: none, unknown, too long by the end of a known one, not
    /// UTF-8, with a null.
    SPAWN_UNKNOWN =
        "lea r12, [rip + 4f]", "mov r13d, 5",
        "3: mov eax, 7", "lea rdi, [r12 + 1]", "movzx esi, byte ptr [r12]", "xor edx, edx", "syscall",
        "mov edi, 1", "cmp rax, -2", "jne 2f",
        "add r12, 9", "dec r13d", "jnz 3b", "jmp 5f",
        "4: .byte 0", ".ascii \"hello   \"", ".byte 8", ".ascii \"no-hello\"",
        ".byte 6", ".ascii \"hello   \"", ".byte 5", ".ascii \"hell\\377   \"",
        ".byte 6", ".ascii \"hello\\0  \"",
        "5:";
    /// The status of a child cannot go to the argument; the child can be waited for
    /// again.
    WAIT_INTO =
        "mov r12, rdi",
        "mov eax, 7", "lea rdi, [rip + 3f]", "mov esi, 5", "xor edx, edx", "syscall",
        "mov rbx, rax", "mov edi, 1", "test rax, rax", "js 2f",
        "mov eax, 8", "xor edi, edi", "mov rsi, r12", "syscall",
        "mov edi, 2", "cmp rax, -14", "jne 2f",
        "mov eax, 8", "mov rdi, rbx", "lea rsi, [rsp - 16]", "mov [rsi], rsi", "syscall",
        "mov edi, 3", "cmp rax, rbx", "jne 2f",
        "mov edi, 4", "cmp qword ptr [rsp - 16], 99", "jne 2f",
        "mov eax, 8", "xor edi, edi", "xor esi, esi", "syscall",
        "mov edi, 5", "cmp rax, -10", "jne 2f", "jmp 4f",
        "3: .ascii \"hello\"",
        "4:";
    /// A stack pointer that leads nowhere, or into the kernel, harms nobody: the
    /// kernel does not use it.
    STACK_POINTER =
        "mov rsp, rdi", "mov eax, 4711", "syscall",
        "mov r12, rsp", "mov r13, rdi", "mov edi, 1", "cmp rax, -38", "jne 2f",
        "mov edi, 2", "cmp r12, r13", "jne 2f";
    /// Nor when the timer interrupts the program.
    INTERRUPTED_STACK_POINTER =
        "mov rsp, rdi", "mov eax, 4", "syscall", "lea rbx, [rax + 30000000]", // 3 ticks
        "3: mov ecx, 1000000", "4: dec ecx", "jnz 4b",
        "mov eax, 4", "syscall", "cmp rax, rbx", "jb 3b",
        "mov r12, rsp", "mov r13, rdi",
        "mov edi, 2", "cmp r12, r13", "jne 2f";
}

/// 8 bytes from each of these are not all the program's.
const POINTERS: [u64; 21] = [
    0,
    8,
    USER_START.as_u64() - 8,
    USER_START.as_u64() - 1, // half mapped: the program's code follows
    0x40_0000,               // between code and stack
    STACK.start.as_u64() - 8,
    STACK.start.as_u64() - 4,
    STACK.end.as_u64() - 4,
    STACK.end.as_u64(),
    USER_HEAP.start.as_u64(),
    USER_END.as_u64() - 8,
    USER_END.as_u64() - 4,
    USER_END.as_u64(),
    0x0000_7fff_ffff_fffc, // into the non-canonical
    0x0000_8000_0000_0000,
    0x8000_0000_0000_0000,
    DIRECT_MAP.as_u64() - 4, // out of it
    DIRECT_MAP.as_u64(),
    IMAGE.start.as_u64(),
    HEAP.start.as_u64(),
    STACKS.end.as_u64() - 8,
];

/// These wrap around to where the program's memory is, or to null.
const WRAPPING: [u64; 3] = [u64::MAX, u64::MAX - 7, u64::MAX - 3];

/// From the stack's start, each of these reaches out of the user half or wraps.
const LENGTHS: [u64; 7] = [
    u64::MAX,
    u64::MAX - STACK.start.as_u64(),
    u64::MAX - STACK.start.as_u64() + 2,
    1 << 63,
    1 << 47,
    USER_END.as_u64() - STACK.start.as_u64() + 1,
    0u64.wrapping_sub(STACK.start.as_u64()) + USER_START.as_u64(),
];

/// Longer than any program's name.
const NAME_LENGTHS: [u64; 5] = [33, 0x2000, 1 << 32, 1 << 63, u64::MAX];

/// The program's own, but not to be written to.
const READ_ONLY: [u64; 3] = [CODE.as_u64(), CODE.as_u64() + 3, CODE.as_u64() + 0xff8];

/// Where a stack pointer can be poisonous.
const STACK_POINTERS: [u64; 7] = [
    0,
    7,
    0x0000_8000_0000_0000,
    0x8000_0000_0000_0000,
    DIRECT_MAP.as_u64(),
    IMAGE.start.as_u64() + 8,
    u64::MAX,
];

/// Every case of this module.
pub const CASES: &[Case] = &[
    ("unknown-calls", || contain("unknown-calls", &NUMBERS, Expected::Exit(0))),
    ("write-bad-descriptors", || contain("write-bad-descriptors", &DESCRIPTORS, Expected::Exit(0))),
    ("write-bad-pointers", || each("write-bad-pointers", &WRITE_FROM, &POINTERS)),
    ("write-wrapping-pointers", || each("write-wrapping-pointers", &WRITE_FROM, &WRAPPING)),
    ("write-bad-lengths", || each("write-bad-lengths", &WRITE_LENGTH, &LENGTHS)),
    ("write-part", || contain("write-part", &WRITE_PART, Expected::Exit(0))),
    ("spawn-bad-pointers", || each("spawn-bad-pointers", &SPAWN_FROM, &POINTERS)),
    ("spawn-wrapping-pointers", || each("spawn-wrapping-pointers", &SPAWN_FROM, &WRAPPING)),
    ("spawn-bad-lengths", || each("spawn-bad-lengths", &SPAWN_LENGTH, &NAME_LENGTHS)),
    ("spawn-unknown", || contain("spawn-unknown", &SPAWN_UNKNOWN, Expected::Exit(0))),
    ("wait-bad-pointers", || {
        // Null asks for no status.
        each("wait-bad-pointers", &WAIT_INTO, &POINTERS[1..]);
    }),
    ("wait-wrapping-pointers", || each("wait-wrapping-pointers", &WAIT_INTO, &WRAPPING)),
    ("wait-into-own-code", || each("wait-into-own-code", &WAIT_INTO, &READ_ONLY)),
    ("call-with-bad-stack", || each("call-with-bad-stack", &STACK_POINTER, &STACK_POINTERS)),
    ("interrupt-with-bad-stack", || {
        each("interrupt-with-bad-stack", &INTERRUPTED_STACK_POINTER, &STACK_POINTERS[2..6]);
    }),
];

/// Runs `program` once with each argument; it must exit with 0.
pub fn each(name: &str, program: &Program, arguments: &[u64]) {
    run(&HELLO, 0);
    let before = frames::statistics().used;
    for &argument in arguments {
        m0_boot::println!("argument {argument:#x}");
        ended(name, run(program, argument).status, Expected::Exit(0));
    }
    kernel_is_well(before);
}
