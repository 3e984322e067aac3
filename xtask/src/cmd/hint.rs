//! `cargo xtask hint`: one hint after the other.

use crate::{
    exercises::{
        self,
        hints::{self, Ask},
        schema::HINTS,
    },
    ui,
    workspace::Workspace,
};
use anyhow::Result;
use std::process::ExitCode;

/// Shows the next hint for an exercise.
///
/// There are three, from a direction to nearly the solution. How many you took is noted
/// in exercises/.progress.json, and `list` tells it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask hint m0-idt-gate               # the next one
  cargo xtask hint 4 --again                 # those you have seen
  cargo xtask hint m0-idt-gate --level 3     # straight to the last")]
pub struct Args {
    /// The exercise: its name, its number, or a part of its name
    exercise: String,
    /// Show this hint, 1 to 3
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=HINTS as i64))]
    level: Option<u8>,
    /// Repeat the hints that were shown; nothing is noted
    #[arg(long, conflicts_with = "level")]
    again: bool,
}

pub fn main(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let exercise = exercises::find(&exercises::all(&workspace)?, &args.exercise)?;
    let ask = match args.level {
        Some(level) => Ask::Level(level.into()),
        None if args.again => Ask::Again,
        None => Ask::Next,
    };
    let text = hints::give(&exercises::folder(&workspace), &exercise, ask)?;
    ui::result(&format!("{text}\n"))?;
    Ok(ExitCode::SUCCESS)
}
