//! Where several workers grade at once: what they share, and a stage for each.

use crate::{
    build::Builder,
    exercises::{Exercise, grader::Grader, pristine::Course, schema::Kind, stage::Stage},
    setup,
    toolchain::{Choice, Toolchain},
    workspace::Workspace,
};
use anyhow::Result;
use std::path::PathBuf;

/// All that grading takes.
pub struct Room {
    pub workspace: Workspace,
    toolchain: Toolchain,
    loader: PathBuf,
    pub course: Course,
}

impl Room {
    /// Prepares it; with QEMU, if any of the exercises needs that.
    pub fn prepare(
        workspace: Workspace,
        choice: Choice,
        exercises: &[Exercise],
        as_is: bool,
    ) -> Result<Self> {
        if exercises.iter().any(|exercise| exercise.description.has(Kind::Boot)) {
            setup::emulator(false)?;
        }
        let toolchain = Toolchain::prepare(choice, &workspace)?;
        let loader = Builder { workspace: &workspace, toolchain: &toolchain }.loader_pvh()?;
        let course = Course::open_for(exercises, &workspace, &toolchain, as_is)?;
        Ok(Self { workspace, toolchain, loader, course })
    }

    pub fn grader(&self) -> Grader<'_> {
        Grader {
            workspace: &self.workspace,
            toolchain: &self.toolchain,
            loader: self.loader.clone(),
        }
    }

    /// Claims `count` stages. If there is none yet, the libraries are compiled in the
    /// first, and the others take them over.
    pub fn stages(&self, count: usize, exercises: &[Exercise]) -> Result<Vec<Stage>> {
        let mut stages = Vec::new();
        for _ in 0..count.max(1) {
            let stage = Stage::claim(&self.toolchain, &self.course.folder)?;
            self.grader().ready(exercises, &stage)?;
            stages.push(stage);
        }
        Ok(stages)
    }
}
