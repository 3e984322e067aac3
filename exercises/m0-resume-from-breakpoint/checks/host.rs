//! Random frames.

use harness::{Check, Checked, Trial};
use m0_resume_from_breakpoint::{
    BREAKPOINT, DIVIDE_ERROR, DOUBLE_FAULT, GENERAL_PROTECTION, INVALID_OPCODE, PAGE_FAULT, UD2,
    raised_at, resume_at,
};
use std::process::ExitCode;

const CHECKS: &[Check] = &[
    Check { name: "raised-at", body: where_raised },
    Check { name: "breakpoint", body: breakpoint },
    Check { name: "invalid-opcode", body: invalid_opcode },
    Check { name: "others-end", body: others_end },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

const ROUNDS: u32 = 50;
/// An instruction has no more bytes.
const LONGEST: u64 = 15;

/// Begins a round: an address of code in the top 2 GiB, as the course's kernels have.
fn frame(trial: &mut Trial, vector: u8) -> u64 {
    trial.round();
    let rip = 0xffff_ffff_8000_0010 | trial.random.below(1 << 31);
    trial.given("vector", vector);
    trial.given("rip", format_args!("{rip:#x}"));
    rip
}

/// Random bytes behind `first`, and notes them.
fn code(trial: &mut Trial, first: &[u8], most: u64) -> Vec<u8> {
    let more = trial.random.below(most - first.len() as u64 + 1);
    let mut code = first.to_vec();
    code.extend((0..more).map(|_| trial.random.bits() as u8));
    trial.given("code", format_args!("{code:02x?}"));
    code
}

/// Where the instruction stands.
fn where_raised(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let rip = frame(trial, BREAKPOINT);
        let got = raised_at(BREAKPOINT, rip);
        let message = if got == rip {
            "#BP is a trap: RIP is behind the `int3` already, which has one byte"
        } else {
            "`int3` has one byte, and RIP is behind it"
        };
        trial.equal_hex(message, got, rip - 1)?;
        let vector =
            trial.random.pick(&[DIVIDE_ERROR, INVALID_OPCODE, GENERAL_PROTECTION, PAGE_FAULT]);
        let rip = frame(trial, vector);
        let message = "this is a fault: RIP points at the instruction itself";
        trial.equal_hex(message, raised_at(vector, rip), rip)?;
    }
    Ok(())
}

/// The learner's answer, in a report.
fn shown(answer: Option<u64>) -> String {
    answer.map_or_else(|| "None".to_owned(), |address| format!("Some({address:#x})"))
}

/// Behind `int3`.
fn breakpoint(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let rip = frame(trial, BREAKPOINT);
        let code = code(trial, &[], LONGEST);
        let got = resume_at(BREAKPOINT, rip, &code);
        if got == Some(rip) {
            continue;
        }
        trial.compared(shown(Some(rip)), shown(got));
        return trial.fail(match got.map(|got| got.wrapping_sub(rip) as i64) {
            Some(1) => {
                "#BP is a trap: RIP is behind the `int3` already, and this skips a byte more"
            }
            Some(-1) => "the CPU would go on with the `int3` itself, and come back for ever",
            None => "a breakpoint does not end the kernel",
            _ => "the kernel goes on right behind the `int3`",
        });
    }
    Ok(())
}

/// Behind `ud2`.
fn invalid_opcode(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let rip = frame(trial, INVALID_OPCODE);
        let code = code(trial, &UD2, LONGEST);
        let got = resume_at(INVALID_OPCODE, rip, &code);
        if got == Some(rip + 2) {
            continue;
        }
        trial.compared(shown(Some(rip + 2)), shown(got));
        return trial.fail(match got.map(|got| got.wrapping_sub(rip) as i64) {
            Some(0) => "#UD is a fault: RIP points at the `ud2`, which would be raised for ever",
            Some(1) => "this is in the middle of the `ud2`, which has two bytes",
            None => "`ud2` does not end the kernel",
            _ => "the kernel goes on right behind the `ud2`",
        });
    }
    Ok(())
}

/// Bytes that are no instruction in 64-bit mode, or as many of `ud2` as can be read.
const NO_UD2: &[&[u8]] = &[&[0x06], &[0x0e], &[0x0f, 0xff], &[0x0b, 0x0f], &[0x0f], &[]];

/// Everything else.
fn others_end(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let rip = frame(trial, INVALID_OPCODE);
        let first = trial.random.pick(NO_UD2);
        // A code that is cut off is the whole of it.
        let most = if first.len() < 2 && first != [0x06] { first.len() as u64 } else { LONGEST };
        let code = code(trial, first, most);
        let got = resume_at(INVALID_OPCODE, rip, &code);
        if got.is_some() {
            trial.compared("None", shown(got));
            return trial.fail("this is no `ud2`: nobody knows where the next instruction begins");
        }
        let vector =
            trial.random.pick(&[DIVIDE_ERROR, DOUBLE_FAULT, GENERAL_PROTECTION, PAGE_FAULT]);
        let rip = frame(trial, vector);
        // It may look like `ud2` by chance.
        let code = self::code(trial, &UD2, LONGEST);
        let got = resume_at(vector, rip, &code);
        if got.is_some() {
            trial.compared("None", shown(got));
            return trial.fail("only behind #BP and #UD the kernel can go on here");
        }
    }
    Ok(())
}
