//! One exercise graded among many: whatever goes wrong is this exercise's result alone.

use crate::{
    exercises::{
        Exercise,
        grader::{self, Grader},
        outcome::{Graded, NotBuilt},
        stage::Stage,
    },
    process,
};
use anyhow::Result;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What there is of a learner's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Learner {
    Text(String),
    /// There is no file.
    Missing,
    /// There is one that cannot be taken; why, in one sentence.
    Unusable(String),
}

/// Grades `learner`.
///
/// # Errors
/// Only if xtask was interrupted.
pub fn grade(
    grader: &Grader,
    exercise: &Exercise,
    learner: &Learner,
    seed: u64,
    stage: &Stage,
) -> Result<Graded> {
    let text = match learner {
        Learner::Text(text) => text,
        Learner::Missing => return Ok(grader::not_built(exercise, seed, NotBuilt::NotSubmitted)),
        Learner::Unusable(reason) => {
            let why = NotBuilt::Refused { reason: reason.clone() };
            return Ok(grader::not_built(exercise, seed, why));
        }
    };
    let graded = catch_unwind(AssertUnwindSafe(|| grader.grade(exercise, text, seed, stage)))
        .unwrap_or_else(|_| Err(anyhow::anyhow!("the grader itself panicked; see above")));
    match graded {
        Ok(graded) => Ok(graded),
        Err(error) if process::interrupted() => Err(error),
        Err(error) => {
            let why = NotBuilt::NotGraded { reason: format!("{error:#}") };
            Ok(grader::not_built(exercise, seed, why))
        }
    }
}
