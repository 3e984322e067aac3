//! The calls by number: for the kernel to serve them, for people to read.
//!
//! Everything that there is to know about a call stands in its row of [`CALLS`].
//! The tracer prints by it, and the table in the module's documentation is checked
//! against it, so the book can include that.

use super::calls;
use super::entry::SyscallFrame;
use super::errno::Error;

/// A system call.
#[derive(Debug)]
pub struct Call {
    /// What it is called.
    pub name: &'static str,
    /// Its arguments, in RDI, RSI, RDX.
    pub arguments: &'static [Argument],
    /// What it returns, in words.
    pub returns: &'static str,
    /// How it may refuse; any call may be missing, so ENOSYS is not listed.
    pub errors: &'static [Error],
    /// Does it; the answer is what RAX returns.
    pub(super) serve: fn(&SyscallFrame) -> u64,
}

/// An argument of a call.
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    /// What it is called.
    pub name: &'static str,
    /// What sort of number it is.
    pub kind: Kind,
}

/// How a number is meant, and printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A C `int`: the low 32 bits, signed.
    Int,
    /// Unsigned, in decimal.
    Number,
    /// An address of the program's.
    Address,
}

/// The number of `exit`, the only call that does not return.
pub const EXIT: u64 = 0;

/// All calls; the index is the number.
pub static CALLS: [Call; 9] = [
    Call {
        name: "exit",
        arguments: &[int("code")],
        returns: "never",
        errors: &[],
        serve: |frame| in_rax(calls::exit(frame)),
    },
    Call {
        name: "write",
        arguments: &[number("descriptor"), address("address"), number("bytes")],
        returns: "bytes written",
        errors: &[Error::BadDescriptor, Error::BadAddress],
        serve: |frame| in_rax(calls::write(frame)),
    },
    Call {
        name: "yield",
        arguments: &[],
        returns: "0",
        errors: &[],
        serve: |frame| in_rax(calls::yield_now(frame)),
    },
    Call {
        name: "getpid",
        arguments: &[],
        returns: "the caller's number",
        errors: &[],
        serve: |frame| in_rax(calls::getpid(frame)),
    },
    Call {
        name: "uptime",
        arguments: &[],
        returns: "nanoseconds since the boot",
        errors: &[],
        serve: |frame| in_rax(calls::uptime(frame)),
    },
    Call {
        name: "sleep",
        arguments: &[number("nanoseconds")],
        returns: "0, no earlier",
        errors: &[Error::Invalid],
        serve: |frame| in_rax(calls::sleep(frame)),
    },
    Call {
        name: "grow",
        arguments: &[number("bytes")],
        returns: "where the new memory begins",
        errors: &[Error::OutOfMemory],
        serve: |frame| in_rax(calls::grow(frame)),
    },
    Call {
        name: "spawn",
        arguments: &[address("name"), number("name bytes"), number("argument")],
        returns: "the child's number",
        errors: &[
            Error::NoSuchProgram,
            Error::TryAgain,
            Error::OutOfMemory,
            Error::BadAddress,
            Error::NameTooLong,
        ],
        serve: |frame| in_rax(calls::spawn(frame)),
    },
    Call {
        name: "wait",
        arguments: &[number("child, or 0"), address("status, or 0")],
        returns: "the number of the child that ended",
        errors: &[Error::NoChild, Error::BadAddress],
        serve: |frame| in_rax(calls::wait(frame)),
    },
];

/// A result, or an error, as it stands in RAX.
#[inline]
fn in_rax(answer: Result<u64, Error>) -> u64 {
    answer.unwrap_or_else(Error::in_rax)
}

const fn int(name: &'static str) -> Argument {
    Argument { name, kind: Kind::Int }
}

const fn number(name: &'static str) -> Argument {
    Argument { name, kind: Kind::Number }
}

const fn address(name: &'static str) -> Argument {
    Argument { name, kind: Kind::Address }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_shows_this_table() {
        let documentation = include_str!("mod.rs");
        for (number, call) in CALLS.iter().enumerate() {
            let argument = |index: usize| call.arguments.get(index).map_or("", |one| one.name);
            let errors: Vec<_> = call.errors.iter().map(|error| error.name()).collect();
            let cells = [
                number.to_string(),
                format!("`{}`", call.name),
                argument(0).to_owned(),
                argument(1).to_owned(),
                argument(2).to_owned(),
                call.returns.to_owned(),
                errors.join(", "),
            ];
            let row = cells.iter().fold("//!".to_owned(), |row, cell| match cell.as_str() {
                "" => row + " |",
                cell => row + " | " + cell,
            });
            assert!(documentation.contains(&(row.clone() + " |\n")), "not there: {row} |");
        }
        let rows = documentation.lines().filter(|line| line.starts_with("//! | ")).count();
        assert_eq!(rows, CALLS.len() + 2, "a head, a rule, and the calls");
    }

    #[test]
    fn errors_of_a_call_are_in_order() {
        for call in &CALLS {
            assert!(call.errors.is_sorted_by_key(|&error| error as u8), "{}", call.name);
        }
        assert_eq!(CALLS[EXIT as usize].name, "exit");
    }
}
