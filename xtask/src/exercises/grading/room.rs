//! Where several workers grade at once: what they share, and a stage for each.

use crate::{
    build::Builder,
    exercises::{
        Exercise, FOLDER, compile, donor, grader::Grader, pristine::Course, schema::Kind,
        stage::Stage,
    },
    setup,
    toolchain::{Choice, Toolchain},
    ui,
    workspace::Workspace,
};
use anyhow::{Context, Result, bail};
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
        let mut course = Course::open(&workspace, &toolchain, as_is)?;
        let sealed = |one: &Exercise| course.folder.join(FOLDER).join(one.id()).is_dir();
        if let Some(new) = exercises.iter().find(|one| !sealed(one)) {
            let remark =
                format!("{} is not sealed yet; graded with the checks as they are here", new.id());
            course = Course { folder: workspace.root.clone(), remarks: vec![remark] };
        }
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
            if !donor::is_built(&stage.target) {
                ui::step("compiling the libraries under all exercises", || {
                    self.compile_libraries(&stage, exercises)
                })?;
            }
            stages.push(stage);
        }
        Ok(stages)
    }

    /// Compiles what exercises are built on, with no learner's file in place.
    fn compile_libraries(&self, stage: &Stage, exercises: &[Exercise]) -> Result<()> {
        for kind in [Kind::Host, Kind::Boot] {
            let with = exercises.iter().find(|exercise| exercise.description.has(kind));
            if let Some(exercise) = with {
                // The checks do not compile without a learner's file; all below them does.
                let built = compile::build(exercise, kind, stage, &self.toolchain, &self.workspace);
                if crate::process::interrupted() {
                    bail!("interrupted");
                }
                let _ = built.context("cannot compile the libraries")?;
            }
        }
        Ok(())
    }
}
