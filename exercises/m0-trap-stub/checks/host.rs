//! The vectors that come with an error code.

use harness::{Check, Checked, Trial};
use m0_trap_stub::pushes_error_code;
use std::process::ExitCode;

const CHECKS: &[Check] = &[Check { name: "error-codes", body: error_codes }];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

/// Mnemonics (Intel SDM Vol. 3A, Table 7-1; AMD APM Vol. 2, 8.2 "Vectors") of the vectors
/// that have one.
const EXCEPTIONS: [(u8, &str); 23] = [
    (0, "#DE"),
    (1, "#DB"),
    (2, "NMI"),
    (3, "#BP"),
    (4, "#OF"),
    (5, "#BR"),
    (6, "#UD"),
    (7, "#NM"),
    (8, "#DF"),
    (10, "#TS"),
    (11, "#NP"),
    (12, "#SS"),
    (13, "#GP"),
    (14, "#PF"),
    (16, "#MF"),
    (17, "#AC"),
    (18, "#MC"),
    (19, "#XM"),
    (20, "#VE"),
    (21, "#CP"),
    (28, "#HV"),
    (29, "#VC"),
    (30, "#SX"),
];

/// How many vectors are exceptions.
const EXCEPTION_VECTORS: u8 = 32;

fn error_codes(trial: &mut Trial) -> Checked {
    for vector in 0..=u8::MAX {
        trial.round();
        trial.given("vector", vector);
        let got = pushes_error_code(vector);
        let expected = m0_boot::vector::Vector(vector).has_error_code();
        let name = EXCEPTIONS.iter().find(|(number, _)| *number == vector).map(|(_, name)| *name);
        let message = match (name, expected) {
            (Some(name), true) => format!("{name} (vector {vector}) pushes an error code"),
            (Some(name), false) => format!("{name} (vector {vector}) pushes no error code"),
            (None, _) if vector < EXCEPTION_VECTORS => {
                format!("vector {vector} is reserved, and pushes no error code")
            }
            (None, _) => format!("vector {vector} is for devices, which have no error codes"),
        };
        trial.equal(message, got, expected)?;
    }
    Ok(())
}
