//! One check, and what it says.

use crate::{Layout, Random};
use arrayvec::ArrayString;
use core::fmt::{self, Debug, Display, LowerHex, Write};
use shared::grading::{self, Line};

/// How many inputs of a round are remembered.
const INPUTS: usize = 8;
/// How much of each is shown, in bytes.
const INPUT_BYTES: usize = 160;

/// A check: the name under which `exercise.toml` gives points for it, and what it does.
#[derive(Clone, Copy)]
pub struct Check {
    /// Its name: lower-case words with hyphens.
    pub name: &'static str,
    /// Tries the learner's code.
    pub body: fn(&mut Trial) -> Checked,
}

/// What a check returns. [`Failed`] comes only from a trial's methods, which have
/// reported then.
pub type Checked = Result<(), Failed>;

/// Something did not hold, and was reported.
#[derive(Debug)]
pub struct Failed(());

/// A check while it runs.
pub struct Trial<'a> {
    /// Inputs that differ from run to run.
    pub random: Random,
    inputs: arrayvec::ArrayVec<(&'static str, ArrayString<INPUT_BYTES>), INPUTS>,
    sink: &'a mut dyn Write,
    nonce: &'a str,
}

impl<'a> Trial<'a> {
    /// Runs one check and reports it to `sink`. Returns whether it holds.
    pub fn run(check: &Check, seed: u64, nonce: &'a str, sink: &'a mut dyn Write) -> bool {
        let random = Random::new(seed, check.name);
        let mut trial = Self { random, inputs: arrayvec::ArrayVec::new(), sink, nonce };
        trial.say::<&str>(Line::Begin { check: check.name });
        let holds = (check.body)(&mut trial).is_ok();
        if holds {
            trial.say::<&str>(Line::Pass);
        }
        holds
    }

    /// Begins a round: inputs noted so far are forgotten.
    pub fn round(&mut self) {
        self.inputs.clear();
    }

    /// Notes an input of this round. It is shown if the check fails. More than eight
    /// are not kept.
    pub fn given(&mut self, name: &'static str, value: impl Display) {
        let mut text = ArrayString::new();
        // A value that is too long is cut.
        let _ = write!(Cut(&mut text), "{value}");
        let _ = self.inputs.try_push((name, text));
    }

    /// Ends the check: `message` is one sentence that says what is wrong and, where
    /// the mistake is recognised, why.
    ///
    /// # Errors
    /// Always: for use as `return trial.fail(…)`.
    pub fn fail(&mut self, message: impl Display) -> Checked {
        let inputs = core::mem::take(&mut self.inputs);
        for (name, value) in &inputs {
            self.say(Line::Given { name, value: value.as_str() });
        }
        self.say(Line::Fail { message });
        Err(Failed(()))
    }

    /// `message` unless `holds`.
    ///
    /// # Errors
    /// If it does not hold.
    pub fn holds(&mut self, holds: bool, message: impl Display) -> Checked {
        if holds { Ok(()) } else { self.fail(message) }
    }

    /// The learner's code must give `expected`; `message` says what the value is, or
    /// what is wrong if it differs.
    ///
    /// # Errors
    /// If they differ; both are shown.
    pub fn equal<T: PartialEq + Debug>(
        &mut self,
        message: impl Display,
        got: T,
        expected: T,
    ) -> Checked {
        if got == expected {
            return Ok(());
        }
        self.compared(format_args!("{expected:?}"), format_args!("{got:?}"));
        self.fail(message)
    }

    /// As [`Self::equal`], with both values in hexadecimal: for addresses.
    ///
    /// # Errors
    /// If they differ; both are shown.
    pub fn equal_hex<T: PartialEq + LowerHex>(
        &mut self,
        message: impl Display,
        got: T,
        expected: T,
    ) -> Checked {
        if got == expected {
            return Ok(());
        }
        self.compared(format_args!("{expected:#x}"), format_args!("{got:#x}"));
        self.fail(message)
    }

    /// As [`Self::equal`], shown as a picture of the bits.
    ///
    /// # Errors
    /// If they differ.
    pub fn bits(
        &mut self,
        message: impl Display,
        layout: Layout,
        got: u64,
        expected: u64,
    ) -> Checked {
        if got == expected {
            return Ok(());
        }
        self.picture(layout, got, expected);
        self.fail(message)
    }

    /// Shows a picture of bits with the failure that follows.
    pub fn picture(&mut self, layout: Layout, got: u64, expected: u64) {
        let fields = format_args!("{layout}");
        self.say(Line::Bits { width: layout.width(), expected, got, fields });
    }

    /// Shows what was expected and what came with the failure that follows.
    pub fn compared(&mut self, expected: impl Display, got: impl Display) {
        self.say(Line::Expected { text: expected });
        self.say(Line::Got { text: got });
    }

    fn say<T: Display>(&mut self, line: Line<'_, T>) {
        // Standard output that is closed ends the process by itself; the debug
        // console takes everything.
        let _ = grading::write(self.sink, self.nonce, line);
    }
}

/// Passes on what fits.
struct Cut<'a>(&'a mut ArrayString<INPUT_BYTES>);

impl Write for Cut<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.0.try_push(c).is_err() {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(body: fn(&mut Trial) -> Checked) -> (bool, String) {
        let mut text = String::new();
        let holds = Trial::run(&Check { name: "sums", body }, 1, "n", &mut text);
        (holds, text)
    }

    #[test]
    fn a_check_that_holds_says_so() {
        let (holds, text) = report(|trial| trial.equal("two and two", 2 + 2, 4));
        assert!(holds);
        assert_eq!(text, "graded n begin sums\ngraded n pass\n");
    }

    #[test]
    fn a_failure_tells_the_inputs_of_its_round_only() {
        let (holds, text) = report(|trial| {
            trial.given("a", 1);
            trial.round();
            trial.given("b", format_args!("{:#x}", 2));
            trial.bits("the low bit", Layout::new(2, &[("LOW", 0, 0)]), 0, 1)
        });
        assert!(!holds);
        assert_eq!(
            text,
            "graded n begin sums\ngraded n bits 2 0x1 0x0 LOW:0-0\ngraded n given b = 0x2\n\
             graded n fail the low bit\n"
        );
    }

    #[test]
    fn long_inputs_are_cut() {
        let (_, text) = report(|trial| {
            trial.given("long", "é".repeat(500));
            trial.fail("no")
        });
        assert!(text.contains(&format!("given long = {}\n", "é".repeat(INPUT_BYTES / 2))));
    }
}
