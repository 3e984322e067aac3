//! From a line to a command, or to a sentence about what is wrong with it.

use super::faults::{self, Raise};
use core::fmt;

/// A command with its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the table below says what they do
pub enum Command<'a> {
    Help,
    Regions,
    Walk { address: u64 },
    Peek { address: u64, bytes: u64 },
    Frames,
    Heap,
    Threads,
    Run { program: &'a str, argument: u64 },
    Idt,
    Gdt,
    Ticks,
    Fault { raise: &'static Raise },
    Reboot,
    Quit,
}

/// What `help` says of a command.
pub struct Usage {
    /// Its name.
    pub name: &'static str,
    /// Its arguments.
    pub arguments: &'static str,
    /// What it does.
    pub does: &'static str,
}

const fn usage(name: &'static str, arguments: &'static str, does: &'static str) -> Usage {
    Usage { name, arguments, does }
}

/// All commands.
pub const COMMANDS: [Usage; 14] = [
    usage("help", "", "this list"),
    usage("regions", "", "mapped memory with its permissions"),
    usage("walk", "ADDRESS", "each page-table entry on the way to an address"),
    usage("peek", "ADDRESS [BYTES]", "bytes of mapped memory"),
    usage("frames", "", "physical memory by purpose"),
    usage("heap", "", "the kernel heap's figures, after an audit"),
    usage("threads", "", "threads and what they are doing"),
    usage("run", "PROGRAM [ARGUMENT]", "run a user program and wait for its end"),
    usage("idt", "", "interrupt gates, and how often each was used"),
    usage("gdt", "", "segment descriptors and the task state segment"),
    usage("ticks", "", "the timer, and the time since the boot"),
    usage("fault", "NAME", "raise an exception; without a name: which there are"),
    usage("reboot", "", "reset the machine"),
    usage("quit", "", "leave the machine with success"),
];

/// What `peek` shows unless told otherwise.
pub const PEEK_BYTES: u64 = 64;
/// The most it shows.
pub const PEEK_BYTES_MAX: u64 = 1024;

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandError<'a> {
    /// There is no such command.
    Unknown(&'a str),
    /// An argument is missing.
    Missing {
        /// The command.
        command: &'a str,
        /// Its arguments.
        arguments: &'static str,
    },
    /// There are more words than arguments.
    TooMany {
        /// The command.
        command: &'a str,
        /// The first word too many.
        word: &'a str,
    },
    /// An argument is no number of 64 bits.
    Number(&'a str),
    /// The number of bytes for `peek`.
    Bytes(u64),
    /// There is no exception of that name, or none was named.
    Fault(&'a str),
}

impl fmt::Display for CommandError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(word) => write!(f, "there is no command `{word}`; try `help`"),
            Self::Missing { command, arguments } => {
                write!(f, "an argument is missing: `{command} {arguments}`")
            }
            Self::TooMany { command, word } => write!(f, "`{word}` is too much for `{command}`"),
            Self::Number(word) => {
                write!(f, "`{word}` is no number of 64 bits, such as 4096 or 0xffffffff80000000")
            }
            Self::Bytes(bytes) => write!(f, "{bytes} bytes: give 1 to {PEEK_BYTES_MAX}"),
            Self::Fault(word) => {
                let what = if word.is_empty() { "which exception" } else { "no such exception" };
                write!(f, "{what}; there are")?;
                faults::ALL.iter().try_for_each(|raise| write!(f, " `{}`", raise.name))
            }
        }
    }
}

