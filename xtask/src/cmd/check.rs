//! `cargo xtask check`: grades one exercise and explains.

use crate::{
    build::Builder,
    exercises::{
        self, feedback,
        grader::{self, Grader},
        pristine::Course,
        schema::Kind,
        stage::Stage,
    },
    setup,
    toolchain::{Choice, Toolchain},
    ui,
    workspace::Workspace,
};
use anyhow::{Context, Result};
use std::process::ExitCode;

/// Grades one exercise and says what is wrong, and why.
///
/// The exit status is 0 only for full points. Inputs are random; the seed that is
/// printed repeats them.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask check m0-idt-gate              # by name
  cargo xtask check 4                        # by number
  cargo xtask check idt --seed 1234          # with the inputs of an earlier run
  cargo xtask check m0-idt-gate --json       # for programs")]
pub struct Args {
    /// The exercise: its name, its number, or a part of its name
    exercise: String,
    /// Repeat the inputs of the run that printed this seed
    #[arg(long)]
    seed: Option<u64>,
    /// Take the checks, the harness and the kernels as they are here, not as they were
    /// handed out
    #[arg(long)]
    as_is: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub fn main(args: &Args, choice: Choice) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let exercise = exercises::find(&exercises::all(&workspace)?, &args.exercise)?;
    if exercise.description.has(Kind::Boot) {
        setup::emulator(false)?;
    }
    let toolchain = Toolchain::prepare(choice, &workspace)?;
    let builder = Builder { workspace: &workspace, toolchain: &toolchain };
    let grader =
        Grader { workspace: &workspace, toolchain: &toolchain, loader: builder.loader_pvh()? };
    let file = exercise.learner_file();
    let learner = std::fs::read_to_string(&file).with_context(|| {
        format!(
            "cannot read {}; `cargo xtask reset {}` restores it",
            exercise.shown_file(),
            exercise.id()
        )
    })?;
    let course = Course::open_for(&exercise, &workspace, &toolchain, args.as_is)?;
    let stage = Stage::claim(&toolchain, &course.folder)?;
    let mut graded =
        grader.grade(&exercise, &learner, args.seed.unwrap_or_else(grader::fresh_seed), &stage)?;
    graded.remarks.extend(course.remarks);
    if args.json {
        ui::result(&format!("{}\n", serde_json::to_string_pretty(&graded)?))?;
    } else {
        ui::result(&format!(
            "{}\n",
            feedback::text(&exercise, &graded, |paint, text| paint.on_stdout(text))
        ))?;
    }
    Ok(if graded.is_full() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
