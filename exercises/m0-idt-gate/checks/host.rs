//! The bytes of a gate, against the manual's picture.

use harness::{Check, Checked, Layout, Trial};
use m0_idt_gate::Gate;
use std::process::ExitCode;

const CHECKS: &[Check] = &[
    Check { name: "offset", body: offset },
    Check { name: "attributes", body: attributes },
    Check { name: "privilege", body: privilege },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

/// Intel SDM Vol. 3A, 7.14.1 "64-Bit Mode IDT", Figure 7-8.
const LOW: Layout = Layout::new(
    64,
    &[
        ("offset 31:16", 63, 48),
        ("P", 47, 47),
        ("DPL", 46, 45),
        ("type", 43, 40),
        ("IST", 34, 32),
        ("selector", 31, 16),
        ("offset 15:0", 15, 0),
    ],
);
const HIGH: Layout = Layout::new(64, &[("reserved", 63, 32), ("offset 63:32", 31, 0)]);

/// Bits of `low` that hold parts of the handler's address.
const OFFSET_BITS: u64 = 0xffff << 48 | 0xffff;
const PRIVILEGE_BITS: u64 = 0b11 << 45;

/// What the course's own table has.
fn reference(handler: u64, selector: u16, ist: u8, dpl: u8) -> Gate {
    let low = handler & 0xffff
        | u64::from(selector) << 16
        | u64::from(ist) << 32
        | 0b1000_1110 << 40
        | u64::from(dpl) << 45
        | (handler >> 16 & 0xffff) << 48;
    Gate { low, high: handler >> 32 }
}

/// A round's gates: by the code under test, and as they should be.
fn gates(trial: &mut Trial) -> (Gate, Gate) {
    trial.round();
    // Handlers lie in the top 2 GiB, as the course's kernels do.
    let handler = 0xffff_ffff_8000_0000 | trial.random.below(1 << 31);
    let selector = trial.random.pick(&[0x08, 0x28, 0x33]);
    let (ist, dpl) = (trial.random.below(8) as u8, trial.random.below(4) as u8);
    trial.given("handler", format_args!("{handler:#x}"));
    trial.given("code_selector", format_args!("{selector:#x}"));
    trial.given("ist", ist);
    trial.given("dpl", dpl);
    (Gate::interrupt(handler, selector, ist, dpl), reference(handler, selector, ist, dpl))
}

/// The three parts of the handler's address.
fn offset(trial: &mut Trial) -> Checked {
    for _ in 0..50 {
        let (got, expected) = gates(trial);
        let low = (got.low & OFFSET_BITS, expected.low & OFFSET_BITS);
        if low.0 & 0xffff == low.1 & 0xffff && low.0 != low.1 {
            trial.picture(LOW, low.0, low.1);
            return trial.fail("address bits 31 to 16 belong into bits 63 to 48 of `low`");
        }
        trial.bits("address bits 15 to 0 belong into bits 15 to 0 of `low`", LOW, low.0, low.1)?;
        trial.bits("`high` holds address bits 63 to 32", HIGH, got.high, expected.high)?;
    }
    Ok(())
}

/// Everything between but the privilege level.
fn attributes(trial: &mut Trial) -> Checked {
    for _ in 0..50 {
        let (got, expected) = gates(trial);
        let mask = !(OFFSET_BITS | PRIVILEGE_BITS);
        let (got, expected) = (got.low & mask, expected.low & mask);
        let differs =
            |high: u32, low: u32| (got ^ expected) >> low & ((1 << (high - low + 1)) - 1) != 0;
        let message = if differs(47, 47) {
            "the gate is not present: bit 47 is clear"
        } else if differs(44, 40) {
            "bits 44 to 40 make it an interrupt gate, type 0b1110"
        } else if differs(31, 16) {
            "the code selector belongs into bits 31 to 16"
        } else {
            "the IST index belongs into bits 34 to 32; the bits up to 39 stay 0"
        };
        trial.bits(message, LOW, got, expected)?;
    }
    Ok(())
}

/// Who may raise it by `int n`.
fn privilege(trial: &mut Trial) -> Checked {
    for _ in 0..50 {
        let (got, expected) = gates(trial);
        let (got, expected) = (got.low & PRIVILEGE_BITS, expected.low & PRIVILEGE_BITS);
        trial.bits("`dpl` belongs into bits 46 and 45", LOW, got, expected)?;
    }
    Ok(())
}
