//! In-guest tests: a package's test kernel is booted once for each case of its
//! `tests/guest.toml`.

use super::{
    Test,
    bench::{Bench, Need},
    cases::{self, Case},
    expect::Expect,
};
use crate::{
    boot::Module,
    host,
    machine::Machine,
    qemu::session::Limits,
    trial::{Guest, Outcome, Trial},
    verdict::{Missing, Verdict, report::Report},
    workspace::Workspace,
};
use anyhow::{Context, Result, bail, ensure};
use shared::events::Event;
use std::{collections::BTreeSet, io::sink, path::PathBuf, sync::Arc, time::Duration};

/// How long any case that ends by itself may take on an idle machine.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// How much of a failed kernel's serial output is shown.
const SHOWN_LINES: usize = 40;

/// The tests of all packages that have a `tests/guest.toml`.
pub fn tests(workspace: &Workspace) -> Result<Vec<Test>> {
    let mut tests = Vec::new();
    for package in workspace.packages() {
        let file = case_file(workspace, package);
        if !file.is_file() {
            continue;
        }
        let cases = cases::read(&file)?;
        let names: BTreeSet<String> = cases.iter().map(|case| case.name.clone()).collect();
        tests.push(list_test(package, names));
        for case in cases {
            tests.extend(case_tests(package, &Arc::new(case)));
        }
    }
    Ok(tests)
}

fn case_file(workspace: &Workspace, package: &str) -> PathBuf {
    workspace.folder(package).join("tests/guest.toml")
}

fn needs(package: &str) -> Vec<Need> {
    vec![Need::Emulator, Need::LoaderPvh, Need::GuestTest(package.to_owned())]
}

/// The kernel and the file must know the same cases.
fn list_test(package: &str, written: BTreeSet<String>) -> Test {
    let owner = package.to_owned();
    Test::new(format!("guest/{package}/list"), needs(package), move |bench| {
        let trial = trial(bench, &owner, "list", "", &[], Machine::default())?;
        let outcome = trial.run(&limits(TIME_LIMIT), &mut sink())?;
        // A list checks nothing; all else must be as in a complete run.
        let listed = match &outcome.verdict {
            Verdict::Incomplete { missing } => *missing == Missing::Checks,
            verdict => verdict.is_complete(),
        };
        ensure!(listed, "{}", explain(&trial, &outcome, bench)?);
        let known: BTreeSet<String> = outcome
            .events
            .iter()
            .filter_map(|line| match Event::parse(line) {
                Some(Event::Case { name }) => Some(name.to_owned()),
                _ => None,
            })
            .collect();
        let difference = |left: &BTreeSet<String>, right: &BTreeSet<String>| {
            left.difference(right).cloned().collect::<Vec<_>>().join(", ")
        };
        let (no_kernel, no_file) = (difference(&written, &known), difference(&known, &written));
        ensure!(no_kernel.is_empty(), "guest.toml has cases the kernel does not know: {no_kernel}");
        ensure!(no_file.is_empty(), "the kernel has cases guest.toml does not know: {no_file}");
        Ok(())
    })
}

/// One test for each machine that the case asks for.
fn case_tests(package: &str, case: &Arc<Case>) -> Vec<Test> {
    let mut tests = Vec::new();
    for &memory in &case.memory {
        for cpu in &case.cpu {
            let mut name = format!("guest/{package}/{}", case.name);
            if case.memory.len() > 1 {
                name.push_str(&format!("/{memory}"));
            }
            if case.cpu.len() > 1 {
                name.push_str(&format!("/{cpu}"));
            }
            let machine = Machine { memory, cpu: cpu.clone() };
            let (case, owner) = (Arc::clone(case), package.to_owned());
            let body = move |bench: &Bench| run_case(bench, &owner, &case, machine.clone());
            tests.push(Test::new(name, needs(package), body));
        }
    }
    tests
}

fn run_case(bench: &Bench, package: &str, case: &Case, machine: Machine) -> Result<()> {
    let trial = trial(bench, package, &case.name, &case.cmdline, &case.modules, machine)?;
    let limit = if case.expect == Expect::Hang { case.hang_after } else { TIME_LIMIT };
    let outcome = trial.run(&limits(limit), &mut sink())?;
    if !case.expect.matches(&outcome.verdict) {
        bail!("expected {:?}, got\n{}", case.expect, explain(&trial, &outcome, bench)?);
    }
    find_in_order(&outcome.serial, &case.serial)
        .with_context(|| format!("serial output:\n{}", tail(&outcome.serial)))?;
    if let Some(id) = &case.catalogue {
        explained_by(id, &trial, &outcome, bench)?;
    }
    let report = explain(&trial, &outcome, bench)?;
    find_in_order(&report, &case.report).with_context(|| format!("report:\n{report}"))
}

/// The catalogue's entry for the verdict must be `id`.
pub fn explained_by(id: &str, trial: &Trial, outcome: &Outcome, bench: &Bench) -> Result<()> {
    let symbols = trial.symbols(&bench.workspace.root)?;
    let found = Report::new(outcome, &symbols).entry.map_or("nothing", |entry| entry.id.as_str());
    if found != id {
        bail!("explained by `{found}` instead of `{id}`:\n{}", explain(trial, outcome, bench)?);
    }
    Ok(())
}

fn trial(
    bench: &Bench,
    package: &str,
    case: &str,
    cmdline: &str,
    modules: &[Module],
    machine: Machine,
) -> Result<Trial> {
    let mut all = bench.modules(package)?.to_vec();
    all.extend_from_slice(modules);
    let guest = Guest {
        title: package,
        kernel: bench.file(&Need::GuestTest(package.to_owned()))?,
        cmdline: &format!("test={case} {cmdline}"),
        modules: &all,
    };
    let mut trial = Trial::fast(&guest, bench.file(&Need::LoaderPvh)?, machine)?;
    trial.demands.boot = false;
    Ok(trial)
}

/// A limit for a run that nobody watches.
pub fn limits(time: Duration) -> Limits {
    Limits { time: Some(host::scaled(time)), interactive: false }
}

/// A verdict with its details and the end of the serial output.
pub fn explain(trial: &Trial, outcome: &Outcome, bench: &Bench) -> Result<String> {
    let symbols = trial.symbols(&bench.workspace.root)?;
    let mut text = Report::new(outcome, &symbols).text();
    text.push_str(&format!("\nserial output:\n{}", tail(&outcome.serial)));
    Ok(text)
}

/// The last lines of a text.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

/// Looks for `wanted` one after the other.
fn find_in_order(text: &str, wanted: &[String]) -> Result<()> {
    let mut rest = text;
    for want in wanted {
        let Some(at) = rest.find(want.as_str()) else {
            let where_else =
                if text.contains(want.as_str()) { ", but it stands earlier" } else { "" };
            bail!("`{want}` is missing{where_else}");
        };
        rest = &rest[at + want.len()..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_must_come_in_order() {
        let wanted = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        assert!(find_in_order("one two three", &wanted(&["one", "three"])).is_ok());
        let error = find_in_order("one two", &wanted(&["two", "one"])).expect_err("order");
        assert_eq!(error.to_string(), "`one` is missing, but it stands earlier");
        assert!(find_in_order("one", &wanted(&["one", "one"])).is_err());
    }
}
