//! Starters as they were given.

use super::{Exercise, FOLDER, LEARNER_FILE};
use crate::{process, workspace::Workspace};
use anyhow::{Context, Result, ensure};
use std::{process::Command, time::Duration};

/// How long git may take.
const LIMIT: Duration = Duration::from_secs(30);

/// The learner's file of the exercise as it was given.
///
/// # Errors
/// If git does not have it.
pub fn starter(workspace: &Workspace, exercise: &Exercise) -> Result<String> {
    let path = format!("{FOLDER}/{}/{LEARNER_FILE}", exercise.id());
    let mut command = Command::new("git");
    command.current_dir(&workspace.root).args(["show", &format!("HEAD:{path}")]);
    let shown = process::capture(&mut command, LIMIT).context("cannot start git")?;
    ensure!(
        shown.success(),
        "git does not have the starter {path}: {}",
        shown.stderr.lines().next().unwrap_or("it gave no reason")
    );
    Ok(shown.stdout)
}
