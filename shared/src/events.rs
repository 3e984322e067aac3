//! Events: what a kernel tells the host tool, one line each on QEMU's debug
//! console (I/O port [`PORT`]). Serial stays for people.
//!
//! | line | meaning |
//! | --- | --- |
//! | `boot KERNEL` | the kernel runs and its command line was understood |
//! | `case NAME` | a test kernel knows this case |
//! | `check NAME ok` | a property was checked and holds |
//! | `check NAME fail MESSAGE` | it was checked and does not hold |
//! | `measure NAME VALUE UNIT` | a figure |
//! | `region START END FLAGS NAME` | virtual addresses with rights, or frames: `free`, `taken`, `reserved` |
//! | `panic FILE:LINE:COLUMN MESSAGE` | the kernel panicked |
//! | `exception VECTOR CODE RIP CR2 CS` | a CPU exception stopped the kernel |
//! | `register NAME VALUE` | a register as that exception found it |
//! | `frame ADDRESS` | one return address of a backtrace, innermost first |
//! | `refused REASON` | the loader could not start the kernel |
//! | `done NONCE` | the kernel finished; the nonce came in on its command line |
//! | `prompt NUMBER` | the console waits for its command of that number, the first being 1 |
//! | `command LINE` | the console serves this line |
//! | `command-failed MESSAGE` | it could not |
//!
//! Numbers are hexadecimal with `0x`, except `VALUE`, `VECTOR` and
//! `NUMBER`, which are decimal. Names hold no space. Line ends inside a message become `\n`.
//!
//! The enum is generic over the type of its free text so that a kernel can
//! format in place (`T = fmt::Arguments`) and the host can parse (`T = &str`).

use core::fmt::{self, Display, Write};

/// The debug console's I/O port. Nothing answers there on real hardware, and
/// writes are lost.
pub const PORT: u16 = 0xe9;

