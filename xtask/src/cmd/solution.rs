//! `cargo xtask solution`: the reference, as a difference from the learner's file.

use crate::{
    exercises::{
        self, Exercise, SOLUTION_FILE,
        desk::{self, Desk},
        grader::fresh_seed,
        progress::Progress,
    },
    toolchain::Choice,
    ui::{self, Paint},
    workspace::Workspace,
};
use anyhow::{Context, Result};
use similar::TextDiff;
use std::process::ExitCode;

/// Shows the solution of an exercise as a difference from your file.
///
/// It is shown once your file gets all points: if `check` or `watch` has not graded it
/// as it is now, it is graded first. With --give-up it is shown at once, and noted.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask solution m0-idt-gate
  cargo xtask solution m0-idt-gate --give-up
  cargo xtask solution 4 | less -R")]
pub struct Args {
    /// The exercise: its name, its number, or a part of its name
    exercise: String,
    /// Show it although points are missing
    #[arg(long)]
    give_up: bool,
}

pub fn main(args: &Args, choice: Choice) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let exercise = exercises::find(&exercises::all(&workspace)?, &args.exercise)?;
    let folder = exercises::folder(&workspace);
    let record = Progress::read(&folder)?.of(&exercise);
    let learner = desk::read_learner(&exercise)?;
    if args.give_up {
        Progress::update(&folder, |progress| {
            let record = progress.of_mut(&exercise);
            record.solution_shown |= !record.is_done(&exercise);
        })?;
    } else if !record.is_full(&learner) {
        let exercises = std::slice::from_ref(&exercise);
        let mut desk = Desk::prepare(workspace, choice, exercises, false)?;
        let graded = desk.grade(&exercise, &learner, fresh_seed())?;
        if !graded.is_full() {
            let (id, points, most) = (exercise.id(), graded.points, graded.points_max);
            ui::result(&format!(
                "{id}: your file gets {points} of {most} points; `cargo xtask check {id}` says \
                 why, and --give-up shows the solution all the same\n"
            ))?;
            return Ok(ExitCode::FAILURE);
        }
    }
    let solution = std::fs::read_to_string(exercise.solution_file())
        .with_context(|| format!("cannot read the solution of {}", exercise.id()))?;
    ui::result(&difference(&exercise, &learner, &solution, |paint, text| paint.on_stdout(text)))?;
    Ok(ExitCode::SUCCESS)
}

/// What turns the learner's file into the solution.
fn difference(
    exercise: &Exercise,
    learner: &str,
    solution: &str,
    paint: fn(Paint, String) -> String,
) -> String {
    if learner == solution {
        return format!("{} is the solution, line by line\n", exercise.shown_file());
    }
    let name = format!("exercises/{}/{SOLUTION_FILE}", exercise.id());
    let diff = TextDiff::from_lines(learner, solution);
    let diff = diff.unified_diff().header(&exercise.shown_file(), &name).to_string();
    let line = |line: &str| {
        let colour = match line.chars().next() {
            Some('+') => Paint::Good,
            Some('-') => Paint::Bad,
            Some('@') => Paint::Dim,
            _ => return format!("{line}\n"),
        };
        format!("{}\n", paint(colour, line.to_owned()))
    };
    diff.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercises::samples;

    #[test]
    fn the_difference_is_a_unified_diff() {
        let exercise = samples::exercise("m0-sample", 1, &[]);
        let plain = |learner, solution| difference(&exercise, learner, solution, |_, text| text);
        let diff = plain("a\nmine\nb\n", "a\ntheirs\nb\n");
        let lines: Vec<&str> = diff.lines().collect();
        assert_eq!(
            lines,
            [
                "--- exercises/m0-sample/src/lib.rs",
                "+++ exercises/m0-sample/solution/lib.rs",
                "@@ -1,3 +1,3 @@",
                " a",
                "-mine",
                "+theirs",
                " b"
            ]
        );
        assert!(plain("a\n", "a\n").contains("line by line"));
    }
}
