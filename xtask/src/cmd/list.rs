//! `cargo xtask list`: all exercises, and which one comes next.

use crate::{
    exercises::{self, overview::Overview, progress::Progress},
    ui,
    workspace::Workspace,
};
use anyhow::Result;
use std::process::ExitCode;

/// Lists the exercises, how far you are, and which one comes next.
///
/// The next one is the first that is not done while those it builds on are. Points are
/// the most that `check`, `watch` or `solution` saw an exercise get.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask list
  cargo xtask list --json                    # for programs")]
pub struct Args {
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

pub fn main(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let exercises = exercises::all(&workspace)?;
    let progress = Progress::read(&exercises::folder(&workspace))?;
    let overview = Overview::new(&exercises, &progress);
    let text = match args.json {
        true => serde_json::to_string_pretty(&overview)?,
        false => overview.text(&exercises, |paint, text| paint.on_stdout(text)),
    };
    ui::result(&format!("{text}\n"))?;
    Ok(ExitCode::SUCCESS)
}
