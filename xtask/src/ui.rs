//! What xtask says about its own work: progress and errors, on stderr, so that
//! stdout carries only results. Colour appears on a terminal without `NO_COLOR`.

use anyhow::{Context, Result};
use std::{
    fmt::Display,
    io::{ErrorKind, IsTerminal, Write, stderr, stdout},
    time::{Duration, Instant},
};

/// Colours by meaning.
#[derive(Clone, Copy)]
pub enum Paint {
    /// Something succeeded.
    Good,
    /// Something failed.
    Bad,
    /// Less important than the rest of the line.
    Dim,
}

impl Paint {
    /// `text` in this colour if stdout shows colours.
    pub fn on_stdout(self, text: impl Display) -> String {
        self.apply(text, stdout().is_terminal())
    }

    /// `text` in this colour if stderr shows colours.
    pub fn on_stderr(self, text: impl Display) -> String {
        self.apply(text, stderr().is_terminal())
    }

    fn apply(self, text: impl Display, terminal: bool) -> String {
        // https://no-color.org: any non-empty value switches colour off.
        if !terminal || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
            return text.to_string();
        }
        let code = match self {
            Self::Good => 32,
            Self::Bad => 31,
            Self::Dim => 2,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// A line about what is going on.
pub fn note(text: impl Display) {
    eprintln!("{} {text}", Paint::Dim.on_stderr("xtask:"));
}

/// An error, with its causes, on one line.
pub fn error(error: &anyhow::Error) {
    eprintln!("{} {error:#}", Paint::Bad.on_stderr("error:"));
}

/// Prints a long result to stdout. Whoever reads it may stop before its end, as `head`
/// does.
pub fn result(text: &str) -> Result<()> {
    match stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// Runs a step that may take long: says what begins and, if it was not over at
/// once, how long it took.
pub fn step<T>(what: impl Display, work: impl FnOnce() -> Result<T>) -> Result<T> {
    note(format_args!("{what} …"));
    let start = Instant::now();
    let outcome = work()?;
    if start.elapsed() >= Duration::from_millis(500) {
        note(format_args!("{what}: done in {}", seconds(start.elapsed())));
    }
    Ok(outcome)
}

/// A duration for people.
pub fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}
