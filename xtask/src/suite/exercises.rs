//! The exercises: each starter, solution and wrong variant is graded as a learner's
//! file would be.

use super::{
    Passed, Test,
    bench::{Bench, Need},
};
use crate::{
    exercises::{
        self, Exercise,
        grader::Grader,
        lint, pristine,
        schema::Kind,
        stage::Stage,
        verify::{self, Variant},
    },
    workspace::Workspace,
};
use anyhow::{Context, Result};
use std::sync::Arc;

/// The first part of the tests' names.
pub const GROUP: &str = "exercises/";

pub fn tests(workspace: &Workspace) -> Result<Vec<Test>> {
    let mut tests = vec![Test::skippable(format!("{GROUP}seal"), [], |bench| {
        if !bench.workspace.root.join(".git").exists() {
            return Ok(Passed::Skipped("this is no git repository".to_owned()));
        }
        pristine::check(bench.workspace).map(|()| Passed::Shown)
    })];
    for exercise in exercises::all(workspace)? {
        let exercise = Arc::new(exercise);
        let id = exercise.id();
        let files = Arc::clone(&exercise);
        tests.push(Test::new(format!("{GROUP}{id}/files"), [], move |bench| {
            verify::files(&files)?;
            lint::formatting(&files, bench.workspace)
        }));
        let linted = Arc::clone(&exercise);
        tests.push(Test::new(format!("{GROUP}{id}/clippy"), [], move |bench| {
            let stage = Stage::claim(bench.toolchain, &bench.workspace.root)?;
            lint::clippy(&linted, bench.workspace, bench.toolchain, &stage)
        }));
        for variant in Variant::all(&exercise).with_context(|| id.to_owned())? {
            let name = format!("{GROUP}{id}/{}", variant.name());
            let exercise = Arc::clone(&exercise);
            let needs = needs(&exercise);
            tests.push(Test::new(name, needs, move |bench| grade(bench, &exercise, &variant)));
        }
    }
    Ok(tests)
}

fn needs(exercise: &Exercise) -> Vec<Need> {
    let mut needs = vec![Need::LoaderPvh];
    if exercise.description.has(Kind::Boot) {
        needs.push(Need::Emulator);
    }
    needs
}

fn grade(bench: &Bench, exercise: &Exercise, variant: &Variant) -> Result<()> {
    let loader = bench.file(&Need::LoaderPvh)?.to_owned();
    let grader = Grader { workspace: bench.workspace, toolchain: bench.toolchain, loader };
    let stage = Stage::claim(bench.toolchain, &bench.workspace.root)?;
    variant.verify(exercise, &grader, &stage)
}
