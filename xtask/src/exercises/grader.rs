//! Grades one exercise with one learner's file.

use super::{
    Exercise, compile, donor, in_guest, on_host,
    outcome::{CheckOutcome, CheckResult, Evidence, Graded, NotBuilt},
    reports::Heard,
    schema::{self, Kind},
    sources,
    stage::Stage,
};
use crate::{
    symbolise::SourceLine, toolchain::Toolchain, trial::fresh_nonce, ui, workspace::Workspace,
};
use anyhow::{Context, Result, bail};
use std::{
    hash::{BuildHasher, RandomState},
    path::{Path, PathBuf},
    time::Instant,
};

/// What grading needs, prepared once.
pub struct Grader<'a> {
    pub workspace: &'a Workspace,
    pub toolchain: &'a Toolchain,
    /// The loader that boots kernels with checks.
    pub loader: PathBuf,
}

impl Grader<'_> {
    /// Compiles the libraries under the exercises' checks, if `stage` has none yet: that
    /// takes a minute, and is said.
    pub fn ready(&self, exercises: &[Exercise], stage: &Stage) -> Result<()> {
        for kind in [Kind::Host, Kind::Boot] {
            let with = exercises.iter().find(|exercise| exercise.description.has(kind));
            let Some(exercise) = with.filter(|_| !donor::is_built_for(kind, &stage.target)) else {
                continue;
            };
            ui::step(format_args!("compiling the libraries under {kind} checks, once"), || {
                // The checks do not compile without a learner's file; all below them does.
                match compile::build(exercise, kind, stage, self.toolchain, self.workspace)? {
                    Err(NotBuilt::CompilerGaveUp { reason }) => bail!("the libraries: {reason}"),
                    _ => Ok(()),
                }
            })?;
        }
        Ok(())
    }

    /// Grades `learner`, the text of the learner's file, in `stage`.
    ///
    /// # Errors
    /// Only if the grader itself cannot work. Whatever is wrong with the learner's file
    /// is the outcome.
    pub fn grade(
        &self,
        exercise: &Exercise,
        learner: &str,
        seed: u64,
        stage: &Stage,
    ) -> Result<Graded> {
        let start = Instant::now();
        let mut graded = self
            .run(exercise, learner, seed, stage)
            .with_context(|| format!("cannot grade {}", exercise.id()))?;
        graded.points = graded.checks.iter().map(|check| check.points).sum();
        graded.elapsed = start.elapsed();
        Ok(graded)
    }

    fn run(&self, exercise: &Exercise, learner: &str, seed: u64, stage: &Stage) -> Result<Graded> {
        let description = &exercise.description;
        if let Some(reason) = sources::objection(learner, description) {
            return Ok(not_built(exercise, seed, NotBuilt::Refused { reason }));
        }
        stage.put(exercise.id(), learner)?;
        let mut programs = Vec::new();
        for kind in [Kind::Host, Kind::Boot] {
            if description.has(kind) {
                match compile::build(exercise, kind, stage, self.toolchain, self.workspace)? {
                    Ok(program) => programs.push((kind, program)),
                    Err(why) => return Ok(not_built(exercise, seed, why)),
                }
            }
        }
        if !sources::is_readable(learner) {
            let reason = "the compiler takes it, but the grader cannot read it; write it in a \
                          plainer way"
                .to_owned();
            return Ok(not_built(exercise, seed, NotBuilt::Refused { reason }));
        }
        let mut graded = blank(exercise, seed);
        let mut forged = 0;
        for (kind, program) in programs {
            match kind {
                Kind::Host => {
                    forged += self.on_host(exercise, &program, seed, &mut graded, stage)?
                }
                Kind::Boot => {
                    forged += self.in_guest(exercise, &program, seed, &mut graded, stage)?
                }
            }
        }
        if forged > 0 {
            graded.remarks.push(format!(
                "the code wrote {forged} lines that look like the grader's own; they count nothing"
            ));
        }
        Ok(graded)
    }

    fn on_host(
        &self,
        exercise: &Exercise,
        program: &Path,
        seed: u64,
        graded: &mut Graded,
        stage: &Stage,
    ) -> Result<usize> {
        let mut forged = 0;
        for check in checks(exercise, Kind::Host) {
            let (mut heard, count) = on_host::run(program, &check.name, &fresh_nonce(), seed)?;
            forged += count;
            heard.evidence.source = panic_line(&heard, stage);
            graded.checks.push(result(check, heard.outcome, heard.evidence));
        }
        Ok(forged)
    }

    fn in_guest(
        &self,
        exercise: &Exercise,
        program: &Path,
        seed: u64,
        graded: &mut Graded,
        stage: &Stage,
    ) -> Result<usize> {
        let boot = in_guest::run(exercise, program, &self.loader, seed, &stage.root)?;
        let mut heard = boot.heard;
        let last = heard.last().map(|last| last.name.clone());
        for check in checks(exercise, Kind::Boot) {
            let found = heard.iter_mut().find(|one| one.name == check.name);
            let (outcome, evidence) = match (found, &boot.broken, &last) {
                (Some(heard), _, _) => (heard.outcome.take(), std::mem::take(&mut heard.evidence)),
                (None, Some(broken), None) => (Some(broken.clone()), Evidence::default()),
                (None, _, Some(last)) => {
                    (Some(CheckOutcome::NotReached { behind: last.clone() }), Evidence::default())
                }
                (None, None, None) => (None, Evidence::default()),
            };
            graded.checks.push(result(check, outcome, evidence));
        }
        Ok(boot.forged)
    }
}

/// The checks of one kind, in the order of the description.
fn checks(exercise: &Exercise, kind: Kind) -> impl Iterator<Item = &schema::Check> {
    exercise.description.checks.iter().filter(move |check| check.kind == kind)
}

fn result(check: &schema::Check, outcome: Option<CheckOutcome>, evidence: Evidence) -> CheckResult {
    let result = outcome.unwrap_or_else(|| CheckOutcome::Crashed {
        message: format!(
            "check `{}` did not run: the exercise's checks do not have it",
            check.name
        ),
        story: Vec::new(),
    });
    CheckResult {
        name: check.name.clone(),
        kind: check.kind,
        points: if result.is_pass() { check.points } else { 0 },
        points_max: check.points,
        result,
        evidence,
    }
}

/// The source line of a panic on the host.
fn panic_line(heard: &Heard, stage: &Stage) -> Option<String> {
    let Some(CheckOutcome::Panicked { location, .. }) = &heard.outcome else { return None };
    let mut parts = location.rsplitn(3, ':').skip(1);
    let number = parts.next()?.parse().ok()?;
    SourceLine::read(&stage.root.join(parts.next()?), number).map(|line| line.to_string())
}

fn blank(exercise: &Exercise, seed: u64) -> Graded {
    Graded {
        id: exercise.id().to_owned(),
        title: exercise.description.title.clone(),
        seed,
        points: 0,
        points_max: exercise.description.points(),
        not_built: None,
        checks: Vec::new(),
        remarks: Vec::new(),
        elapsed: std::time::Duration::ZERO,
    }
}

/// The result where nothing was run.
pub fn not_built(exercise: &Exercise, seed: u64, why: NotBuilt) -> Graded {
    let checks = exercise.description.checks.iter();
    let checks = checks
        .map(|check| result(check, Some(CheckOutcome::NotRun), Evidence::default()))
        .collect();
    Graded { not_built: Some(why), checks, ..blank(exercise, seed) }
}

/// A seed that differs from run to run. Short enough to be typed.
pub fn fresh_seed() -> u64 {
    RandomState::new().hash_one(std::time::SystemTime::now()) % 1_000_000
}
