//! `cargo xtask watch`: grades an exercise at every save.

use crate::{
    exercises::{self, desk::Desk, overview, progress::Progress, watch::Watch},
    terminal::Raw,
    toolchain::Choice,
    ui,
    workspace::Workspace,
};
use anyhow::Result;
use std::{
    io::{IsTerminal, stdin, stdout},
    process::ExitCode,
};

/// Grades an exercise whenever you save its file.
///
/// Without a name it is the one that `list` calls next. At a terminal single keys do the
/// rest: n goes on to the next exercise, h shows a hint, l lists all, r checks again, R
/// restores the starter, q quits. Otherwise it runs until it is interrupted.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask watch                          # the next one
  cargo xtask watch m0-idt-gate
  cargo xtask watch 4 --once-done            # ends when all points are there")]
pub struct Args {
    /// The exercise: its name, its number, or a part of its name [default: the next one]
    exercise: Option<String>,
    /// End, with status 0, as soon as the exercise has all points
    #[arg(long)]
    once_done: bool,
    /// Take the checks, the harness and the kernels as they are here, not as they were
    /// handed out
    #[arg(long)]
    as_is: bool,
}

pub fn main(args: &Args, choice: Choice) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let exercises = exercises::all(&workspace)?;
    let progress = Progress::read(&exercises::folder(&workspace))?;
    let current = match &args.exercise {
        Some(name) => exercises::find(&exercises, name)?,
        None => match overview::next(&exercises, &progress, None) {
            Some(next) => next.clone(),
            None => {
                ui::result("all exercises are done; name one to watch it all the same\n")?;
                return Ok(ExitCode::SUCCESS);
            }
        },
    };
    let keys = stdin().is_terminal() && stdout().is_terminal();
    let graded = if keys { &exercises[..] } else { std::slice::from_ref(&current) };
    let desk = Desk::prepare(workspace, choice, graded, args.as_is)?;
    let file = current.shown_file();
    ui::note(format_args!("watching {file}; Ctrl-C ends"));
    let _raw = if keys { Some(Raw::enter_for_keys()?) } else { None };
    Watch::new(desk, exercises, current, keys, args.once_done)?.run()?;
    Ok(ExitCode::SUCCESS)
}
