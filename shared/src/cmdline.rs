//! The kernel command line: options separated by spaces, `key=value` or `key`.
//!
//! Parsing is strict: an option that the kernel does not know, or that stands
//! there twice, is an error, so that a typing mistake is never silently ignored.

use core::fmt;

/// Options of one kernel, parsed from `N` known keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'a, const N: usize> {
    known: [&'static str; N],
    values: [Option<&'a str>; N],
}

/// Why a command line was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CmdlineError<'a, const N: usize> {
    /// The option's key is none of the kernel's.
    Unknown {
        /// The option as written.
        option: &'a str,
        /// What the kernel would have understood.
        known: [&'static str; N],
    },
    /// The same key was given twice.
    Repeated {
        /// The second occurrence as written.
        option: &'a str,
    },
}

impl<const N: usize> fmt::Display for CmdlineError<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { option, known } => {
                write!(f, "command line: unknown option `{option}`; known are")?;
                for (index, key) in known.iter().enumerate() {
                    write!(f, "{} `{key}=`", if index == 0 { "" } else { "," })?;
                }
                Ok(())
            }
            Self::Repeated { option } => {
                write!(f, "command line: option `{option}` repeats an earlier one; give it once")
            }
        }
    }
}

impl<'a, const N: usize> Options<'a, N> {
    /// Parses `line`, accepting only the keys in `known`.
    ///
    /// An option without `=` has the empty value.
    ///
    /// # Errors
    /// The first unknown or repeated option.
    pub fn parse(line: &'a str, known: [&'static str; N]) -> Result<Self, CmdlineError<'a, N>> {
        let mut values = [None; N];
        for option in line.split_ascii_whitespace() {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            let Some(slot) = known.iter().position(|&name| name == key) else {
                return Err(CmdlineError::Unknown { option, known });
            };
            if values[slot].replace(value).is_some() {
                return Err(CmdlineError::Repeated { option });
            }
        }
        Ok(Self { known, values })
    }

    /// The value given for `key`, if the option was on the line.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        let slot = self.known.iter().position(|&name| name == key)?;
        self.values[slot]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_values_among_spaces() {
        let options = Options::parse("  nonce=1a run=hello=x \t quiet ", ["run", "nonce", "quiet"]);
        let options = options.expect("all known");
        assert_eq!(options.get("nonce"), Some("1a"));
        assert_eq!(options.get("run"), Some("hello=x"));
        assert_eq!(options.get("quiet"), Some(""));
        assert_eq!(options.get("other"), None);
    }

    #[test]
    fn unknown_option_is_named_with_the_known_ones() {
        let error = Options::parse("nonce=1 runn=x", ["nonce", "run"]).expect_err("unknown");
        assert_eq!(
            error.to_string(),
            "command line: unknown option `runn=x`; known are `nonce=`, `run=`"
        );
    }

    #[test]
    fn repeated_option_is_refused() {
        let error = Options::parse("run=a run=b", ["run"]).expect_err("repeated");
        assert_eq!(error, CmdlineError::Repeated { option: "run=b" });
    }
}
