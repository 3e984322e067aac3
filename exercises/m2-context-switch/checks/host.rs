//! The first stack of a thread, as words.

use harness::{Check, Checked, Trial};
use m2_context_switch::first_stack;
use std::process::ExitCode;

const CHECKS: &[Check] =
    &[Check { name: "first-stack", body: first }, Check { name: "alignment", body: alignment }];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

/// Registers that are popped before the return address.
const REGISTERS: usize = 6;

/// What stands in a stack's words before.
const OLD: u64 = 0x5555_5555_5555_5555;

/// A stack laid out by the learner: its words, the entry, and where RSP points.
fn laid_out(trial: &mut Trial) -> (Vec<u64>, u64, usize) {
    trial.round();
    // An even number of words: both ends are multiples of 16.
    let mut stack = vec![OLD; 2 * trial.random.within(8..=64) as usize];
    let entry = 0xffff_ffff_8000_0000 | trial.random.below(1 << 28);
    trial.given("stack", format_args!("{} words", stack.len()));
    trial.given("entry", format_args!("{entry:#x}"));
    let rsp = first_stack(&mut stack, entry);
    trial.given("index", rsp);
    (stack, entry, rsp)
}

fn first(trial: &mut Trial) -> Checked {
    for _ in 0..50 {
        let (stack, entry, rsp) = laid_out(trial);
        let length = stack.len();
        trial.holds(rsp < length, "the saved RSP points outside the stack")?;
        let Some(at) = stack.iter().position(|&word| word == entry) else {
            return trial.fail("the entry does not stand in the stack");
        };
        if at == rsp {
            return trial.fail(
                "the entry stands at the saved RSP itself: `switch` pops six registers \
                 before its `ret` takes it",
            );
        }
        let message = "`ret` takes the word behind the six registers: the entry must stand \
                       that many words above the saved RSP";
        trial.equal(message, at as isize - rsp as isize, REGISTERS as isize)?;
        let zero = stack[rsp..at].iter().all(|&word| word == 0);
        trial.holds(zero, "a new thread begins with 0 in its registers (RBP ends backtraces)")?;
    }
    Ok(())
}

fn alignment(trial: &mut Trial) -> Checked {
    for _ in 0..50 {
        let (stack, _, rsp) = laid_out(trial);
        // What stands above the word that `ret` takes.
        let above = stack.len() as isize - (rsp + REGISTERS + 1) as isize;
        let message = if above % 2 == 0 {
            "RSP would be a multiple of 16 when the entry begins: after a call it is 8 below \
             one, so one word must stand above the entry"
        } else {
            "one word above the entry is enough: the rest of the stack is the thread's"
        };
        trial.equal(message, above, 1)?;
        let (last, below) = (stack[stack.len() - 1], &stack[..rsp.min(stack.len())]);
        trial.equal("the word above the entry must be 0, which ends backtraces", last, 0)?;
        let untouched = below.iter().all(|&word| word == OLD);
        trial.holds(untouched, "nothing below the saved RSP may be written")?;
    }
    Ok(())
}