/// One event; see the module's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the fields are the columns of the table above
pub enum Event<'a, T = &'a str> {
    Boot { kernel: &'a str },
    Case { name: &'a str },
    CheckOk { name: &'a str },
    CheckFail { name: &'a str, message: T },
    Measure { name: &'a str, value: u64, unit: &'a str },
    Region { start: u64, end: u64, flags: &'a str, name: T },
    Panic { location: &'a str, message: T },
    Exception { vector: u8, code: u64, rip: u64, cr2: u64, cs: u64 },
    Register { name: &'a str, value: u64 },
    Frame { address: u64 },
    Refused { reason: T },
    Done { nonce: &'a str },
    Prompt { number: u64 },
    Command { line: &'a str },
    CommandFailed { message: T },
}

impl<T: Display> Display for Event<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boot { kernel } => write!(f, "boot {kernel}"),
            Self::Case { name } => write!(f, "case {name}"),
            Self::CheckOk { name } => write!(f, "check {name} ok"),
            Self::CheckFail { name, message } => {
                write!(f, "check {name} fail ")?;
                write!(OneLine(f), "{message}")
            }
            Self::Measure { name, value, unit } => write!(f, "measure {name} {value} {unit}"),
            Self::Region { start, end, flags, name } => {
                write!(f, "region {start:#x} {end:#x} {flags} ")?;
                write!(OneLine(f), "{name}")
            }
            Self::Panic { location, message } => {
                write!(f, "panic {location} ")?;
                write!(OneLine(f), "{message}")
            }
            Self::Exception { vector, code, rip, cr2, cs } => {
                write!(f, "exception {vector} {code:#x} {rip:#x} {cr2:#x} {cs:#x}")
            }
            Self::Register { name, value } => write!(f, "register {name} {value:#x}"),
            Self::Frame { address } => write!(f, "frame {address:#x}"),
            Self::Refused { reason } => {
                write!(f, "refused ")?;
                write!(OneLine(f), "{reason}")
            }
            Self::Done { nonce } => write!(f, "done {nonce}"),
            Self::Prompt { number } => write!(f, "prompt {number}"),
            Self::Command { line } => write!(f, "command {line}"),
            Self::CommandFailed { message } => {
                write!(f, "command-failed ")?;
                write!(OneLine(f), "{message}")
            }
        }
    }
}

/// Passes text on with line ends escaped.
struct OneLine<'f, W>(&'f mut W);

impl<W: Write> Write for OneLine<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (index, line) in text.split('\n').enumerate() {
            if index > 0 {
                self.0.write_str("\\n")?;
            }
            self.0.write_str(line)?;
        }
        Ok(())
    }
}

impl<'a> Event<'a> {
    /// Reads one line back. `None` if it is no event: a learner's kernel may
    /// write anything to the port.
    pub fn parse(line: &'a str) -> Option<Self> {
        let (kind, rest) = line.split_once(' ')?;
        Some(match kind {
            "boot" => Self::Boot { kernel: word(rest)? },
            "case" => Self::Case { name: word(rest)? },
            "check" => {
                let (name, outcome) = rest.split_once(' ')?;
                match outcome.split_once(' ') {
                    None if outcome == "ok" => Self::CheckOk { name },
                    Some(("fail", message)) => Self::CheckFail { name, message },
                    _ => return None,
                }
            }
            "measure" => {
                let mut words = rest.split(' ');
                let (name, value, unit) = (words.next()?, words.next()?, words.next()?);
                let value = value.parse().ok()?;
                match words.next() {
                    None => Self::Measure { name, value, unit },
                    Some(_) => return None,
                }
            }
            "region" => {
                let mut words = rest.splitn(4, ' ');
                Self::Region {
                    start: hexadecimal(words.next()?)?,
                    end: hexadecimal(words.next()?)?,
                    flags: words.next()?,
                    name: words.next()?,
                }
            }
            "panic" => {
                let (location, message) = rest.split_once(' ')?;
                Self::Panic { location, message }
            }
            "exception" => {
                let mut words = rest.split(' ');
                let vector = words.next()?.parse().ok()?;
                let mut number = || hexadecimal(words.next()?);
                let (code, rip, cr2, cs) = (number()?, number()?, number()?, number()?);
                match words.next() {
                    None => Self::Exception { vector, code, rip, cr2, cs },
                    Some(_) => return None,
                }
            }
            "register" => {
                let (name, value) = rest.split_once(' ')?;
                Self::Register { name: word(name)?, value: hexadecimal(value)? }
            }
            "frame" => Self::Frame { address: hexadecimal(rest)? },
            "refused" => Self::Refused { reason: rest },
            "done" => Self::Done { nonce: word(rest)? },
            "prompt" => Self::Prompt { number: rest.parse().ok()? },
            "command" => Self::Command { line: rest },
            "command-failed" => Self::CommandFailed { message: rest },
            _ => return None,
        })
    }
}

/// `text` if it is a single non-empty word.
fn word(text: &str) -> Option<&str> {
    (!text.is_empty() && !text.contains(' ')).then_some(text)
}

/// A `0x…` number.
fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// Writes one event to the debug console.
///
/// Lines of nested emissions (a fault while an event is written) may run into
/// each other; the host then drops the broken line.
pub fn emit<T: Display>(event: Event<'_, T>) {
    let mut console = Console;
    // The console's writer never fails; a `Display` of the message that does
    // leaves a short line, and the host sees that.
    let _ = writeln!(console, "{event}");
}

/// Emits the outcome of a check and hands it back as a boolean: true for ok.
pub fn check<E: Display>(name: &str, outcome: Result<(), E>) -> bool {
    match outcome {
        Ok(()) => emit::<&str>(Event::CheckOk { name }),
        Err(ref message) => emit(Event::CheckFail { name, message }),
    }
    outcome.is_ok()
}

/// The debug console as a text sink; on the host it swallows everything.
pub struct Console;

impl Write for Console {
    #[cfg(any(target_os = "none", target_os = "uefi"))]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut port = x86_64::instructions::port::PortWriteOnly::<u8>::new(PORT);
        for byte in text.bytes() {
            // SAFETY: a write to the debug console touches no memory, and the
            // port is unused where there is no such device.
            unsafe { port.write(byte) };
        }
        Ok(())
    }

    /// On the host there is no port: code under host tests may emit freely.
    #[cfg(not(any(target_os = "none", target_os = "uefi")))]
    fn write_str(&mut self, _text: &str) -> fmt::Result {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(event: Event) {
        let line = event.to_string();
        assert_eq!(Event::parse(&line), Some(event), "line: {line}");
    }

    #[test]
    fn every_kind_survives_the_wire() {
        round_trip(Event::Boot { kernel: "m0-boot" });
        round_trip(Event::Case { name: "divide-error" });
        round_trip(Event::CheckOk { name: "ticks" });
        round_trip(Event::CheckFail { name: "ticks", message: "expected 3, got 0" });
        round_trip(Event::Measure { name: "boot", value: 12, unit: "ms" });
        round_trip(Event::Region {
            start: 0xffff_ffff_8000_0000,
            end: 0xffff_ffff_8000_5000,
            flags: "r-x--g",
            name: "kernel text",
        });
        round_trip(Event::Panic { location: "src/main.rs:3:5", message: "no memory left" });
        round_trip(Event::Exception { vector: 14, code: 2, rip: 0x10, cr2: 0x20, cs: 8 });
        round_trip(Event::Register { name: "rflags", value: 0x202 });
        round_trip(Event::Frame { address: 0xffff_ffff_8000_1234 });
        round_trip(Event::Refused { reason: "not an ELF file" });
        round_trip(Event::Done { nonce: "5f3a" });
        round_trip(Event::Prompt { number: 2 });
        round_trip(Event::Command { line: "peek 0x10 16" });
        round_trip(Event::CommandFailed { message: "0x10 is not mapped" });
    }

    #[test]
    fn a_message_of_two_lines_stays_one_event() {
        let event = Event::Panic { location: "a.rs:1:1", message: "left\nright" };
        assert_eq!(event.to_string(), "panic a.rs:1:1 left\\nright");
    }

    #[test]
    fn a_near_miss_is_no_event() {
        for line in [
            "",
            "done",
            "done ",
            "done a b",
            "check x",
            "check x okay",
            "check x ok more",
            "measure a b c",
            "measure a 1 ms 2",
            "frame 12",
            "register rax",
            "register rax 0x1 0x2",
            "exception 14 0x0 0x0 0x0",
            "exception 256 0x0 0x0 0x0 0x0",
            "region 0x0 0x1 rw",
            "hello world",
        ] {
            assert_eq!(Event::parse(line), None, "line: {line}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(line in ".*") {
            let _ = Event::parse(&line);
        }
    }
}
