//! `cargo xtask check`: grades one exercise and explains.

use crate::{
    exercises::{
        self,
        desk::{self, Desk},
        feedback,
        grader::fresh_seed,
        progress::Progress,
    },
    toolchain::Choice,
    ui,
    workspace::Workspace,
};
use anyhow::Result;
use std::process::ExitCode;

/// Grades one exercise and says what is wrong, and why.
///
/// The exit status is 0 only for full points. Inputs are random; the seed that is
/// printed repeats them. Points are noted for `list` in exercises/.progress.json.
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
    // Whatever is wrong with it is better said before the work than after.
    Progress::read(&exercises::folder(&workspace))?;
    let learner = desk::read_learner(&exercise)?;
    let exercises = std::slice::from_ref(&exercise);
    let mut desk = Desk::prepare(workspace, choice, exercises, args.as_is)?;
    let graded = desk.grade(&exercise, &learner, args.seed.unwrap_or_else(fresh_seed))?;
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
