//! A system call with something in every register.

use core::arch::asm;

/// What is in the registers that are no arguments.
const MARK: u64 = 0x5eed_c0de_0000_0000;

/// Makes a call; returns what it left in RAX, and whether all registers but RCX
/// and R11 are as they were. (RBX and RBP are the compiler's; it would notice.)
///
/// # Safety
/// As for [`user::syscall::raw`].
pub unsafe fn call(number: u64, arguments: [u64; 3]) -> (u64, bool) {
    let [mut first, mut second, mut third] = arguments;
    let mut others = [8, 9, 10, 12, 13, 14, 15].map(|register| MARK | register);
    let before = (arguments, others);
    let [r8, r9, r10, r12, r13, r14, r15] = &mut others;
    let result;
    // SAFETY: what the call writes to memory is the caller's affair; of registers
    // it may change those that are named here.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            inlateout("rdi") first,
            inlateout("rsi") second,
            inlateout("rdx") third,
            inlateout("r8") *r8,
            inlateout("r9") *r9,
            inlateout("r10") *r10,
            inlateout("r12") *r12,
            inlateout("r13") *r13,
            inlateout("r14") *r14,
            inlateout("r15") *r15,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    (result, before == ([first, second, third], others))
}
