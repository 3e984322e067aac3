//! Lines by which the checks of an exercise report to the grader.
//!
//! Checks on the host write them to standard output, checks in a kernel to the debug
//! console, where they stand beside the [events](crate::events). Each begins with the
//! word [`MARK`] and the nonce of the run, so that what a learner's code writes by
//! itself is never taken for a report:
//!
//! | behind mark and nonce | meaning |
//! | --- | --- |
//! | `begin CHECK` | the check starts; what follows belongs to it |
//! | `given NAME = VALUE` | an input of the round that failed |
//! | `expected TEXT` | what should have come |
//! | `got TEXT` | what came |
//! | `bits WIDTH EXPECTED GOT FIELDS` | the same as bits; fields as `NAME:HIGH-LOW`, with commas |
//! | `panic FILE:LINE:COLUMN MESSAGE` | the code under test panicked |
//! | `fail MESSAGE` | the check does not hold; it ends |
//! | `pass` | it holds; it ends |
//!
//! Line ends inside texts become `\n`, and backslashes `\\`. `WIDTH` is decimal, the two values are
//! hexadecimal with `0x`.

use core::fmt::{self, Display, Write};

/// The first word of every line.
pub const MARK: &str = "graded";

/// What a line says; see the module's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the fields are the columns of the table above
pub enum Line<'a, T = &'a str> {
    Begin { check: &'a str },
    Given { name: &'a str, value: T },
    Expected { text: T },
    Got { text: T },
    Bits { width: u32, expected: u64, got: u64, fields: T },
    Panic { location: T, message: T },
    Fail { message: T },
    Pass,
}

impl<T: Display> Display for Line<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin { check } => write!(f, "begin {check}"),
            Self::Given { name, value } => {
                write!(f, "given {name} = ")?;
                write!(Escaped(f), "{value}")
            }
            Self::Expected { text } => {
                write!(f, "expected ")?;
                write!(Escaped(f), "{text}")
            }
            Self::Got { text } => {
                write!(f, "got ")?;
                write!(Escaped(f), "{text}")
            }
            Self::Bits { width, expected, got, fields } => {
                write!(f, "bits {width} {expected:#x} {got:#x} {fields}")
            }
            Self::Panic { location, message } => {
                write!(f, "panic {location} ")?;
                write!(Escaped(f), "{message}")
            }
            Self::Fail { message } => {
                write!(f, "fail ")?;
                write!(Escaped(f), "{message}")
            }
            Self::Pass => f.write_str("pass"),
        }
    }
}

impl<'a> Line<'a> {
    /// Reads a line of the run with this nonce. `None` for everything else.
    pub fn parse(text: &'a str, nonce: &str) -> Option<Self> {
        let text = text.strip_prefix(MARK)?.strip_prefix(' ')?.strip_prefix(nonce)?;
        let text = text.strip_prefix(' ')?;
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        Some(match kind {
            "begin" if !rest.is_empty() && !rest.contains(' ') => Self::Begin { check: rest },
            "given" => {
                let (name, value) = rest.split_once(" = ")?;
                Self::Given { name, value }
            }
            "expected" => Self::Expected { text: rest },
            "got" => Self::Got { text: rest },
            "bits" => {
                let mut words = rest.splitn(4, ' ');
                let width = words.next()?.parse().ok()?;
                let expected = hexadecimal(words.next()?)?;
                let got = hexadecimal(words.next()?)?;
                Self::Bits { width, expected, got, fields: words.next()? }
            }
            "panic" => {
                let (location, message) = rest.split_once(' ')?;
                Self::Panic { location, message }
            }
            "fail" => Self::Fail { message: rest },
            "pass" if rest.is_empty() => Self::Pass,
            _ => return None,
        })
    }

    /// Whether `text` looks like a report, whatever its nonce.
    pub fn resembles(text: &str) -> bool {
        text.strip_prefix(MARK).is_some_and(|rest| rest.starts_with(' '))
    }
}

/// Writes one line with its mark and nonce.
///
/// # Errors
/// If `sink` refuses it.
pub fn write<T: Display>(sink: &mut dyn Write, nonce: &str, line: Line<'_, T>) -> fmt::Result {
    writeln!(sink, "{MARK} {nonce} {line}")
}

/// Passes text on with line ends and backslashes escaped.
struct Escaped<'f, W>(&'f mut W);

impl<W: Write> Write for Escaped<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| match c {
            '\n' => self.0.write_str("\\n"),
            '\\' => self.0.write_str("\\\\"),
            other => self.0.write_char(other),
        })
    }
}

/// A `0x…` number.
fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_the_wire() {
        for line in [
            Line::Begin { check: "gate-bits" },
            Line::Given { name: "the handler", value: "0xffff = ffff" },
            Line::Expected { text: "3 frames" },
            Line::Got { text: "" },
            Line::Bits { width: 64, expected: 0x8e00, got: 0xee00, fields: "P:47-47,DPL:46-45" },
            Line::Panic { location: "src/lib.rs:3:5", message: "left, right" },
            Line::Fail { message: "the present bit is clear" },
            Line::Pass,
        ] {
            let mut text = String::new();
            write(&mut text, "5f3a", line).expect("a string takes all");
            assert_eq!(Line::parse(text.trim_end_matches('\n'), "5f3a"), Some(line));
            assert_eq!(Line::parse(text.trim_end(), "5f3b"), None);
            assert!(Line::resembles(&text));
        }
    }

    #[test]
    fn a_near_miss_is_no_report() {
        for text in [
            "graded",
            "graded 1",
            "graded 1 pass now",
            "graded 1 begin",
            "graded 1 begin a b",
            "graded 1 bits x 0x1 0x2 a",
            "check a ok",
            "graded 12 pass",
        ] {
            assert_eq!(Line::parse(text, "1"), None, "{text}");
        }
    }

    #[test]
    fn a_written_line_end_is_told_from_a_real_one() {
        let mut text = String::new();
        write(&mut text, "1", Line::Fail { message: "\\n\n" }).expect("written");
        assert_eq!(text, "graded 1 fail \\\\n\\n\n");
    }

    #[test]
    fn line_ends_cannot_make_a_second_report() {
        let mut text = String::new();
        write(&mut text, "1", Line::Fail { message: "x\ngraded 1 pass" }).expect("written");
        assert_eq!(text.lines().count(), 1);
    }
}
