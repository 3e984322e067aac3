//! Doors that are not there: software interrupts, and instructions that raise an
//! exception by themselves.
//!
//! `int n` from ring 3 needs a gate with DPL 3; without, it is a #GP that names
//! the gate (Intel SDM Vol. 3A, 7.12.1.2 "Protection of Exception- and
//! Interrupt-Handler Procedures"; 7.13 "Error Code").

use crate::containment::{Expected, ended, kernel_is_well, run};
use crate::{cases, programs};
use m0_boot::vector::Vector;
use m1_memory::frames;
use m2_usermode::program::HELLO;
use shared::cases::Case;

programs! {
    exit 1;
    INT_0X80 = "int 0x80";
    SYSENTER = "sysenter";
    INT1 = "int 1";
    NMI = "int 2";
    INT3 = "int3";
    OVERFLOW = "int 4";
    DOUBLE_FAULT = "int 8";
    PAGE_FAULT = "int 14";
    TIMER = "int 0x20";
    // The one-byte form, which raises #DB itself and asks no gate.
    ICEBP = ".byte 0xf1";
    INTO = ".byte 0xce";
    BOUND = ".byte 0x62, 0x04, 0x24, 0xff, 0xff, 0xff, 0xff";
    UD2 = "ud2";
    UD1 = "ud1 eax, eax";
    LOCKED_REGISTER = ".byte 0xf0, 0x90";
    ENDLESS_INSTRUCTION =
        ".byte 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66",
        ".byte 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90";
    DIVIDE_BY_ZERO = "xor ecx, ecx", "div ecx";
    DIVIDE_OVERFLOW =
        "mov eax, 0x80000000", "mov edx, 0xffffffff", "mov ecx, -1", "idiv ecx";
    /// Raises the interrupt whose number is its argument: each `int n` is padded
    /// to four bytes.
    ANY_INTERRUPT =
        "lea rax, [rip + 3f]", "lea rax, [rax + rdi * 4]", "jmp rax",
        "3: .set number, 0",
        ".rept 256", ".byte 0xcd, number, 0x0f, 0x0b", ".set number, number + 1", ".endr";
}

/// The #GP of a software interrupt whose gate is closed to ring 3.
const fn closed(number: u8) -> Expected {
    Expected::ClosedGate(Vector(number))
}

cases! {
    "old-system-call" INT_0X80 => closed(0x80);
    // AMD has no SYSENTER in 64-bit mode; Intel's finds a null selector.
    "other-system-call" SYSENTER => Expected::Either(&Expected::UNDEFINED, &Expected::PRIVILEGED);
    "fake-debug-exception" INT1 => closed(1);
    "fake-nmi" NMI => closed(2);
    "breakpoint" INT3 => Expected::Fault(Vector::BREAKPOINT, 0);
    "overflow-trap" OVERFLOW => Expected::Fault(Vector::OVERFLOW, 0);
    "fake-double-fault" DOUBLE_FAULT => closed(8);
    "fake-page-fault" PAGE_FAULT => closed(14);
    "fake-timer" TIMER => closed(0x20);
    // QEMU 7.2 does not know it.
    "hardware-breakpoint-opcode" ICEBP =>
        Expected::Either(&Expected::Fault(Vector::DEBUG, 0), &Expected::UNDEFINED);
    "into" INTO => Expected::UNDEFINED;
    "bound" BOUND => Expected::UNDEFINED;
    "invalid-opcode" UD2 => Expected::UNDEFINED;
    "other-invalid-opcode" UD1 => Expected::UNDEFINED;
    "lock-without-memory" LOCKED_REGISTER => Expected::UNDEFINED;
    "instruction-too-long" ENDLESS_INSTRUCTION => Expected::PRIVILEGED;
    "divide-by-zero" DIVIDE_BY_ZERO => Expected::Fault(Vector::DIVIDE_ERROR, 0);
    "divide-overflow" DIVIDE_OVERFLOW => Expected::Fault(Vector::DIVIDE_ERROR, 0);
}

/// All 256 interrupts, one process each.
pub const EVERY_INTERRUPT: Case = ("every-interrupt", || {
    run(&HELLO, 0);
    let before = frames::statistics().used;
    for number in 0..=u8::MAX {
        let expected = match Vector(number) {
            open @ (Vector::BREAKPOINT | Vector::OVERFLOW) => Expected::Fault(open, 0),
            _ => closed(number),
        };
        ended("every-interrupt", run(&ANY_INTERRUPT, number.into()).status, expected);
    }
    kernel_is_well(before);
});
