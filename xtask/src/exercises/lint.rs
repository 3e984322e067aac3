//! The exercises' own code, held to the house's standard: formatted, and without a word
//! from clippy, the learner's file as given and as solved.

use super::{Exercise, LEARNER_FILE, SOLUTION_FILE, compile, schema::Kind, stage::Stage};
use crate::{
    process,
    toolchain::{KERNEL_TARGET, Road, Toolchain},
    workspace::Workspace,
};
use anyhow::{Context, Result, ensure};
use std::{process::Command, time::Duration};

/// How long one call may take: the first compiles the libraries.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// rustfmt must leave every file as it is.
pub fn formatting(exercise: &Exercise, workspace: &Workspace) -> Result<()> {
    let mut command = Command::new("rustfmt");
    command.args(["--check", "--edition", "2024", "--config-path"]).arg(&workspace.root);
    for file in [LEARNER_FILE, SOLUTION_FILE, "checks/host.rs", "checks/boot.rs"] {
        let file = exercise.folder.join(file);
        if file.is_file() {
            command.arg(file);
        }
    }
    let finished = process::capture(&mut command, LIMIT).context("cannot start rustfmt")?;
    ensure!(finished.success(), "it is not formatted:\n{}{}", finished.stdout, finished.stderr);
    Ok(())
}

/// Clippy must be silent: on the host about everything, for bare metal about what boots.
/// Debian's compiler has no clippy of its own; then only the host's is asked.
pub fn clippy(
    exercise: &Exercise,
    workspace: &Workspace,
    toolchain: &Toolchain,
    stage: &Stage,
) -> Result<()> {
    for file in [exercise.learner_file(), exercise.solution_file()] {
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        stage.put(exercise.id(), &text)?;
        let about = || format!("with {} in place", file.display());
        let installed = Toolchain::installed(workspace);
        let mut targets = vec!["--lib".to_owned()];
        if exercise.description.has(Kind::Host) {
            targets.extend(["--example".to_owned(), compile::program(exercise, Kind::Host)]);
        }
        run(&installed, workspace, stage, exercise, &targets).with_context(about)?;
        if exercise.description.has(Kind::Boot) && toolchain.road == Road::Installed {
            let boot = compile::program(exercise, Kind::Boot);
            let targets = ["--target", KERNEL_TARGET, "--example", &boot].map(str::to_owned);
            run(toolchain, workspace, stage, exercise, &targets).with_context(about)?;
        }
    }
    Ok(())
}

fn run(
    toolchain: &Toolchain,
    workspace: &Workspace,
    stage: &Stage,
    exercise: &Exercise,
    targets: &[String],
) -> Result<()> {
    let mut command = toolchain.clippy(workspace);
    command.current_dir(&stage.root).args(["--offline", "--quiet", "--package", exercise.id()]);
    command.args(targets).arg("--target-dir").arg(&stage.target);
    command.args(["--", "--deny", "warnings"]).env("CARGO_TERM_COLOR", "never");
    let finished = process::capture(&mut command, LIMIT).context("cannot start clippy")?;
    ensure!(finished.success(), "clippy has something to say:\n{}", finished.stderr);
    Ok(())
}
