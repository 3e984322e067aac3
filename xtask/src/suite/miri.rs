//! Host tests under Miri, the interpreter that finds undefined behaviour: reads
//! beyond an allocation or through a pointer that is no longer good, data that is
//! not aligned or not initialised, references that alias.
//!
//! Miri comes with a nightly compiler and the standard library's source. Nothing
//! else here needs them, so they are used where they are and never installed.
//! Interpreting takes a thousand times as long, so the tests do less there
//! (`cfg!(miri)`), only those that lead to `unsafe` are run, and only by `--long`.

use super::Test;
use crate::{process, ui, workspace::Workspace};
use anyhow::{Context, Result, bail, ensure};
use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// Which tests: a package and the beginnings of their names. Left out are pure
/// arithmetic, and what only hardware can do (INVLPG, ports, SYSCALL).
const PARTS: [(&str, &str, &[&str]); 4] = [
    ("frames", "m1-memory", &["frames::"]),
    ("paging", "m1-memory", &["paging::"]),
    ("heap", "m1-memory", &["heap::tests::"]),
    ("all", "m0-boot", &[]),
];

/// How long one part may take on a busy machine; it needs minutes.
const LIMIT: Duration = Duration::from_secs(20 * 60);
/// How long a tool may take to say where it is.
const ANSWER: Duration = Duration::from_secs(20);

pub fn tests() -> Vec<Test> {
    if let Err(reason) = find() {
        ui::note(format_args!("{reason:#}; the tests miri/… are left out"));
        return Vec::new();
    }
    let test = |(name, package, filters): (&str, &'static str, &'static [&'static str])| {
        Test::new(format!("miri/{package}/{name}"), [], move |bench| {
            run(bench.workspace, package, filters)
        })
        .long(true)
    };
    PARTS.into_iter().map(test).collect()
}

/// Makes sure that there is all that Miri needs.
fn find() -> Result<()> {
    const ADVICE: &str = "`rustup toolchain install nightly --component miri,rust-src` brings it";
    let installed = answer(&["cargo", "miri", "--version"]);
    installed.with_context(|| format!("Miri is not installed ({ADVICE})"))?;
    let sysroot = answer(&["rustc", "--print", "sysroot"])?;
    let library = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library");
    ensure!(library.is_dir(), "Miri lacks the standard library's source ({ADVICE})");
    Ok(())
}

/// What a tool of the nightly toolchain prints.
fn answer(arguments: &[&str]) -> Result<String> {
    let finished = process::capture(nightly().args(arguments), ANSWER)?;
    ensure!(finished.success(), "{}", finished.stderr.lines().last().unwrap_or("no reason given"));
    Ok(finished.stdout)
}

/// A call of the nightly toolchain, which must be there already.
fn nightly() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly"]).env("RUSTUP_AUTO_INSTALL", "0");
    // Those of the toolchain that runs xtask.
    ["CARGO", "RUSTC", "RUSTFLAGS", "RUSTUP_TOOLCHAIN"].iter().for_each(|name| {
        command.env_remove(name);
    });
    command
}

fn run(workspace: &Workspace, package: &str, filters: &[&str]) -> Result<()> {
    let mut command = nightly();
    command.args(["cargo", "miri", "test", "--lib", "--package", package, "--target-dir"]);
    command.arg(workspace.target.join("miri")).arg("--").args(filters);
    command.current_dir(&workspace.root).env("CARGO_TERM_COLOR", "never");
    // Proptest asks for the working directory, to keep what failed.
    command.env("MIRIFLAGS", "-Zmiri-disable-isolation");
    let started = Instant::now();
    let finished = process::capture(&mut command, LIMIT).context("cannot start rustup")?;
    if !finished.success() {
        let seconds = ui::seconds(started.elapsed());
        let how = if finished.status.is_none() { "was too slow" } else { "found a fault" };
        bail!("Miri {how} after {seconds}\n{}{}", finished.stdout, finished.stderr);
    }
    ensure!(passed(&finished.stdout) > 0, "Miri ran no test; do the names begin otherwise now?");
    Ok(())
}

/// How many tests passed, from the line that closes a run.
fn passed(output: &str) -> u32 {
    let line = output.lines().find_map(|line| line.strip_prefix("test result: ok. "));
    let number = line.and_then(|line| line.split_once(" passed"));
    number.and_then(|(number, _)| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_nothing_is_told_from_one_of_tests() {
        let closing = "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured";
        assert_eq!(passed(&format!("running 12 tests\n\n{closing}\n")), 12);
        assert_eq!(passed("test result: ok. 0 passed; 0 failed"), 0);
        assert_eq!(passed(""), 0);
    }
}
