//! The command line, as M2 understands it.
//!
//! | option | values | default |
//! | --- | --- | --- |
//! | `run=` | a program to run first; `list` names all | none |
//! | `trace=` | `on`: print each system call and its result; `off` | `off` |
//! | `watchdog=` | ticks that a program may run without giving way, at least 1 | 500 |
//! | `nonce=` | what the host expects in the closing event | none |

use crate::syscall::trace;
use crate::watchdog;
use core::fmt;
use shared::cmdline::{CmdlineError, Options};

const KEYS: [&str; 4] = ["nonce", "run", "trace", "watchdog"];

/// The options' values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings<'a> {
    /// For the closing event.
    pub nonce: &'a str,
    /// The program to run first.
    pub run: Option<&'a str>,
    trace: bool,
    watchdog_ticks: u64,
}

/// Why a command line was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingError<'a> {
    /// An option is unknown or repeated.
    Option(CmdlineError<'a, { KEYS.len() }>),
    /// The value of `trace=`.
    Trace(&'a str),
    /// The value of `watchdog=`.
    Watchdog(&'a str),
}

impl fmt::Display for SettingError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(error) => error.fmt(f),
            Self::Trace(value) => write!(f, "command line: `trace={value}`: use `on` or `off`"),
            Self::Watchdog(value) => write!(
                f,
                "command line: `watchdog={value}`: use a number of ticks from 1 on, such as {}",
                watchdog::DEFAULT_TICKS
            ),
        }
    }
}

impl<'a> Settings<'a> {
    /// Parses the command line.
    ///
    /// # Errors
    /// The first thing wrong with it.
    pub fn parse(line: &'a str) -> Result<Self, SettingError<'a>> {
        let options = Options::parse(line, KEYS).map_err(SettingError::Option)?;
        let trace = match options.get("trace") {
            None | Some("off") => false,
            Some("on") => true,
            Some(other) => return Err(SettingError::Trace(other)),
        };
        let watchdog_ticks = match options.get("watchdog") {
            None => watchdog::DEFAULT_TICKS,
            Some(text) => match text.parse() {
                Ok(ticks) if ticks > 0 => ticks,
                _ => return Err(SettingError::Watchdog(text)),
            },
        };
        let nonce = options.get("nonce").unwrap_or("-");
        Ok(Self { nonce, run: options.get("run"), trace, watchdog_ticks })
    }

    /// Sets tracing and the watchdog's budget.
    pub fn apply(&self) {
        trace::set(self.trace);
        watchdog::set_budget(self.watchdog_ticks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_values_are_named() {
        assert_eq!(Settings::parse("trace=maybe"), Err(SettingError::Trace("maybe")));
        for bad in ["0", "", "-3", "1s"] {
            let line = format!("watchdog={bad}");
            assert_eq!(Settings::parse(&line), Err(SettingError::Watchdog(bad)));
        }
        assert!(matches!(Settings::parse("trase=on"), Err(SettingError::Option(_))));
    }

    #[test]
    fn all_options_are_read() {
        let settings = Settings::parse("run=hello watchdog=7 trace=on nonce=5").expect("good");
        let expected = Settings { nonce: "5", run: Some("hello"), trace: true, watchdog_ticks: 7 };
        assert_eq!(settings, expected);
    }
}