impl<'a> Command<'a> {
    /// Reads a line; None if it is blank.
    ///
    /// # Errors
    /// The first thing wrong with it.
    pub fn parse(line: &'a str) -> Result<Option<Self>, CommandError<'a>> {
        let mut words = line.split_ascii_whitespace();
        let Some(name) = words.next() else { return Ok(None) };
        let Some(usage) = COMMANDS.iter().find(|usage| usage.name == name) else {
            return Err(CommandError::Unknown(name));
        };
        let missing = CommandError::Missing { command: name, arguments: usage.arguments };
        let command = match usage.name {
            "help" => Self::Help,
            "regions" => Self::Regions,
            "walk" => Self::Walk { address: number(words.next().ok_or(missing)?)? },
            "peek" => {
                let address = number(words.next().ok_or(missing)?)?;
                let bytes = words.next().map_or(Ok(PEEK_BYTES), number)?;
                if bytes == 0 || bytes > PEEK_BYTES_MAX {
                    return Err(CommandError::Bytes(bytes));
                }
                Self::Peek { address, bytes }
            }
            "frames" => Self::Frames,
            "heap" => Self::Heap,
            "threads" => Self::Threads,
            "run" => {
                let program = words.next().ok_or(missing)?;
                Self::Run { program, argument: words.next().map_or(Ok(0), number)? }
            }
            "idt" => Self::Idt,
            "gdt" => Self::Gdt,
            "ticks" => Self::Ticks,
            "fault" => {
                let wanted = words.next().unwrap_or_default();
                let raise = faults::ALL.iter().find(|raise| raise.name == wanted);
                Self::Fault { raise: raise.ok_or(CommandError::Fault(wanted))? }
            }
            "reboot" => Self::Reboot,
            "quit" => Self::Quit,
            _ => return Err(CommandError::Unknown(name)),
        };
        match words.next() {
            None => Ok(Some(command)),
            Some(word) => Err(CommandError::TooMany { command: name, word }),
        }
    }
}

/// A number: decimal, or hexadecimal with `0x`. Underscores may group its digits.
fn number(word: &str) -> Result<u64, CommandError<'_>> {
    let (digits, radix) = match word.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (word, 10),
    };
    let value = digits.bytes().filter(|&byte| byte != b'_').try_fold(None, |value, byte| {
        let digit = char::from(byte).to_digit(radix)?;
        let tens = value.unwrap_or(0u64).checked_mul(u64::from(radix))?;
        Some(Some(tens.checked_add(u64::from(digit))?))
    });
    value.flatten().ok_or(CommandError::Number(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn arguments_are_read() {
        let parse = |line| Command::parse(line).expect("good").expect("not blank");
        assert_eq!(parse(" help "), Command::Help);
        let address = 0xffff_ffff_8000_0000;
        assert_eq!(parse("walk 0xffff_ffff_8000_0000"), Command::Walk { address });
        assert_eq!(parse("peek 4096"), Command::Peek { address: 4096, bytes: PEEK_BYTES });
        assert_eq!(parse("peek 0x10 16"), Command::Peek { address: 16, bytes: 16 });
        assert_eq!(parse("run twin 7"), Command::Run { program: "twin", argument: 7 });
        assert_eq!(parse("run hello"), Command::Run { program: "hello", argument: 0 });
        assert_eq!(Command::parse(" \t"), Ok(None));
    }

    #[test]
    fn every_command_of_the_table_exists() {
        for usage in &COMMANDS {
            let line = match usage.name {
                "walk" | "peek" => format!("{} 0", usage.name),
                "run" => "run hello".to_owned(),
                "fault" => "fault divide".to_owned(),
                name => name.to_owned(),
            };
            assert!(matches!(Command::parse(&line), Ok(Some(_))), "{line}");
            let line = format!("{line} 1 2");
            assert!(
                matches!(
                    Command::parse(&line),
                    Err(CommandError::TooMany { .. }) | Err(CommandError::Number(_))
                ),
                "{line}"
            );
        }
    }

    #[test]
    fn mistakes_are_named() {
        let error = |line: &str| Command::parse(line).expect_err("a mistake").to_string();
        assert_eq!(error("hepl"), "there is no command `hepl`; try `help`");
        assert_eq!(error("walk"), "an argument is missing: `walk ADDRESS`");
        assert_eq!(error("heap now"), "`now` is too much for `heap`");
        assert!(error("fault").starts_with("which exception; there are `divide`"));
        assert!(error("fault x").starts_with("no such exception; there are `divide`"));
        for bad in ["x", "0x", "_", "-1", "0x1_0000_0000_0000_0000", "18446744073709551616"] {
            assert_eq!(number(bad), Err(CommandError::Number(bad)));
        }
        assert_eq!(error("peek 0 0"), "0 bytes: give 1 to 1024");
        assert_eq!(number("18446744073709551615"), Ok(u64::MAX));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(line in "[ -~]{0,72}") {
            if let Err(error) = Command::parse(&line) {
                prop_assert!(!error.to_string().is_empty());
            }
        }

        #[test]
        fn numbers_come_back(value: u64) {
            for word in [value.to_string(), format!("{value:#x}")] {
                prop_assert_eq!(number(&word), Ok(value));
            }
        }
    }
}
