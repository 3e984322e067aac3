//! Where learners' files are graded: all that takes, prepared once.

use super::{
    Exercise, grader::Grader, outcome::Graded, pristine::Course, progress, schema::Kind,
    stage::Stage,
};
use crate::{
    build::Builder,
    process, setup,
    toolchain::{Choice, Toolchain},
    ui,
    workspace::Workspace,
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    path::{Path, PathBuf},
    slice,
};

/// Toolchain, loader and a stage.
pub struct Desk {
    pub workspace: Workspace,
    toolchain: Toolchain,
    loader: PathBuf,
    /// Whether checks are taken as they are in the workspace.
    as_is: bool,
    /// The stage in use, with the folder that it was filled from.
    stage: Option<(PathBuf, Stage)>,
}

impl Desk {
    /// Prepares all that grading takes; with QEMU, if any of the exercises needs it.
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
        Ok(Self { workspace, toolchain, loader, as_is, stage: None })
    }

    /// Grades `learner`, the text of the learner's file, and notes what came of it.
    pub fn grade(&mut self, exercise: &Exercise, learner: &str, seed: u64) -> Result<Graded> {
        let Self { workspace, toolchain, loader, as_is, stage: kept } = self;
        let course = Course::open_for(slice::from_ref(exercise), workspace, toolchain, *as_is)?;
        // Whoever takes the workspace as it is may have changed a check meanwhile.
        let usable = |folder: &Path| *folder == course.folder && *folder != workspace.root;
        // What is not used any more is given back before another is claimed.
        let stage = match kept.take().filter(|(folder, _)| usable(folder)) {
            Some((_, stage)) => stage,
            None => Stage::claim(toolchain, &course.folder)?,
        };
        let grader = Grader { workspace, toolchain, loader: loader.clone() };
        grader.ready(slice::from_ref(exercise), &stage)?;
        let graded = grader.grade(exercise, learner, seed, &stage);
        if process::interrupted() {
            // A check that was ended by the signal has not failed.
            bail!("interrupted");
        }
        let noted = graded.as_ref().map_or(Ok(()), |graded| {
            progress::record(&super::folder(workspace), exercise, learner, graded)
        });
        if let Err(error) = noted {
            // The result is worth more than the note.
            ui::note(format_args!("the points are not noted: {error:#}"));
        }
        *kept = Some((course.folder, stage));
        let mut graded = graded?;
        graded.remarks.extend(course.remarks);
        Ok(graded)
    }
}

/// The learner's file as it was given.
///
/// # Errors
/// If the exercise is too new to be sealed: then nobody knows.
pub fn starter(
    exercise: &Exercise,
    workspace: &Workspace,
    toolchain: &Toolchain,
) -> Result<String> {
    let course = Course::open_for(slice::from_ref(exercise), workspace, toolchain, false)?;
    ensure!(
        course.folder != workspace.root,
        "the starter of {} was not handed out by git: {}",
        exercise.id(),
        course.remarks.join("; ")
    );
    course.starter(exercise)
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
