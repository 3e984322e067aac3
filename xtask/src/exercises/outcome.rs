//! What grading an exercise came to.

use super::schema::Kind;
use serde::Serialize;
use std::time::Duration;

/// One exercise, graded.
#[derive(Clone, Debug, Serialize)]
pub struct Graded {
    pub id: String,
    pub title: String,
    /// Repeats this run's inputs.
    pub seed: u64,
    pub points: u32,
    pub points_max: u32,
    /// Why nothing was run, if that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_built: Option<NotBuilt>,
    pub checks: Vec<CheckResult>,
    /// What is worth knowing besides.
    pub remarks: Vec<String>,
    #[serde(rename = "elapsed_seconds", serialize_with = "as_seconds")]
    pub elapsed: Duration,
}

impl Graded {
    /// Whether all points were given.
    pub fn is_full(&self) -> bool {
        self.points == self.points_max
    }

    /// The first check that stands in the way of full points.
    pub fn first_failure(&self) -> Option<&CheckResult> {
        self.checks.iter().find(|check| !check.result.is_pass())
    }

    /// Whether the first thing that went wrong is a `todo!()`.
    pub fn is_not_started(&self) -> bool {
        self.points == 0 && self.first_failure().is_some_and(|check| check.result.todo().is_some())
    }
}

/// Why an exercise was not run.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum NotBuilt {
    /// The file breaks a rule of the exercise.
    Refused { reason: String },
    /// The compiler refused it.
    DoesNotCompile { errors: usize, messages: String },
    /// The compiler did not come to an end.
    CompilerGaveUp { reason: String },
    /// There is no file.
    NotSubmitted,
    /// The grader could not work: not the learner's fault.
    NotGraded { reason: String },
}

impl NotBuilt {
    /// One line that says why.
    pub fn headline(&self) -> String {
        match self {
            Self::Refused { reason } | Self::CompilerGaveUp { reason } => reason.clone(),
            Self::DoesNotCompile { errors: 1, .. } => "it does not compile: an error".to_owned(),
            Self::DoesNotCompile { errors, .. } => format!("it does not compile: {errors} errors"),
            Self::NotSubmitted => "not submitted".to_owned(),
            Self::NotGraded { reason } => format!("it could not be graded: {reason}"),
        }
    }
}

/// One check.
#[derive(Clone, Debug, Serialize)]
pub struct CheckResult {
    pub name: String,
    pub kind: Kind,
    pub points: u32,
    pub points_max: u32,
    #[serde(flatten)]
    pub result: CheckOutcome,
    #[serde(skip_serializing_if = "Evidence::is_empty")]
    pub evidence: Evidence,
}

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum CheckOutcome {
    Passed,
    /// Something does not hold.
    Failed {
        message: String,
    },
    /// The learner's code panicked.
    Panicked {
        location: String,
        message: String,
    },
    /// The process or the kernel came to a bad end; how, and what is known of it.
    Crashed {
        message: String,
        story: Vec<String>,
    },
    /// It was still running at the limit.
    TimedOut {
        message: String,
        story: Vec<String>,
    },
    /// It wrote without end.
    Flooded {
        message: String,
        story: Vec<String>,
    },
    /// The kernel ended before it came to this check.
    NotReached {
        behind: String,
    },
    /// Nothing was run.
    NotRun,
}

/// What a check showed of its failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Evidence {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub got: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bits: Vec<Bits>,
    /// The line that panicked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl Evidence {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A value that should have been another, bit by bit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bits {
    pub width: u32,
    #[serde(serialize_with = "as_hexadecimal")]
    pub expected: u64,
    #[serde(serialize_with = "as_hexadecimal")]
    pub got: u64,
    /// Name, highest and lowest bit.
    pub fields: Vec<(String, u8, u8)>,
}

impl CheckOutcome {
    pub fn is_pass(&self) -> bool {
        *self == Self::Passed
    }

    /// What is still to be done, if the code ended in a `todo!`.
    pub fn todo(&self) -> Option<&str> {
        match self {
            Self::Panicked { message, .. } => {
                let rest = message.strip_prefix("not yet implemented")?;
                Some(rest.strip_prefix(": ").unwrap_or(rest))
            }
            _ => None,
        }
    }

    /// One line that says what happened.
    pub fn headline(&self) -> String {
        match self {
            Self::Passed => "passed".to_owned(),
            Self::Failed { message } => message.clone(),
            Self::Panicked { message, .. } => format!("your code panicked: {message}"),
            Self::Crashed { message, .. }
            | Self::TimedOut { message, .. }
            | Self::Flooded { message, .. } => message.clone(),
            Self::NotReached { behind } => format!("not reached: `{behind}` ended the kernel"),
            Self::NotRun => "not run".to_owned(),
        }
    }
}

fn as_seconds<S: serde::Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64((duration.as_secs_f64() * 1000.0).round() / 1000.0)
}

fn as_hexadecimal<S: serde::Serializer>(value: &u64, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&format_args!("{value:#x}"))
}
