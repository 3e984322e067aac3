//! The way into the kernel: 256 generated stubs and the frame they build.
//!
//! The CPU pushes five words (Intel SDM Vol. 3A, 7.14.2 "64-Bit Mode Stack
//! Frame"), and for some vectors an error code. The stub completes that to one
//! shape, so that Rust sees one type whatever happened:
//!
//! ```text
//!   higher addresses
//!   +----------------+ <- stack, 16-byte aligned by the CPU
//!   | SS             |
//!   | RSP            |   pushed by the CPU
//!   | RFLAGS         |
//!   | CS             |
//!   | RIP            |
//!   | error code     |   by the CPU, or 0 by the stub
//!   | vector         |   by the stub
//!   | RAX … R15      |   15 registers, by trap_entry
//!   +----------------+ <- RSP at the call into Rust = &TrapFrame
//! ```
//!
//! 22 words: RSP is 16-byte aligned again at the call, as the System V ABI asks.

use crate::vector::{ERROR_CODE_VECTORS, Vector};
use core::arch::global_asm;
use core::fmt;
use core::mem::{offset_of, size_of};
use x86_64::registers::rflags::RFlags;
use x86_64::structures::gdt::SegmentSelector;
use x86_64::{PrivilegeLevel, VirtAddr};

/// The interrupted program's state. What a handler writes here is what the
/// program continues with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
#[allow(missing_docs)] // registers, named as in the manual
pub struct TrapFrame {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rbp: u64,
    pub rdi: u64,
    pub rsi: u64,
    pub rdx: u64,
    pub rcx: u64,
    pub rbx: u64,
    pub rax: u64,
    /// Vector number, from the stub.
    pub vector: u64,
    /// The CPU's error code, or 0.
    pub error_code: u64,
    pub rip: u64,
    pub cs: u64,
    pub rflags: u64,
    pub rsp: u64,
    pub ss: u64,
}

const _: () = assert!(size_of::<TrapFrame>() == 22 * 8 && (22 * 8u64).is_multiple_of(16));
const _: () = assert!(offset_of!(TrapFrame, vector) == 15 * 8);

impl TrapFrame {
    /// The vector that was raised.
    pub fn vector(&self) -> Vector {
        Vector(self.vector as u8)
    }

    /// The ring that was interrupted.
    pub fn ring(&self) -> PrivilegeLevel {
        SegmentSelector(self.cs as u16).rpl()
    }

    /// The general registers with their names, in the order of the report.
    pub fn general_registers(&self) -> [(&'static str, u64); 16] {
        [
            ("rax", self.rax),
            ("rbx", self.rbx),
            ("rcx", self.rcx),
            ("rdx", self.rdx),
            ("rsi", self.rsi),
            ("rdi", self.rdi),
            ("rbp", self.rbp),
            ("rsp", self.rsp),
            ("r8", self.r8),
            ("r9", self.r9),
            ("r10", self.r10),
            ("r11", self.r11),
            ("r12", self.r12),
            ("r13", self.r13),
            ("r14", self.r14),
            ("r15", self.r15),
        ]
    }
}

impl fmt::Display for TrapFrame {
    /// The registers, four to a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.general_registers().chunks(4) {
            write!(f, "   ")?;
            for (name, value) in line {
                write!(f, " {name:>3} {value:016x}")?;
            }
            writeln!(f)?;
        }
        let flags = RFlags::from_bits_truncate(self.rflags);
        write!(f, "     cs {:#x}  ss {:#x}  rflags {:#x} ", self.cs, self.ss, self.rflags)?;
        fmt::Debug::fmt(&flags, f)
    }
}

/// Bytes from one stub to the next; a stub is at most 2 + 5 + 5 bytes long.
const STUB_BYTES: u64 = 16;

unsafe extern "C" {
    /// The first of 256 stubs. Code, not data; only its address is used.
    static trap_stubs: [u8; 256 * STUB_BYTES as usize];
}

/// The address of a vector's stub.
pub fn stub(vector: Vector) -> VirtAddr {
    VirtAddr::from_ptr(&raw const trap_stubs) + u64::from(vector.0) * STUB_BYTES
}

// The CFI directives let a debugger step out of a handler into the code that
// was interrupted.
global_asm!(
    ".pushsection .text.trap_stubs, \"ax\"",
    ".balign {stub_bytes}",
    ".globl trap_stubs",
    "trap_stubs:",
    ".set vector, 0",
    ".rept 256",
    "    .balign {stub_bytes}",
    "    .if (vector >= 32) || ((({with_code}) >> vector) & 1) == 0",
    "        pushq $0",
    "    .endif",
    "    pushq $vector",
    "    jmp trap_entry",
    "    .set vector, vector + 1",
    ".endr",
    ".size trap_stubs, . - trap_stubs",
    "",
    "trap_entry:",
    ".cfi_startproc",
    ".cfi_signal_frame",
    // The canonical frame address is where the CPU's pushes begin.
    ".cfi_def_cfa rsp, 7 * 8",
    ".cfi_offset rip, -5 * 8",
    ".cfi_offset rsp, -2 * 8",
    "    pushq %rax",
    "    pushq %rbx",
    "    pushq %rcx",
    "    pushq %rdx",
    "    pushq %rsi",
    "    pushq %rdi",
    "    pushq %rbp",
    "    pushq %r8",
    "    pushq %r9",
    "    pushq %r10",
    "    pushq %r11",
    "    pushq %r12",
    "    pushq %r13",
    "    pushq %r14",
    "    pushq %r15",
    ".cfi_adjust_cfa_offset 15 * 8",
    ".cfi_offset rbp, -14 * 8",
    "    cld", // the ABI's direction, whatever the interrupted code had
    "    movq %rsp, %rdi",
    "    call {dispatch}",
    "    popq %r15",
    "    popq %r14",
    "    popq %r13",
    "    popq %r12",
    "    popq %r11",
    "    popq %r10",
    "    popq %r9",
    "    popq %r8",
    "    popq %rbp",
    "    popq %rdi",
    "    popq %rsi",
    "    popq %rdx",
    "    popq %rcx",
    "    popq %rbx",
    "    popq %rax",
    "    addq $16, %rsp", // vector and error code
    "    iretq",
    ".cfi_endproc",
    ".popsection",
    stub_bytes = const STUB_BYTES,
    with_code = const ERROR_CODE_VECTORS,
    dispatch = sym crate::traps::dispatch,
    options(att_syntax)
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "Miri runs no assembly")]
    fn stubs_are_evenly_spaced_code() {
        // SAFETY: the symbol is 256 stubs of STUB_BYTES readable bytes.
        let code = unsafe { &trap_stubs };
        for number in 0..=255u8 {
            let offset = usize::from(number) * STUB_BYTES as usize;
            let stub = &code[offset..offset + STUB_BYTES as usize];
            let (dummy, rest) = match Vector(number).has_error_code() {
                true => (&[][..], stub),
                false => stub.split_at(2),
            };
            assert!(dummy.is_empty() || dummy == [0x6a, 0x00], "vector {number}: push $0");
            let pushed = match rest[0] {
                0x6a => rest[1],
                0x68 => rest[1],
                other => panic!("vector {number}: opcode {other:#x} is no push"),
            };
            assert_eq!(pushed, number);
        }
    }

    #[test]
    fn ring_is_the_code_selector_s_low_bits() {
        let frame = TrapFrame { cs: 0x2b, ..TrapFrame::default() };
        assert_eq!(frame.ring(), PrivilegeLevel::Ring3);
    }
}
