//! x87 and SSE: a program may use them, cannot harm anybody by them, and sees
//! nothing of what others left there. AVX is not for programs.

use crate::containment::{Expected, code, contain, ended, kernel_is_well, run};
use crate::memory;
use crate::programs;
use m0_boot::vector::Vector;
use m1_memory::frames;
use m2_usermode::process::Process;
use m2_usermode::program::HELLO;
use shared::cases::Case;

const KERNEL: u64 = m1_memory::layout::IMAGE.start.as_u64();
const UD: Expected = Expected::UNDEFINED;
const GP: Expected = Expected::PRIVILEGED;

programs! {
    exit 1;
    VECTORS_OF_AVX = "vaddps ymm0, ymm0, ymm0";
    SAVE_EXTENDED = "xor edx, edx", "mov eax, 7", "and rsp, -64", "xsave [rsp - 1024]";
    /// 0 / 0 with the exception unmasked; the next x87 instruction reports it.
    X87_ERROR = "push 0x37e", "fldcw [rsp]", "fldz", "fldz", "fdivp", "fwait";
    /// The same with SSE. QEMU 7.2 raises no SSE exceptions.
    SSE_ERROR = "push 0x1f00", "ldmxcsr [rsp]", "xorps xmm0, xmm0", "divss xmm0, xmm0";
    LOAD_BAD_MXCSR = "push -1", "ldmxcsr [rsp]";
    RESTORE_BAD_STATE =
        "mov rdi, rsp", "sub rdi, 512", "mov rbx, rdi", "mov ecx, 64", "mov rax, -1", "rep stosq",
        "fxrstor64 [rbx]";
    SAVE_INTO_KERNEL = "mov rax, 0xffffffff80000000", "fxsave64 [rax]";
    RESTORE_FROM_KERNEL = "mov rax, 0xffffffff80000000", "fxrstor64 [rax]";
    UNALIGNED_VECTOR = "movaps xmm0, [rsp - 24]";
    /// Leaves an unmasked error pending, in the kernel's hands.
    PENDING_ERROR = "push 0x37e", "fldcw [rsp]", "fldz", "fldz", "fdivp", "mov edi, 7", "jmp 2f";
}

programs! {
    exit 0;
    /// Every register is as after FNINIT and reset.
    CLEAN_STATE =
        "mov rbx, rsp", "sub rbx, 512", "fxsave64 [rbx]",
        "mov edi, 1", "cmp word ptr [rbx], 0x37f", "jne 2f", // FCW
        "mov edi, 2", "cmp dword ptr [rbx + 2], 0", "jne 2f", // FSW, tags: all empty
        "mov edi, 3", "cmp dword ptr [rbx + 24], 0x1f80", "jne 2f", // MXCSR
        // ST0 to ST7 and XMM0 to XMM15: bytes 32 to 415.
        "lea rdi, [rbx + 32]", "mov ecx, 48", "xor eax, eax", "repe scasq",
        "mov edi, 4", "jne 2f";
    /// Fills every register with the argument, gives way twice, and finds them as
    /// they were.
    OWN_STATE =
        "mov rbx, rsp", "sub rbx, 1024", "mov r12, rdi",
        "mov rdi, rbx", "mov ecx, 64", "mov rax, r12", "rep stosq",
        "fninit", "fxsave64 [rbx + 512]",
        // The header (control words) as FNINIT left it, then the pattern.
        "mov rsi, rbx", "add rsi, 512", "mov rdi, rbx", "mov ecx, 4", "rep movsq",
        "mov byte ptr [rbx + 4], 0xff", // no register empty
        "fxrstor64 [rbx]",
        "mov eax, 2", "syscall",
        "mov eax, 4711", "syscall",
        "mov eax, 2", "syscall",
        "fxsave64 [rbx + 512]",
        "lea rsi, [rbx + 160]", "lea rdi, [rbx + 672]", "mov ecx, 32", "repe cmpsq", // XMM
        "mov edi, 1", "jne 2f",
        "mov edi, 2", "cmp [rbx + 544], r12", "jne 2f"; // the mantissa of ST0
}

/// Every case of this module.
pub const CASES: &[Case] = &[
    ("avx", || contain("avx", &VECTORS_OF_AVX, UD)),
    ("save-extended-state", || contain("save-extended-state", &SAVE_EXTENDED, UD)),
    ("x87-error", || {
        contain("x87-error", &X87_ERROR, Expected::Fault(Vector::X87_FLOATING_POINT, 0));
    }),
    ("sse-error", || {
        const XM: Expected = Expected::Fault(Vector::SIMD_FLOATING_POINT, 0);
        contain("sse-error", &SSE_ERROR, Expected::Either(&XM, &Expected::Exit(1)));
    }),
    ("load-bad-mxcsr", || contain("load-bad-mxcsr", &LOAD_BAD_MXCSR, BAD_MXCSR)),
    ("restore-bad-state", || contain("restore-bad-state", &RESTORE_BAD_STATE, BAD_MXCSR)),
    ("save-state-into-kernel", || {
        let expected = Expected::PageFault { code: code::DENIED_WRITE, address: KERNEL };
        contain("save-state-into-kernel", &SAVE_INTO_KERNEL, expected);
    }),
    ("restore-state-from-kernel", || {
        let expected = Expected::PageFault { code: code::DENIED_READ, address: KERNEL };
        contain("restore-state-from-kernel", &RESTORE_FROM_KERNEL, expected);
    }),
    ("unaligned-vector", || contain("unaligned-vector", &UNALIGNED_VECTOR, UNALIGNED)),
    ("pending-x87-error", || contain("pending-x87-error", &PENDING_ERROR, Expected::Exit(7))),
    ("clean-fpu-state", clean_state),
    ("own-fpu-state", own_state),
];

/// Reserved bits are #GP by the manual; QEMU 7.2 drops them.
const BAD_MXCSR: Expected = Expected::Either(&GP, &Expected::Exit(1));
/// #GP by the manual; QEMU 7.2 does not look.
const UNALIGNED: Expected = Expected::Either(&GP, &Expected::Exit(1));

/// A program that fills all registers leaves nothing of that to the next.
fn clean_state() {
    run(&HELLO, 0);
    let before = frames::statistics().used;
    ended("clean-fpu-state", run(&CLEAN_STATE, 0).status, Expected::Exit(0));
    ended("fill-fpu-state", run(&OWN_STATE, u64::MAX).status, Expected::Exit(0));
    ended("clean-fpu-state", run(&CLEAN_STATE, 0).status, Expected::Exit(0));
    kernel_is_well(before);
}

/// Of several programs side by side each keeps its registers, and one that begins
/// between them starts with clean ones.
fn own_state() {
    let round = || {
        let start = |(program, argument)| {
            let process = Process::new(program, memory()).unwrap_or_else(|e| panic!("{e}"));
            process.with_argument(argument).start().unwrap_or_else(|e| panic!("{e}"))
        };
        [(&OWN_STATE, 1), (&CLEAN_STATE, 0), (&OWN_STATE, 2), (&OWN_STATE, u64::MAX / 3)]
            .map(start)
            .map(|running| running.wait().unwrap_or_else(|e| panic!("{e}")).status)
    };
    round();
    let before = frames::statistics().used;
    round().into_iter().for_each(|status| ended("own-fpu-state", status, Expected::Exit(0)));
    kernel_is_well(before);
}
