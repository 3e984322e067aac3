//! [`print!`](crate::print) and [`println!`](crate::println): text for the console.
//!
//! Text is collected and written in one call where it fits, so lines of several
//! programs do not mix. The console may take less than it was given; the rest is
//! given to it again.

use crate::error::Error;
use crate::syscall::{self, Descriptor};
use core::fmt::{self, Write};

/// How much is collected for one call.
const LINE_BYTES: usize = 256;

/// Writes text that `print!` made.
///
/// # Panics
/// If the console takes no more, as `print!` of the standard library does.
pub fn print(text: fmt::Arguments) {
    if let Err(error) = try_print(text) {
        panic!("the console refused: {error}");
    }
}

/// As [`print()`], for those who want to go on regardless.
///
/// # Errors
/// What `write` answered.
pub fn try_print(text: fmt::Arguments) -> Result<(), Error> {
    print_through(text, |bytes| syscall::write(Descriptor::Console, bytes))
}

fn print_through(
    text: fmt::Arguments,
    write: impl FnMut(&[u8]) -> Result<usize, Error>,
) -> Result<(), Error> {
    let mut line = Line { bytes: [0; LINE_BYTES], used: 0, write, refused: None };
    // All that formatting can fail of is `refused`, or a `Display` that gives up.
    let formatted = line.write_fmt(text);
    line.flush();
    match (line.refused, formatted) {
        (Some(error), _) => Err(error),
        (None, Err(fmt::Error)) => Err(Error::Invalid),
        (None, Ok(())) => Ok(()),
    }
}

/// Text on its way to `write`.
struct Line<W> {
    bytes: [u8; LINE_BYTES],
    used: usize,
    write: W,
    refused: Option<Error>,
}

impl<W: FnMut(&[u8]) -> Result<usize, Error>> Line<W> {
    fn flush(&mut self) {
        let mut rest = &self.bytes[..self.used];
        while !rest.is_empty() && self.refused.is_none() {
            match (self.write)(rest) {
                // One that takes nothing would be asked for ever.
                Ok(0) => self.refused = Some(Error::Invalid),
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(error) => self.refused = Some(error),
            }
        }
        self.used = 0;
    }
}

impl<W: FnMut(&[u8]) -> Result<usize, Error>> fmt::Write for Line<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            if self.used == LINE_BYTES {
                self.flush();
            }
            self.bytes[self.used] = byte;
            self.used += 1;
        }
        if self.refused.is_some() { Err(fmt::Error) } else { Ok(()) }
    }
}

/// Prints text.
#[macro_export]
macro_rules! print {
    ($($text:tt)*) => { $crate::console::print(core::format_args!($($text)*)) };
}

/// Prints text and ends the line.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($format:literal $($rest:tt)*) => {
        $crate::print!("{}\n", core::format_args!($format $($rest)*))
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What arrives, call by call, if at most `most` bytes are taken at a time.
    fn calls(text: &str, most: usize) -> Vec<String> {
        let mut calls = Vec::new();
        let written = print_through(format_args!("{text}"), |bytes| {
            let count = bytes.len().min(most);
            calls.push(String::from_utf8_lossy(&bytes[..count]).into_owned());
            Ok(count)
        });
        assert_eq!(written, Ok(()));
        calls
    }

    #[test]
    fn a_line_is_one_call() {
        assert_eq!(calls("one two", 1000), ["one two"]);
        assert!(calls("", 1000).is_empty());
    }

    #[test]
    fn nothing_is_lost_when_less_is_taken() {
        let text = "x".repeat(600) + "end";
        for most in [1, 7, 256, 1000] {
            assert_eq!(calls(&text, most).concat(), text, "{most} at a time");
        }
        assert_eq!(calls(&text, 1000).len(), 3);
    }

    #[test]
    fn a_console_that_refuses_is_told_about() {
        let refusing = |_: &[u8]| Err(Error::BadDescriptor);
        assert_eq!(print_through(format_args!("a"), refusing), Err(Error::BadDescriptor));
        assert_eq!(print_through(format_args!("a"), |_| Ok(0)), Err(Error::Invalid));
    }
}
