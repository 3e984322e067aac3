//! The command line, as M2 understands it.
//!
//! | option | values | default |
//! | --- | --- | --- |
//! | `console=` | `on`: serve commands over COM1 in the end; `off` | `off` |
//! | `run=` | a program to run first; `list` names all | none |
//! | `trace=` | `on`: print each system call and its result; `off` | `off` |
//! | `watchdog=` | ticks that a program may run without giving way, at least 1 | 500 |
//! | `nonce=` | what the host expects in the closing event | none |

use crate::syscall::trace;
use crate::watchdog;
use core::fmt;
use shared::cmdline::{CmdlineError, Options};

const KEYS: [&str; 5] = ["console", "nonce", "run", "trace", "watchdog"];

/// The options' values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings<'a> {
    /// For the closing event.
    pub nonce: &'a str,
    /// The program to run first.
    pub run: Option<&'a str>,
    /// Whether to serve commands in the end.
    pub console: bool,
    trace: bool,
    watchdog_ticks: u64,
}

/// Why a command line was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingError<'a> {
    /// An option is unknown or repeated.
    Option(CmdlineError<'a, { KEYS.len() }>),
    /// The value of a switch, such as `trace=`.
    Switch {
        /// The switch.
        key: &'static str,
        /// Its value.
        value: &'a str,
    },
    /// The value of `watchdog=`.
    Watchdog(&'a str),
}

impl fmt::Display for SettingError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(error) => error.fmt(f),
            Self::Switch { key, value } => {
                write!(f, "command line: `{key}={value}`: use `on` or `off`")
            }
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
        let switch = |key| match options.get(key) {
            None | Some("off") => Ok(false),
            Some("on") => Ok(true),
            Some(value) => Err(SettingError::Switch { key, value }),
        };
        let (console, trace) = (switch("console")?, switch("trace")?);
        let watchdog_ticks = match options.get("watchdog") {
            None => watchdog::DEFAULT_TICKS,
            Some(text) => match text.parse() {
                Ok(ticks) if ticks > 0 => ticks,
                _ => return Err(SettingError::Watchdog(text)),
            },
        };
        let nonce = options.get("nonce").unwrap_or("-");
        Ok(Self { nonce, run: options.get("run"), console, trace, watchdog_ticks })
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
        for key in ["console", "trace"] {
            let line = format!("{key}=maybe");
            let error = SettingError::Switch { key, value: "maybe" };
            assert_eq!(Settings::parse(&line), Err(error));
        }
        for bad in ["0", "", "-3", "1s"] {
            let line = format!("watchdog={bad}");
            assert_eq!(Settings::parse(&line), Err(SettingError::Watchdog(bad)));
        }
        assert!(matches!(Settings::parse("trase=on"), Err(SettingError::Option(_))));
    }

    #[test]
    fn all_options_are_read() {
        let line = "run=hello watchdog=7 trace=on console=on nonce=5";
        let settings = Settings::parse(line).expect("good");
        let (run, watchdog_ticks) = (Some("hello"), 7);
        let expected = Settings { nonce: "5", run, console: true, trace: true, watchdog_ticks };
        assert_eq!(settings, expected);
    }
}
