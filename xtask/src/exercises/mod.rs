//! Exercises: found, staged, built, run and judged.
//!
//! - [`schema`]: what `exercise.toml` says
//! - [`pristine`]: the course as it was handed out
//! - [`stage`]: a copy of it in which a learner's file is compiled; [`donor`]: libraries
//!   for a new one
//! - [`sources`]: rules for that file; [`compile`]: cargo's part
//! - [`on_host`] ([`confine`]d), [`in_guest`]: the checks run
//! - [`reports`]: what they say on the wire; [`outcome`]: what came of them
//! - [`grader`]: all of this for one exercise
//! - [`grading`]: all of this for many exercises, and many learners
//! - [`feedback`], [`picture`]: the same for people
//! - [`verify`], [`lint`]: the exercises themselves put to the test; [`scaffold`]: new ones
//! - [`desk`]: what grading a learner's own file takes; [`progress`]: what came of it so
//!   far; [`overview`]: all of it at a glance
//! - [`watch`]: graded at every save; [`hints`]; [`pristine`], [`restore`]: starters, and the way back to them

pub mod compile;
pub mod confine;
mod date;
pub mod desk;
pub mod donor;
pub mod feedback;
pub mod grader;
pub mod grading;
pub mod hints;
pub mod in_guest;
pub mod lint;
pub mod on_host;
pub mod outcome;
pub mod overview;
pub mod picture;
pub mod pristine;
pub mod progress;
pub mod reports;
pub mod restore;
#[cfg(test)]
pub mod samples;
pub mod scaffold;
pub mod schema;
pub mod sources;
pub mod stage;
pub mod verify;
pub mod watch;

use crate::workspace::Workspace;
use anyhow::{Context, Result, bail, ensure};
use schema::Description;
use std::path::{Path, PathBuf};

/// The folder of all exercises, from the workspace's root.
pub const FOLDER: &str = "exercises";
/// Names another folder in its place: so tests do not touch what learners wrote.
pub const FOLDER_VARIABLE: &str = "MYRIA_EXERCISES";
/// The package that every exercise's checks use.
pub const HARNESS: &str = "harness";
/// The file a learner edits, from the exercise's folder.
pub const LEARNER_FILE: &str = "src/lib.rs";
/// The reference, from the exercise's folder.
pub const SOLUTION_FILE: &str = "solution/lib.rs";

/// A hint is to be read at a glance.
pub const HINT_WORDS_MAX: usize = 90;

/// One exercise.
#[derive(Clone, Debug)]
pub struct Exercise {
    pub description: Description,
    /// Its folder in the workspace.
    pub folder: PathBuf,
}

impl Exercise {
    /// Its name.
    pub fn id(&self) -> &str {
        &self.description.id
    }

    /// The file a learner edits.
    pub fn learner_file(&self) -> PathBuf {
        self.folder.join(LEARNER_FILE)
    }

    /// The reference solution.
    pub fn solution_file(&self) -> PathBuf {
        self.folder.join(SOLUTION_FILE)
    }

    /// The learner's file from the workspace's root, as people and compilers name it.
    pub fn shown_file(&self) -> String {
        format!("{FOLDER}/{}/{LEARNER_FILE}", self.id())
    }
}

/// The folder of all exercises.
pub fn folder(workspace: &Workspace) -> PathBuf {
    folder_at(&workspace.root)
}

/// The folder of all exercises of the course in `root`. The variable stands for that of
/// the workspace, not of a course as it was handed out.
fn folder_at(root: &Path) -> PathBuf {
    let other = std::env::var_os(FOLDER_VARIABLE).filter(|_| root.join("xtask").is_dir());
    other.map_or_else(|| root.join(FOLDER), PathBuf::from)
}

/// Copies all but what xtask or a learner left there.
pub fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in from.read_dir()? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if name.starts_with('.') || name.contains(".backup-") {
            continue;
        } else if kind.is_dir() {
            copy(&entry.path(), &to.join(&name))?;
        } else if kind.is_file() {
            std::fs::copy(entry.path(), to.join(&name))?;
        }
    }
    Ok(())
}

/// All exercises, in the order of the course.
///
/// # Errors
/// If a description cannot be read or two have the same number.
pub fn all(workspace: &Workspace) -> Result<Vec<Exercise>> {
    in_folder(&folder(workspace))
}

fn in_folder(folder: &Path) -> Result<Vec<Exercise>> {
    let mut found = Vec::new();
    let entries = folder.read_dir().with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let folder = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        if folder.join("exercise.toml").is_file() {
            found.push(Exercise { description: Description::read(&folder)?, folder });
        }
    }
    found.sort_by_key(|exercise| exercise.description.number);
    for pair in found.windows(2) {
        ensure!(
            pair[0].description.number != pair[1].description.number,
            "{} and {} both have number {}; each needs its own",
            pair[0].id(),
            pair[1].id(),
            pair[0].description.number
        );
    }
    for exercise in &found {
        for parent in &exercise.description.parent {
            let before = found.iter().find(|other| other.id() == parent);
            let before = before
                .with_context(|| format!("{}: parent `{parent}` is no exercise", exercise.id()))?;
            ensure!(
                before.description.number < exercise.description.number,
                "{}: parent `{parent}` comes later in the course",
                exercise.id()
            );
        }
    }
    Ok(found)
}

/// The exercise that people call `name`: its id, its number, or a part of its id that no
/// other has.
///
/// # Errors
/// If there is none, or more than one.
pub fn find(exercises: &[Exercise], name: &str) -> Result<Exercise> {
    let exact =
        exercises.iter().find(|one| one.id() == name || one.description.number.to_string() == name);
    if let Some(found) = exact {
        return Ok(found.clone());
    }
    let near: Vec<&Exercise> = exercises.iter().filter(|one| one.id().contains(name)).collect();
    match near.as_slice() {
        [one] => Ok((*one).clone()),
        [] => bail!("there is no exercise `{name}`; `cargo xtask list` names them all"),
        several => {
            let names: Vec<&str> = several.iter().map(|one| one.id()).collect();
            bail!("`{name}` could be {}; say which", names.join(" or "))
        }
    }
}
