//! Instruction counts: every group of figures is within its budgets, and a second
//! run counts the same.

use super::{
    Test,
    bench::{Bench, Need},
    guest::explain,
};
use crate::{
    measure::{self, Kernels, budgets::Budgets, figures::Figures, table},
    verdict::Verdict,
    workspace::Workspace,
};
use anyhow::{Result, anyhow, ensure};
use std::{
    io::sink,
    path::Path,
    sync::{Arc, OnceLock},
};

/// The figures of the one run that all groups share.
type Shared = Arc<OnceLock<Result<Figures, String>>>;

/// A test for each group that has budgets, one of reproducibility, and one of the
/// scale.
pub fn tests(workspace: &Workspace) -> Result<Vec<Test>> {
    let budgets = Budgets::read(&measure::budgets_file(workspace))?;
    let shared = Shared::default();
    let needs = || {
        let memory = Need::Kernel(measure::PACKAGE.to_owned());
        let booted = Need::Kernel(measure::BOOTED.to_owned());
        vec![Need::Emulator, Need::LoaderPvh, memory, Need::BenchUser, booted]
    };
    // Runs side by side with the first group's, which makes the shared run.
    let first = Arc::clone(&shared);
    let reproducible = Test::new("bench/reproducible", needs(), move |bench| {
        let again = run(bench)?;
        same(&once(&first, bench)?, &again)
    });
    let mut tests: Vec<Test> = budgets
        .groups()
        .into_iter()
        .map(|group| {
            let (budgets, shared) = (budgets.of_group(group), Arc::clone(&shared));
            let owned = group.to_owned();
            Test::new(format!("bench/{group}"), needs(), move |bench| {
                let figures = once(&shared, bench)?.of_group(&owned);
                within(&figures, &budgets)
            })
        })
        .collect();
    tests.insert(tests.len().min(1), reproducible);
    tests.push(Test::new("bench/calibration", needs(), counts_nothing_but_instructions));
    Ok(tests)
}

fn run(bench: &Bench) -> Result<Figures> {
    let kernels = Kernels { measuring: measuring(bench)?, booted: bench.kernel(measure::BOOTED)? };
    measure::run_ours(bench.workspace, kernels, bench.file(&Need::LoaderPvh)?)
}

/// Our kernels that measure.
fn measuring<'b>(bench: &'b Bench) -> Result<[&'b Path; 2]> {
    Ok([bench.kernel(measure::PACKAGE)?, bench.file(&Need::BenchUser)?])
}

/// On a machine whose counter counts time, no kernel measures anything.
fn counts_nothing_but_instructions(bench: &Bench) -> Result<()> {
    measuring(bench)?.into_iter().try_for_each(|kernel| refuses_to_count(kernel, bench))
}

fn refuses_to_count(kernel: &Path, bench: &Bench) -> Result<()> {
    let mut trial = measure::trial(kernel, bench.file(&Need::LoaderPvh)?)?;
    trial.launch.counts_instructions = false;
    let outcome = trial.run(&measure::limits(), &mut sink())?;
    let refused = matches!(
        &outcome.verdict,
        Verdict::CheckFailed { name, message }
            if name == "calibration" && message.contains("-icount shift=0")
    );
    ensure!(refused, "not refused by its calibration:\n{}", explain(&trial, &outcome, bench)?);
    let measured = outcome.events.iter().any(|line| line.starts_with("measure "));
    ensure!(!measured, "figures were reported before the calibration");
    Ok(())
}

fn once(shared: &Shared, bench: &Bench) -> Result<Figures> {
    let outcome = shared.get_or_init(|| run(bench).map_err(|error| format!("{error:#}")));
    outcome.clone().map_err(|error| anyhow!(error))
}

/// Fails on a figure over its budget, with the whole table.
fn within(figures: &Figures, budgets: &Budgets) -> Result<()> {
    let broken = budgets.broken(figures)?;
    ensure!(
        broken.is_empty(),
        "{} of {} budgets exceeded\n{}",
        broken.len(),
        budgets.len(),
        table::with_budgets(&figures.rows(), budgets)
    );
    Ok(())
}

/// Fails if two runs did not count the same.
fn same(first: &Figures, again: &Figures) -> Result<()> {
    let differing: Vec<String> = first
        .iter()
        .zip(again.iter())
        .filter(|(first, again)| first != again)
        .map(|(first, again)| format!("{}: {} and {}", first.name, first.value, again.value))
        .collect();
    ensure!(differing.is_empty(), "two runs counted differently:\n{}", differing.join("\n"));
    ensure!(first == again, "two runs measured different things");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::figures::tests::figures;

    #[test]
    fn a_figure_over_budget_fails_its_group() {
        let budgets = Budgets::parse("\"heap/a/median\" = { at_most = 45 }").expect("good");
        assert!(within(&figures(&["heap/a/median 45 instructions"]), &budgets).is_ok());
        let error = within(&figures(&["heap/a/median 46 instructions"]), &budgets);
        let error = error.expect_err("over").to_string();
        assert!(error.starts_with("1 of 1 budgets exceeded\n"), "{error}");
        let unmeasured = within(&figures(&["heap/b 1 instructions"]), &budgets);
        assert!(unmeasured.is_err(), "a budget that nothing was measured for");
    }

    #[test]
    fn runs_that_differ_are_told_apart() {
        let one = figures(&["a 1 permille", "b 2 permille"]);
        assert!(same(&one, &one.clone()).is_ok());
        let other = figures(&["a 1 permille", "b 3 permille"]);
        let error = same(&one, &other).expect_err("differs").to_string();
        assert!(error.ends_with("b: 2 and 3"), "{error}");
        assert!(same(&one, &figures(&["a 1 permille"])).is_err(), "one figure is missing");
    }
}
