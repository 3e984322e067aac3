//! Random error codes, put together from their bits.

use harness::{Check, Checked, Trial};
use m0_fault_sentence::{
    Access, Cause, PageFault, Ring, SelectorFault, Table, page_fault, selector_fault,
};
use std::process::ExitCode;

const CHECKS: &[Check] = &[
    Check { name: "page-access", body: page_access },
    Check { name: "page-cause", body: page_cause },
    Check { name: "selector-entry", body: selector_entry },
    Check { name: "selector-null", body: selector_null },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

/// A bit and its name.
type Bit = (u32, &'static str);
/// Intel SDM Vol. 3A, 5.7 "Page-Fault Exceptions".
const PAGE: &[Bit] =
    &[(0, "P"), (1, "W/R"), (2, "U/S"), (3, "RSVD"), (4, "I/D"), (5, "PK"), (6, "SS"), (15, "SGX")];
/// Intel SDM Vol. 3A, 7.13 "Error Code"; the rest is the index.
const SELECTOR: &[Bit] = &[(0, "EXT"), (1, "IDT"), (2, "TI")];

/// Notes a code with the names of the bits that are set.
fn given(trial: &mut Trial, code: u64, bits: &[Bit]) {
    let set: Vec<&str> =
        bits.iter().filter(|(bit, _)| code >> bit & 1 == 1).map(|(_, name)| *name).collect();
    let set = if set.is_empty() { "none".to_owned() } else { set.join(" ") };
    trial.given("code", format_args!("{code:#x}"));
    trial.given("set", set);
}

/// Enough rounds that every combination comes.
const ROUNDS: u32 = 300;

/// A page fault's code, and what is in it.
fn page_code(trial: &mut Trial) -> (u64, PageFault) {
    trial.round();
    let (access, access_bits) =
        trial.random.pick(&[(Access::Read, 0), (Access::Write, 1 << 1), (Access::Fetch, 1 << 4)]);
    let (ring, ring_bit) = trial.random.pick(&[(Ring::Ring0, 0), (Ring::Ring3, 1 << 2)]);
    // RSVD and PK come only with P.
    let (cause, cause_bits) = trial.random.pick(&[
        (Cause::NotPresent, 0),
        (Cause::Forbidden, 1),
        (Cause::ReservedBit, 1 | 1 << 3),
        (Cause::ProtectionKey, 1 | 1 << 5),
    ]);
    // A bit that the exercise says to ignore.
    let other = if trial.random.below(4) == 0 { trial.random.pick(&[1 << 6, 1 << 15]) } else { 0 };
    let code = access_bits | ring_bit | cause_bits | other;
    given(trial, code, PAGE);
    (code, PageFault { access, ring, cause })
}

/// Fails with what one field should be, and is.
fn told<T: std::fmt::Debug>(trial: &mut Trial, expected: T, got: T, message: &str) -> Checked {
    trial.compared(format_args!("{expected:?}"), format_args!("{got:?}"));
    trial.fail(message)
}

/// What was tried, and by whom.
fn page_access(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let (code, expected) = page_code(trial);
        let got = page_fault(code);
        let message = match (expected.access, got.access) {
            (expected, got) if expected == got => None,
            (Access::Fetch, _) => Some("bit 4 (I/D) is set: the access was an instruction fetch"),
            (Access::Write, _) => Some("bit 1 (W/R) is set: the access was a write"),
            (Access::Read, _) => Some("bits 4 (I/D) and 1 (W/R) are clear: the access was a read"),
        };
        if let Some(message) = message {
            return told(trial, expected.access, got.access, message);
        }
        if expected.ring != got.ring {
            return told(trial, expected.ring, got.ring, "bit 2 (U/S) is set for ring 3");
        }
    }
    Ok(())
}

/// Why it could not be done.
fn page_cause(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let (code, expected) = page_code(trial);
        let got = page_fault(code);
        if expected.cause == got.cause {
            continue;
        }
        let message = match (expected.cause, got.cause) {
            (Cause::NotPresent, Cause::Forbidden) | (Cause::Forbidden, Cause::NotPresent) => {
                "bit 0 (P) is 0 if the page was not present, and 1 if it did not permit the access"
            }
            (Cause::NotPresent, _) => "bit 0 (P) is clear: the page was not present",
            (Cause::ReservedBit, Cause::Forbidden) => {
                "bit 3 (RSVD) is set: it says more than P, which is always set with it"
            }
            (Cause::ReservedBit, _) => "bit 3 (RSVD) is set: a paging entry has a reserved bit set",
            (Cause::ProtectionKey, Cause::Forbidden) => {
                "bit 5 (PK) is set: it says more than P, which is always set with it"
            }
            (Cause::ProtectionKey, _) => "bit 5 (PK) is set: a protection key forbids the access",
            (Cause::Forbidden, _) => "bit 0 (P) is set: the page was there, and did not permit it",
        };
        return told(trial, expected.cause, got.cause, message);
    }
    Ok(())
}

/// Table and index.
fn selector_entry(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        trial.round();
        let (table, table_bits) = trial.random.pick(&[
            (Table::Gdt, 0),
            (Table::Ldt, 1 << 2),
            (Table::Idt, 1 << 1),
            // TI, which means nothing here.
            (Table::Idt, 1 << 1 | 1 << 2),
        ]);
        let most = if table == Table::Idt { 0xff } else { 0x1fff };
        let index = trial.random.within(1..=most) as u16;
        let external = trial.random.flip();
        let code = u64::from(index) << 3 | table_bits | u64::from(external);
        given(trial, code, SELECTOR);
        let expected = SelectorFault { table, index, external };
        let got = selector_fault(code);
        if got == Some(expected) {
            continue;
        }
        trial.compared(format_args!("{:?}", Some(expected)), format_args!("{got:?}"));
        let Some(got) = got else {
            return trial.fail("this code is not null: it has an index");
        };
        let message = if got.index == index << 3 || u64::from(got.index) == code {
            "that is the selector: the index begins at bit 3"
        } else if got.index != index {
            "the index is in bits 15 to 3"
        } else if table == Table::Idt && got.table == Table::Ldt {
            "bit 1 (IDT) is set: bit 2 (TI) means nothing then"
        } else if got.table != table {
            "bits 1 (IDT) and 2 (TI) name the table"
        } else {
            "bit 0 (EXT) says that it happened while an earlier event was delivered"
        };
        return trial.fail(message);
    }
    Ok(())
}

/// Codes with nothing in them, and the ones that come closest.
fn selector_null(trial: &mut Trial) -> Checked {
    for (code, message) in [
        (0b000, "all bits are clear: the code is null"),
        (0b001, "nothing but EXT is set: the code is null, and entry 0 of the GDT is not meant"),
    ] {
        trial.round();
        given(trial, code, SELECTOR);
        trial.equal(message, selector_fault(code), None)?;
    }
    for code in [0b010, 0b011] {
        trial.round();
        given(trial, code, SELECTOR);
        let expected = SelectorFault { table: Table::Idt, index: 0, external: code & 1 != 0 };
        let message = "bit 1 (IDT) is set: the code is about the gate of vector 0";
        trial.equal(message, selector_fault(code), Some(expected))?;
    }
    Ok(())
}
