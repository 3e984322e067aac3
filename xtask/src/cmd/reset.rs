//! `cargo xtask reset`: back to the starter.

use crate::{
    exercises::{self, desk, restore},
    toolchain::Toolchain,
    ui,
    workspace::Workspace,
};
use anyhow::Result;
use std::process::ExitCode;

/// Restores an exercise's file as it was given, and keeps yours.
///
/// What you wrote stays beside it, under a name that is printed; earlier backups are
/// never overwritten. Points and hints stay noted.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask reset m0-idt-gate
  cargo xtask reset 4                        # by number")]
pub struct Args {
    /// The exercise: its name, its number, or a part of its name
    exercise: String,
}

pub fn main(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let exercise = exercises::find(&exercises::all(&workspace)?, &args.exercise)?;
    let starter = desk::starter(&exercise, &workspace, &Toolchain::installed(&workspace))?;
    let restored = restore::restore(&exercise, &starter)?;
    ui::result(&format!("{}\n", restore::told(&exercise, &restored)))?;
    Ok(ExitCode::SUCCESS)
}
