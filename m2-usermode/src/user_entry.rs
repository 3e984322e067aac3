//! The way into ring 3: IRETQ.
//!
//! IRETQ "returns" to wherever the five words on the stack say; for a program
//! that has never run, the kernel writes them itself (Intel SDM Vol. 2A,
//! "IRET/IRETD/IRETQ"). The selectors' low bits make it ring 3:
//!
//! ```text
//!   | SS     = user data | 3 |
//!   | RSP    = end of stack  |
//!   | RFLAGS = IF            |  the timer must be able to interrupt it
//!   | CS     = user code | 3 |
//!   | RIP    = first byte    | <- RSP at IRETQ
//! ```

use crate::gdt::{USER_CODE, USER_DATA};
use core::arch::naked_asm;
use x86_64::VirtAddr;
use x86_64::registers::rflags::RFlags;

/// RFLAGS bit 1 is always 1.
pub(crate) const RESERVED_FLAG: u64 = 1 << 1;
const USER_FLAGS: u64 = RFlags::INTERRUPT_FLAG.bits() | RESERVED_FLAG;

/// Enters ring 3 at `rip` with the stack pointer `rsp` and `argument` in RDI. No
/// other register carries anything.
///
/// # Safety
/// The loaded page tables are the program's; the TSS and the system-call entry
/// know a kernel stack of which nothing is needed any more.
#[unsafe(naked)]
pub unsafe extern "C" fn enter(rip: VirtAddr, rsp: VirtAddr, argument: u64) -> ! {
    naked_asm!(
        "cli", // until IRETQ sets IF, the stack holds a half-made frame
        "push {user_data}",
        "push rsi",
        "push {flags}",
        "push {user_code}",
        "push rdi",
        "mov rdi, rdx",
        "xor eax, eax",
        "xor ebx, ebx",
        "xor ecx, ecx",
        "xor edx, edx",
        "xor esi, esi",
        "xor ebp, ebp",
        "xor r8d, r8d",
        "xor r9d, r9d",
        "xor r10d, r10d",
        "xor r11d, r11d",
        "xor r12d, r12d",
        "xor r13d, r13d",
        "xor r14d, r14d",
        "xor r15d, r15d",
        "iretq",
        user_data = const USER_DATA.0,
        user_code = const USER_CODE.0,
        flags = const USER_FLAGS,
    )
}
