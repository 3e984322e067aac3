//! In-guest tests: a package's test kernel is booted once for each case of the
//! files that describe them.

use super::{
    Test,
    bench::{Bench, Need},
    case_files,
    cases::Case,
    expect::Expect,
};
use crate::{
    boot::{Module, way::Way},
    firmware, host,
    machine::Machine,
    qemu::{command::Attached, session::Limits},
    trial::{Guest, Outcome, Trial},
    verdict::{Missing, Verdict, report::Report},
    workspace::Workspace,
};
use anyhow::{Context, Result, bail, ensure};
use shared::events::Event;
use std::{
    collections::BTreeSet,
    env,
    hash::{BuildHasher, RandomState},
    io::sink,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// How long a long case may take on an idle machine.
const LONG_LIMIT: Duration = Duration::from_secs(30 * 60);
/// How much of a failed kernel's serial output is shown.
const SHOWN_LINES: usize = 40;
/// Names the seed to use in place of a fresh one.
const SEED_VARIABLE: &str = "MYRIA_SEED";

/// The tests of all packages that have a `tests/guest.toml`.
pub fn tests(workspace: &Workspace) -> Result<Vec<Test>> {
    let limine = firmware::find_limine()?.is_some();
    let mut tests = Vec::new();
    for package in workspace.packages() {
        let cases = case_files::read(workspace, package)?;
        if cases.is_empty() {
            continue;
        }
        let names: BTreeSet<String> = cases.iter().map(|case| case.name.clone()).collect();
        tests.push(list_test(package, names));
        for case in cases {
            tests.extend(case_tests(package, &Arc::new(case), limine));
        }
    }
    Ok(tests)
}

fn needs(package: &str, way: Way) -> Vec<Need> {
    let mut needs = vec![Need::Emulator, Need::GuestTest(package.to_owned())];
    match way {
        Way::Fast => needs.push(Need::LoaderPvh),
        Way::Uefi => needs.extend([Need::Firmware, Need::LoaderUefi]),
        Way::Limine => needs.push(Need::Firmware),
    }
    needs
}

/// The kernel and the files must know the same cases.
fn list_test(package: &str, written: BTreeSet<String>) -> Test {
    let owner = package.to_owned();
    Test::new(format!("guest/{package}/list"), needs(package, Way::Fast), move |bench| {
        let trial = trial(bench, &owner, Way::Fast, "test=list", &[], Machine::default())?;
        let outcome = trial.run(&limits(Way::Fast.time_limit()), &mut sink())?;
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
        ensure!(no_kernel.is_empty(), "the files have cases the kernel does not know: {no_kernel}");
        ensure!(no_file.is_empty(), "the kernel has cases the files do not know: {no_file}");
        Ok(())
    })
}

/// One test for each way to boot and each machine that the case asks for.
fn case_tests(package: &str, case: &Arc<Case>, limine: bool) -> Vec<Test> {
    let mut tests = Vec::new();
    for &way in case.boot.iter().filter(|way| limine || **way != Way::Limine) {
        for &memory in &case.memory {
            for cpu in &case.cpu {
                let mut name = format!("guest/{package}/{}", case.name);
                if case.boot.len() > 1 {
                    name.push_str(&format!("/{way}"));
                }
                if case.memory.len() > 1 {
                    name.push_str(&format!("/{memory}"));
                }
                if case.cpu.len() > 1 {
                    name.push_str(&format!("/{cpu}"));
                }
                let machine = Machine { memory, cpu: cpu.clone() };
                let (case, owner) = (Arc::clone(case), package.to_owned());
                let long = case.long;
                let body = move |bench: &Bench| run_case(bench, &owner, &case, way, &machine);
                tests.push(Test::new(name, needs(package, way), body).long(long));
            }
        }
    }
    tests
}

fn run_case(bench: &Bench, package: &str, case: &Case, way: Way, machine: &Machine) -> Result<()> {
    let mut cmdline = format!("test={} {}", case.name, case.cmdline);
    let seed = if case.seeded { Some(seed()?) } else { None };
    if let Some(seed) = seed {
        cmdline.push_str(&format!(" extra={seed}"));
    }
    let mut trial = trial(bench, package, way, &cmdline, &case.modules, machine.clone())?;
    trial.launch.nmi_after.clone_from(&case.nmi_after);
    let limit = match case.expect {
        Expect::Hang => case.hang_after,
        _ if case.long => LONG_LIMIT,
        _ => way.time_limit(),
    };
    let outcome = trial.run(&limits(limit), &mut sink())?;
    let judge = || {
        if !case.expect.matches(&outcome.verdict) {
            bail!("expected {:?}, got\n{}", case.expect, explain(&trial, &outcome, bench)?);
        }
        find_in_order(&outcome.serial, &case.serial)
            .with_context(|| format!("serial output:\n{}", tail(&outcome.serial)))?;
        if let Some(id) = &case.catalogue {
            explained_by(id, &trial, &outcome, bench)?;
        }
        if case.report.is_empty() {
            return Ok(());
        }
        let report = explain(&trial, &outcome, bench)?;
        find_in_order(&report, &case.report).with_context(|| format!("report:\n{report}"))
    };
    match seed {
        Some(seed) => {
            judge().with_context(|| format!("seed {seed} (again with {SEED_VARIABLE}={seed})"))
        }
        None => judge(),
    }
}

/// A seed that differs from run to run, unless the environment names one.
fn seed() -> Result<u32> {
    match env::var(SEED_VARIABLE) {
        Ok(text) => text.parse().with_context(|| format!("{SEED_VARIABLE}={text} is no seed")),
        Err(_) => Ok(RandomState::new().hash_one(SystemTime::now()) as u32),
    }
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
    way: Way,
    cmdline: &str,
    modules: &[Module],
    machine: Machine,
) -> Result<Trial> {
    let mut all = bench.modules(package)?.to_vec();
    all.extend_from_slice(modules);
    let guest = Guest {
        title: package,
        kernel: bench.file(&Need::GuestTest(package.to_owned()))?,
        cmdline,
        modules: &all,
    };
    let program = match way {
        Way::Fast => bench.file(&Need::LoaderPvh)?.to_owned(),
        Way::Uefi => bench.file(&Need::LoaderUefi)?.to_owned(),
        Way::Limine => firmware::limine()?,
    };
    let mut trial = Trial::new(way, &guest, &program, Attached::Disk, machine)?;
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
