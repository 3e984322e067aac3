//! Both roads to a toolchain lead to kernels that boot.

use super::{Passed, Test, bench::Need, cli::Xtask};
use crate::{toolchain::Choice, workspace::Workspace};
use anyhow::ensure;

pub fn tests(workspace: &Workspace, choice: Choice) -> Vec<Test> {
    let Some(milestone) = workspace.milestones().pop() else { return Vec::new() };
    let mut tests = Vec::new();
    for (road, other) in [("staged", Choice::Staged), ("rustup", Choice::Rustup)] {
        if choice == other {
            // All other tests go this road.
            continue;
        }
        let milestone = milestone.name.clone();
        tests.push(Test::skippable(format!("toolchain/{road}"), [Need::Emulator], move |_| {
            let call = Xtask::new(["--toolchain", road, "run", &milestone, "--boot", "fast"]);
            let called = call.run()?;
            if called.status == Some(2) && is_out_of_reach(&called.stderr) {
                let reason = called.stderr.lines().last().unwrap_or_default();
                return Ok(Passed::Skipped(reason.trim_start_matches("error: ").to_owned()));
            }
            let verdict = called.verdict();
            ensure!(called.status == Some(0), "{verdict}\n{}", called.stderr);
            Ok(Passed::Shown)
        }));
    }
    tests
}

/// Whether an error means that a road does not exist here, rather than that it
/// is broken.
fn is_out_of_reach(stderr: &str) -> bool {
    let last = stderr.lines().last().unwrap_or_default();
    [
        "cannot install",
        "install with:",
        "only Debian has",
        "there is no rustup",
        "rustup cannot add",
    ]
    .iter()
    .any(|text| last.contains(text))
}
