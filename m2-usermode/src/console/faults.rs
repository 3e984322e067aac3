//! `fault`: exceptions on purpose. Most end the kernel, after its report.

use core::arch::asm;
use core::hint::black_box;
use m1_memory::layout::{IMAGE, STACKS};

/// An exception that can be asked for.
#[derive(Debug)]
pub struct Raise {
    /// What it is called.
    pub name: &'static str,
    /// What raises it.
    pub by: &'static str,
    raise: fn(),
}

impl PartialEq for Raise {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Raise {}

/// All of them.
pub static ALL: [Raise; 11] = [
    Raise { name: "divide", by: "a division by zero", raise: divide },
    Raise { name: "breakpoint", by: "int3", raise: breakpoint },
    Raise { name: "nmi", by: "int 2, and no device that reports an error", raise: nmi },
    Raise { name: "ud2", by: "ud2, an instruction that is none", raise: invalid_opcode },
    Raise { name: "general-protection", by: "a non-canonical address", raise: general_protection },
    Raise { name: "null", by: "a read through a null pointer", raise: null },
    Raise { name: "page-fault", by: "a write to an address that is not mapped", raise: page_fault },
    Raise { name: "write-text", by: "a write to the kernel's own code", raise: write_text },
    Raise { name: "execute-data", by: "a jump to data", raise: execute_data },
    Raise { name: "stack-overflow", by: "a function that calls itself", raise: stack_overflow },
    Raise { name: "panic", by: "panic!, which is no exception", raise: panic },
];

/// Raises the exception. Comes back only if the kernel can go on.
pub fn raise(raise: &Raise) {
    m0_boot::println!("{}: {}", raise.name, raise.by);
    (raise.raise)();
    m0_boot::println!("the kernel goes on");
}

fn divide() {
    // SAFETY: raises #DE, which ends the kernel.
    unsafe {
        asm!("xor edx, edx", "xor ecx, ecx", "div ecx", out("eax") _, out("ecx") _, out("edx") _);
    }
}

fn breakpoint() {
    x86_64::instructions::interrupts::int3();
}

fn nmi() {
    // SAFETY: the gate's handler keeps all registers.
    unsafe { asm!("int 2") }
}

fn invalid_opcode() {
    // SAFETY: raises #UD, which ends the kernel.
    unsafe { asm!("ud2") }
}

fn general_protection() {
    const NON_CANONICAL: u64 = 1 << 63;
    // SAFETY: raises #GP, which ends the kernel.
    unsafe { asm!("mov {0}, [{0}]", inout(reg) NON_CANONICAL => _) }
}

fn null() {
    // SAFETY: raises #PF, which ends the kernel.
    unsafe { asm!("mov {0}, [{0}]", inout(reg) 0u64 => _) }
}

fn page_fault() {
    // Above the stacks nothing is ever mapped.
    // SAFETY: raises #PF, which ends the kernel.
    unsafe { asm!("mov byte ptr [{}], 1", in(reg) STACKS.end.as_u64()) }
}

fn write_text() {
    // SAFETY: raises #PF, which ends the kernel, as CR0.WP holds for ring 0 too.
    unsafe { asm!("mov byte ptr [{}], 1", in(reg) IMAGE.start.as_u64()) }
}

fn execute_data() {
    static DATA: [u8; 1] = [0xc3];
    // SAFETY: raises #PF, which ends the kernel; were it executed, it would return.
    unsafe { asm!("call {}", in(reg) DATA.as_ptr(), clobber_abi("C")) }
}

fn stack_overflow() {
    black_box(deeper(black_box(0)));
}

/// Calls itself until the guard page below the stack is reached.
#[allow(unconditional_recursion)]
#[inline(never)]
fn deeper(depth: u64) -> u64 {
    let words = black_box([depth; 64]);
    deeper(depth + 1) + words[0]
}

fn panic() {
    panic!("asked for at the console");
}
