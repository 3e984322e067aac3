//! Tests that run nothing: formatting, lints, layering.

use super::{Passed, Test, bench::Bench, layering};
use crate::{
    exercises, measure, packages, process, programs,
    toolchain::{KERNEL_TARGET, Road, STAGED_CLIPPY, Toolchain, UEFI_TARGET},
    workspace::Workspace,
};
use anyhow::{Context, Result, bail, ensure};
use std::{path::Path, process::Command, time::Duration};

/// How long a lint run may take: it compiles everything once.
const CARGO_LIMIT: Duration = Duration::from_secs(15 * 60);

pub fn tests() -> Vec<Test> {
    vec![
        Test::new("clippy/host", [], |bench| {
            let mut command = Toolchain::installed(bench.workspace).clippy(bench.workspace);
            command.args(["--workspace", "--all-targets"]);
            // Theirs are lints of their own, with the solutions in place.
            for exercise in bench.workspace.exercises() {
                command.args(["--exclude", exercise]);
            }
            command.arg("--target-dir").arg(&bench.workspace.target);
            lint(command)
        }),
        Test::skippable("clippy/bare-metal", [], |bench| {
            let mut targets = vec!["--lib", "--bins"];
            let mut packages: Vec<String> =
                bench.workspace.milestones().into_iter().map(|one| one.package).collect();
            packages.extend(["shared".to_owned(), programs::PACKAGE.to_owned()]);
            targets.extend(["--test", "guest"]);
            lint_bare(bench, KERNEL_TARGET, &packages, &targets)
        }),
        Test::skippable("clippy/harness", [], |bench| {
            lint_bare(bench, KERNEL_TARGET, &[exercises::HARNESS.to_owned()], &["--lib"])
        }),
        Test::skippable("clippy/bench", [], |bench| {
            let targets = ["--lib", "--bins", "--features", "peers"];
            lint_bare(bench, KERNEL_TARGET, &[measure::PACKAGE.to_owned()], &targets)
        }),
        Test::skippable("clippy/loader-pvh", [], |bench| {
            let targets = ["--lib", "--bin", "loader-pvh", "--test", "guest"];
            lint_bare(bench, KERNEL_TARGET, &["loader".to_owned()], &targets)
        }),
        Test::skippable("clippy/loader-uefi", [], |bench| {
            let targets = ["--lib", "--bin", "loader-uefi"];
            lint_bare(bench, UEFI_TARGET, &["loader".to_owned()], &targets)
        }),
        Test::new("fmt", [], |bench| {
            let mut command = Toolchain::installed(bench.workspace).cargo(bench.workspace);
            command.args(["fmt", "--all", "--check"]);
            expect_success(command, "the sources are not formatted; run `cargo fmt --all`")
        }),
        Test::new("layering", [], |bench| check_layering(bench.workspace)),
    ]
}

fn check_layering(workspace: &Workspace) -> Result<()> {
    let violations = layering::violations(workspace);
    ensure!(violations.is_empty(), "{}", violations.join("\n"));
    Ok(())
}

fn lint(mut command: Command) -> Result<()> {
    command.args(["--", "--deny", "warnings"]);
    expect_success(command, "clippy has something to say")
}

/// Lints for bare metal, with the clippy that belongs to the toolchain.
fn lint_bare(bench: &Bench, target: &str, packages: &[String], what: &[&str]) -> Result<Passed> {
    if bench.toolchain.road == Road::Staged
        && let Err(error) = staged_clippy()
    {
        return Ok(Passed::Skipped(format!("{error:#}")));
    }
    let mut command = bench.toolchain.clippy(bench.workspace);
    command.args(["--target", target]).args(what);
    command.arg("--target-dir").arg(&bench.toolchain.target);
    for package in packages {
        command.args(["--package", package]);
    }
    lint(command).map(|()| Passed::Shown)
}

/// Makes sure of Debian's clippy.
fn staged_clippy() -> Result<()> {
    let exists = || Path::new(STAGED_CLIPPY).is_file();
    if !exists() {
        packages::install(&[packages::RUST_WEB_CLIPPY], "linting with the staged toolchain")?;
    }
    ensure!(exists(), "rust-web-clippy brought no {STAGED_CLIPPY}");
    Ok(())
}

/// Runs `command`; if it fails, its output explains `complaint`.
pub fn expect_success(mut command: Command, complaint: &str) -> Result<()> {
    command.env("CARGO_TERM_COLOR", "never");
    let finished = process::capture(&mut command, CARGO_LIMIT)
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if !finished.success() {
        let limit =
            if finished.status.is_none() { "it was still running at the time limit\n" } else { "" };
        bail!("{complaint}\n{limit}{}{}", finished.stdout, finished.stderr);
    }
    Ok(())
}
