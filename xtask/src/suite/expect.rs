//! What an in-guest test must come to, as `tests/guest.toml` says it.

use crate::verdict::{Missing, Verdict};
use std::str::FromStr;

/// The verdict a case must get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    Complete,
    Exception(u8),
    Panic,
    CheckFailed(String),
    TripleFault,
    Reset,
    Hang,
    Flood,
    Refused,
    Incomplete,
}

impl FromStr for Expect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(' ').unwrap_or((text, "")) {
            ("complete", "") => Ok(Self::Complete),
            ("panic", "") => Ok(Self::Panic),
            ("triple-fault", "") => Ok(Self::TripleFault),
            ("reset", "") => Ok(Self::Reset),
            ("hang", "") => Ok(Self::Hang),
            ("flood", "") => Ok(Self::Flood),
            ("refused", "") => Ok(Self::Refused),
            ("incomplete", "") => Ok(Self::Incomplete),
            ("exception", vector) => match vector.parse() {
                Ok(vector) => Ok(Self::Exception(vector)),
                Err(_) => Err(format!("`{vector}` is no vector; write `exception 0` to `… 255`")),
            },
            ("check-failed", name) if !name.is_empty() && !name.contains(' ') => {
                Ok(Self::CheckFailed(name.to_owned()))
            }
            ("check-failed", _) => Err("write `check-failed NAME`".to_owned()),
            _ => Err(format!(
                "`{text}` is none of complete, exception N, panic, check-failed NAME, \
                 triple-fault, reset, hang, flood, refused, incomplete"
            )),
        }
    }
}

impl Expect {
    /// Whether `verdict` is the expected one.
    pub fn matches(&self, verdict: &Verdict) -> bool {
        match (self, verdict) {
            (Self::Complete, Verdict::Complete { .. })
            | (Self::Panic, Verdict::Panic { .. })
            | (Self::Reset, Verdict::Reset)
            | (Self::Hang, Verdict::Hang { .. })
            | (Self::Flood, Verdict::Flood { .. })
            | (Self::Refused, Verdict::LoaderRefused { .. }) => true,
            (Self::Exception(vector), Verdict::Exception { fault, .. }) => fault.vector == *vector,
            (Self::CheckFailed(name), Verdict::CheckFailed { name: failed, .. }) => name == failed,
            // A triple fault has to be explained, not only noticed.
            (Self::TripleFault, Verdict::TripleFault { last }) => !last.is_empty(),
            // A kernel that did not even start is another story.
            (Self::Incomplete, Verdict::Incomplete { missing }) => *missing != Missing::Boot,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qemu::interrupt_log::Logged;

    #[test]
    fn all_forms_are_read() {
        let cases = [
            ("complete", Expect::Complete),
            ("exception 14", Expect::Exception(14)),
            ("panic", Expect::Panic),
            ("check-failed heap", Expect::CheckFailed("heap".into())),
            ("triple-fault", Expect::TripleFault),
            ("reset", Expect::Reset),
            ("hang", Expect::Hang),
            ("flood", Expect::Flood),
            ("refused", Expect::Refused),
            ("incomplete", Expect::Incomplete),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in
            ["", "exception", "exception 256", "check-failed", "check-failed a b", "ok", "panic x"]
        {
            assert!(text.parse::<Expect>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_the_very_verdict_matches() {
        let failed = Verdict::CheckFailed { name: "a".into(), message: String::new() };
        assert!(Expect::CheckFailed("a".into()).matches(&failed));
        assert!(!Expect::CheckFailed("b".into()).matches(&failed));
        assert!(!Expect::Complete.matches(&failed));
        let unexplained = Verdict::TripleFault { last: vec![] };
        assert!(!Expect::TripleFault.matches(&unexplained));
        let fault = Logged { vector: 8, ..Logged::default() };
        assert!(Expect::TripleFault.matches(&Verdict::TripleFault { last: vec![fault] }));
    }
}
