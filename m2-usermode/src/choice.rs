//! The program that the command line asks for: `run=NAME`, `run=NAME:ARGUMENT`, or
//! `run=list`.
//!
//! A name that nothing goes by is the user's mistake, not the kernel's: it is a
//! failed check with a message, and no panic.

use crate::checks;
use crate::process::Outcome;
use crate::program::{self, NoSuchProgram, Program};
use core::fmt;
use m0_boot::println;
use m1_memory::physical::DirectMap;
use shared::events::{self, Event};
use shared::exit::{self, Reason};

/// The name that asks for all names.
const LIST: &str = "list";

/// What the check is called that fails if there is no such program.
const CHECK: &str = "run";

/// A program and what it is started with.
#[derive(Clone, Copy, Debug)]
struct Choice {
    program: Program,
    argument: u64,
}

/// Why the option means no program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChoiceError<'a> {
    /// There is none of that name.
    Program(NoSuchProgram<'a>),
    /// What stands behind the colon is no number.
    Argument(&'a str),
}

impl fmt::Display for ChoiceError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(error) => write!(f, "{error}; `run={LIST}` tells more"),
            Self::Argument(text) => {
                write!(f, "the argument `{text}` is no number of 64 bits, such as 7 or 0x2a")
            }
        }
    }
}

/// Runs the program that `option`, the value of `run=`, stands for.
///
/// Where it asks for a list, or is mistaken, the boot ends here: with success and
/// the list, or with a failed check that says what is wrong.
///
/// # Panics
/// If there is no memory for a process.
pub fn run(option: &str, nonce: &str, memory: DirectMap) -> Outcome {
    if option == LIST {
        print_list();
        events::emit::<&str>(Event::Done { nonce });
        exit::leave(Reason::Complete);
    }
    let Choice { program, argument } = parse(option).unwrap_or_else(|error| {
        println!("run={option}: {error}");
        events::check(CHECK, Err(error));
        exit::leave(Reason::Failed)
    });
    checks::run(checks::create(&program, memory).with_argument(argument))
}

fn parse(option: &str) -> Result<Choice, ChoiceError<'_>> {
    let (name, argument) = option.split_once(':').unwrap_or((option, "0"));
    let program = program::find(name).map_err(ChoiceError::Program)?;
    let number = match argument.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => argument.parse(),
    };
    let argument = number.map_err(|_| ChoiceError::Argument(argument))?;
    Ok(Choice { program, argument })
}

fn print_list() {
    println!("programs for run=NAME or run=NAME:ARGUMENT:");
    for program in program::all() {
        let (name, kind, bytes) = (program.name(), program.kind(), program.code().len());
        println!("    {name:<16} {kind:<4} {bytes:>6} bytes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(option: &str) -> (&str, u64) {
        let choice = parse(option).expect("a good option");
        (choice.program.name(), choice.argument)
    }

    #[test]
    fn a_number_may_follow_the_name() {
        assert_eq!(good("hello"), ("hello", 0));
        assert_eq!(good("hello:7"), ("hello", 7));
        assert_eq!(good("hello:0xffffffffffffffff"), ("hello", u64::MAX));
    }

    #[test]
    fn mistakes_are_named() {
        let error = parse("nobody").expect_err("no such program").to_string();
        assert!(error.starts_with("there is no program `nobody`; there are `hello`"), "{error}");
        for bad in ["", "x", "-1", "0x", "1:2", "18446744073709551616"] {
            let option = format!("hello:{bad}");
            assert_eq!(parse(&option).expect_err("no number"), ChoiceError::Argument(bad));
        }
    }
}
