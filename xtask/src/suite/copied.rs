//! A copy of all exercises for xtask to work on: tests must not touch what a learner
//! wrote in the repository itself.

use super::{bench::Bench, cli::Xtask};
use crate::{
    exercises::{self, Exercise, FOLDER_VARIABLE, desk, schema::Wrong},
    trial,
};
use anyhow::{Context, Result};
use serde_json::Value;
use std::{fs, path::PathBuf};
use tempfile::TempDir;

/// The exercise that tests work on.
pub const ID: &str = "m0-idt-gate";

/// The copy, with [`ID`]'s starter in place.
pub struct Copied {
    pub folder: PathBuf,
    pub exercise: Exercise,
    _temporary: TempDir,
}

impl Copied {
    /// Copies.
    pub fn new(bench: &Bench) -> Result<Self> {
        let temporary = trial::temporary_folder()?;
        let folder = temporary.path().join(exercises::FOLDER);
        exercises::copy(&exercises::folder(bench.workspace), &folder)
            .context("cannot copy the exercises")?;
        let all = exercises::all(bench.workspace)?;
        let mut exercise = exercises::find(&all, ID)?;
        exercise.folder = folder.join(ID);
        let copied = Self { folder, exercise, _temporary: temporary };
        copied.save(&desk::starter(&copied.exercise, bench.workspace, bench.toolchain)?)?;
        Ok(copied)
    }

    /// A call of xtask that works on the copy.
    pub fn xtask<const N: usize>(&self, arguments: [&str; N]) -> Xtask {
        Xtask::new(arguments).env(FOLDER_VARIABLE, &self.folder)
    }

    /// Writes the learner's file, as an editor does.
    pub fn save(&self, text: &str) -> Result<()> {
        fs::write(self.exercise.learner_file(), text).context("cannot save")
    }

    /// What stands in a file of the exercise.
    pub fn read(&self, name: &str) -> Result<String> {
        fs::read_to_string(self.exercise.folder.join(name)).with_context(|| name.to_owned())
    }

    /// The reference solution.
    pub fn solution(&self) -> Result<String> {
        self.read(exercises::SOLUTION_FILE)
    }

    /// The solution with a mistake.
    pub fn wrong(&self, name: &str) -> Result<String> {
        let file = self.exercise.folder.join(format!("wrong/{name}.toml"));
        Wrong::read(&file)?.apply(&self.solution()?)
    }

    /// What `list --json` says of the exercise.
    pub fn listed(&self) -> Result<Value> {
        let called = self.xtask(["list", "--json"]).run()?;
        let list: Value = serde_json::from_str(&called.stdout)
            .with_context(|| format!("no JSON, but {}{}", called.stdout, called.stderr))?;
        let rows = list["exercises"].as_array().context("no exercises")?;
        rows.iter().find(|row| row["id"] == ID).cloned().context("it is not listed")
    }
}
