//! Runs the checks that need a machine: one boot for all of them.

use super::{
    Exercise,
    outcome::{CheckOutcome, Evidence},
    reports::{self, Heard},
};
use crate::{
    host,
    machine::Machine,
    qemu::session::Limits,
    trial::{Guest, Outcome, Trial},
    verdict::{Missing, Verdict, report::Report},
};
use anyhow::{Context, Result, bail};
use std::{io::sink, path::Path, time::Duration};

/// What a boot showed.
pub struct Boot {
    /// The checks that began, in order; each has an outcome.
    pub heard: Vec<Heard>,
    /// What ended the kernel before its end, if that is so.
    pub broken: Option<CheckOutcome>,
    /// How many lines pretended to be reports.
    pub forged: usize,
}

/// Boots `kernel` with the loader and listens. `root` is where the sources lie.
pub fn run(
    exercise: &Exercise,
    kernel: &Path,
    loader: &Path,
    seed: u64,
    root: &Path,
) -> Result<Boot> {
    let settings = &exercise.description.boot;
    let machine = Machine {
        memory: settings.memory.parse().map_err(anyhow::Error::msg)?,
        cpu: settings.cpu.parse().map_err(anyhow::Error::msg)?,
    };
    let cmdline = format!("seed={seed}");
    let guest = Guest { title: exercise.id(), kernel, cmdline: &cmdline, modules: &[] };
    let mut trial = Trial::fast(&guest, loader, machine)?;
    trial.demands.boot = false;
    let limit = host::scaled(Duration::from_secs(settings.seconds));
    let outcome = trial.run(&Limits { time: Some(limit), interactive: false }, &mut sink())?;
    match &outcome.verdict {
        Verdict::EmulatorMissing { program } => {
            bail!("{program} is not there; `cargo xtask doctor` says how to get it")
        }
        Verdict::Interrupted => bail!("interrupted"),
        _ => {}
    }
    let symbols = trial.symbols(root).context("cannot read the kernel's symbols")?;
    let lines = outcome.events.iter().map(String::as_str);
    let (mut heard, forged) = reports::read(lines, &trial.demands.nonce);
    let broken = ending(&outcome, &Report::new(&outcome, &symbols));
    if let Some(last) = heard.last_mut().filter(|last| last.outcome.is_none()) {
        if let Verdict::Panic { location, .. } = &outcome.verdict {
            last.evidence = Evidence {
                source: symbols.panic_line(location).map(|line| line.to_string()),
                ..last.evidence.clone()
            };
        }
        last.outcome = Some(broken.clone().unwrap_or_else(left_without_a_word));
    }
    Ok(Boot { heard, broken, forged })
}

/// What ended the kernel, unless it came to its end.
fn ending(outcome: &Outcome, report: &Report) -> Option<CheckOutcome> {
    let story = without_harness(report.facts()).chain(report.explanation()).collect();
    let message = report.headline.clone();
    Some(match &outcome.verdict {
        // The grader's checks are not the milestones' events.
        Verdict::Complete { .. } | Verdict::Incomplete { missing: Missing::Checks } => return None,
        Verdict::Panic { location, message, .. } => {
            CheckOutcome::Panicked { location: location.clone(), message: message.clone() }
        }
        Verdict::Hang { .. } => CheckOutcome::TimedOut { message, story },
        Verdict::Flood { .. } => CheckOutcome::Flooded { message, story },
        _ => CheckOutcome::Crashed { message, story },
    })
}

/// Without the callers that every check has: the harness, and the source lines shown
/// for them.
fn without_harness(facts: Vec<String>) -> impl Iterator<Item = String> {
    let mut harness = false;
    facts.into_iter().filter(move |fact| {
        let caller = fact.starts_with("called from ");
        let source = fact.starts_with(' ');
        if caller || !source {
            harness = caller
                && (fact.contains("(exercises/harness/")
                    || fact.starts_with("called from kernel_entry "));
        }
        !harness
    })
}

/// The kernel said it was done in the middle of a check.
fn left_without_a_word() -> CheckOutcome {
    let message = "the kernel left in the middle of the check".to_owned();
    CheckOutcome::Crashed { message, story: Vec::new() }
}
