//! The packages' own tests, on the host.

use super::{
    Test,
    bench::{Bench, Need},
    static_checks::expect_success,
};
use crate::{toolchain::Toolchain, workspace::Workspace};
use anyhow::{Result, ensure};
use std::process::Command;

pub fn tests(workspace: &Workspace) -> Vec<Test> {
    let mut tests = vec![Test::new("host/doc", [], |bench| {
        let mut command = Toolchain::installed(bench.workspace).cargo(bench.workspace);
        command.args(["test", "--workspace", "--doc", "--target-dir"]);
        command.arg(&bench.workspace.target);
        for exercise in bench.workspace.exercises() {
            command.args(["--exclude", exercise]);
        }
        expect_success(command, "an example in the documentation fails")
    })];
    tests.extend(workspace.packages().into_iter().map(|package| {
        let owner = package.to_owned();
        Test::new(format!("host/{package}"), [Need::HostTests], move |bench| run(bench, &owner))
    }));
    tests
}

/// Runs the test programs as cargo would, without its lock.
fn run(bench: &Bench, package: &str) -> Result<()> {
    let programs = bench.host_tests(package)?;
    ensure!(!programs.is_empty(), "{package} has no test program");
    let folder = bench.workspace.folder(package);
    for program in programs {
        let mut command = Command::new(&program.path);
        command.current_dir(&folder).env("CARGO_MANIFEST_DIR", &folder);
        expect_success(command, &format!("tests of {} fail", program.target))?;
    }
    Ok(())
}
