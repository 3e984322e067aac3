//! Where learners' files are graded: all that takes, prepared once.

use super::{Exercise, grader::Grader, outcome::Graded, progress, schema::Kind, stage::Stage};
use crate::{
    build::Builder,
    setup,
    toolchain::{Choice, Toolchain},
    ui,
    workspace::Workspace,
};
use anyhow::{Context, Result};
use std::path::PathBuf;

/// Toolchain, loader and a stage.
pub struct Desk {
    pub workspace: Workspace,
    toolchain: Toolchain,
    loader: PathBuf,
    stage: Stage,
}

impl Desk {
    /// Prepares all that grading takes; with QEMU, if any of the exercises needs it.
    pub fn prepare(workspace: Workspace, choice: Choice, exercises: &[Exercise]) -> Result<Self> {
        if exercises.iter().any(|exercise| exercise.description.has(Kind::Boot)) {
            setup::emulator(false)?;
        }
        let toolchain = Toolchain::prepare(choice, &workspace)?;
        let loader = Builder { workspace: &workspace, toolchain: &toolchain }.loader_pvh()?;
        let stage = Stage::claim(&toolchain, &workspace.root)?;
        Ok(Self { workspace, toolchain, loader, stage })
    }

    /// Grades `learner`, the text of the learner's file, and notes what came of it.
    pub fn grade(&self, exercise: &Exercise, learner: &str, seed: u64) -> Result<Graded> {
        let grader = Grader {
            workspace: &self.workspace,
            toolchain: &self.toolchain,
            loader: self.loader.clone(),
        };
        let graded = grader.grade(exercise, learner, seed, &self.stage)?;
        let noted = progress::record(&super::folder(&self.workspace), exercise, learner, &graded);
        if let Err(error) = noted {
            // The result is worth more than the note.
            ui::note(format_args!("the points are not noted: {error:#}"));
        }
        Ok(graded)
    }
}

/// The text of the learner's file.
///
/// # Errors
/// If it cannot be read; with how to get it back.
pub fn read_learner(exercise: &Exercise) -> Result<String> {
    std::fs::read_to_string(exercise.learner_file()).with_context(|| {
        let (file, id) = (exercise.shown_file(), exercise.id());
        format!("cannot read {file}; `cargo xtask reset {id}` restores it")
    })
}
