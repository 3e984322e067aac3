//! A learner's copy of the course in which more was changed than the learner's file: the
//! verdict is the same as without, and says so.

use super::{
    Test,
    bench::{Bench, Need},
    cli::Xtask,
};
use crate::{
    exercises::{FOLDER, LEARNER_FILE, SOLUTION_FILE},
    process, trial,
};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{fs, path::Path, process::Command, time::Duration};

/// The exercise that is tampered with.
const ID: &str = "m0-idt-gate";
const GIT_LIMIT: Duration = Duration::from_secs(120);

pub fn tests() -> Vec<Test> {
    vec![Test::new("learner/tampering", [Need::LoaderPvh, Need::Emulator], tampering)]
}

/// A clone with the checks made to pass always, committed, and the harness broken: both
/// are graded without.
fn tampering(bench: &Bench) -> Result<()> {
    let folder = trial::temporary_folder()?;
    let clone = folder.path().join("clone");
    let mut git = Command::new("git");
    git.args(["clone", "--quiet", "--local"]).arg(&bench.workspace.root).arg(&clone);
    succeed(git)?;

    let checks = format!("{FOLDER}/{ID}/checks/host.rs");
    change(&clone.join(&checks), |text| {
        text.replace(
            "fn offset(trial: &mut Trial) -> Checked {",
            "fn offset(_: &mut Trial) -> Checked {\n    return Ok(());",
        )
    })?;
    let mut git = Command::new("git");
    git.current_dir(&clone).args([
        "-c",
        "user.name=x",
        "-c",
        "user.email=x",
        "commit",
        "-qam",
        "x",
    ]);
    succeed(git)?;
    change(&clone.join("exercises/harness/src/lib.rs"), |text| {
        text.replace("mod trial;", "mod lost;")
    })?;

    // A mistake that the changed check would not see.
    let exercise = clone.join(FOLDER).join(ID);
    let solution = fs::read_to_string(exercise.join(SOLUTION_FILE)).context("the solution")?;
    fs::write(exercise.join(LEARNER_FILE), solution.replace("high: handler >> 32", "high: 0"))?;
    let called = in_clone(bench, &clone, &["--json"])?;
    ensure!(called["checks"][0]["name"] == "offset", "{called:#}");
    ensure!(called["checks"][0]["outcome"] == "failed", "the changed check was used: {called:#}");
    let remark = called["remarks"][0].as_str().unwrap_or_default();
    for part in ["graded without the changes in", &checks, "exercises/harness/src/lib.rs"] {
        ensure!(remark.contains(part), "the remark lacks `{part}`: {remark}");
    }
    Ok(())
}

/// `check` in the clone, as JSON.
fn in_clone(bench: &Bench, clone: &Path, options: &[&str]) -> Result<Value> {
    // A target folder of its own, or the clone's libraries would take the place of those
    // of the repository, whose debug information would then lead into the clone. The
    // stages are the same: what they hold comes from git.
    let target = clone.join("target");
    let stages = bench.toolchain.target.join(FOLDER);
    fs::create_dir_all(&target).and_then(|()| fs::create_dir_all(&stages))?;
    std::os::unix::fs::symlink(&stages, target.join(FOLDER))?;
    let called = Xtask::new(["check", ID])
        .arguments(options)
        .env("CARGO_MANIFEST_DIR", clone.join("xtask"))
        .env("CARGO_TARGET_DIR", target)
        .run()?;
    serde_json::from_str(&called.stdout)
        .with_context(|| format!("no JSON, but {}{}", called.stdout, called.stderr))
}

fn change(file: &Path, how: impl Fn(&str) -> String) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let changed = how(&text);
    ensure!(changed != text, "{} is not as this test expects", file.display());
    fs::write(file, changed).with_context(|| file.display().to_string())
}

fn succeed(mut command: Command) -> Result<()> {
    let finished = process::capture(&mut command, GIT_LIMIT).context("cannot start git")?;
    ensure!(finished.success(), "git: {}", finished.stderr);
    Ok(())
}
