//! The kinds of verdicts, by the names that JSON and the catalogue use.

use super::Verdict;
use serde::{Deserialize, Serialize};

/// What a run came to, without the details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Complete,
    BuildError,
    CheckFailed,
    Incomplete,
    Panic,
    Exception,
    LoaderRefused,
    TripleFault,
    Reset,
    Hang,
    Flood,
    EmulatorMissing,
    EmulatorFailed,
    Interrupted,
}

impl Verdict {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Complete { .. } => Kind::Complete,
            Self::BuildError { .. } => Kind::BuildError,
            Self::CheckFailed { .. } => Kind::CheckFailed,
            Self::Incomplete { .. } => Kind::Incomplete,
            Self::Panic { .. } => Kind::Panic,
            Self::Exception { .. } => Kind::Exception,
            Self::LoaderRefused { .. } => Kind::LoaderRefused,
            Self::TripleFault { .. } => Kind::TripleFault,
            Self::Reset => Kind::Reset,
            Self::Hang { .. } => Kind::Hang,
            Self::Flood { .. } => Kind::Flood,
            Self::EmulatorMissing { .. } => Kind::EmulatorMissing,
            Self::EmulatorFailed { .. } => Kind::EmulatorFailed,
            Self::Interrupted => Kind::Interrupted,
        }
    }
}
