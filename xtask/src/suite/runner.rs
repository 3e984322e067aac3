//! Runs tests side by side.

use super::{
    Passed, Test,
    bench::Bench,
    results::{Form, Report, Summary},
    timings::Timings,
};
use crate::process;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

/// Runs all `tests`, `jobs` at a time, and prints a line for each as it ends, with
/// how many have ended so far. Their times go into `timings`.
pub fn run(
    tests: &[Test],
    bench: &Bench,
    jobs: usize,
    form: Form,
    timings: &mut Timings,
) -> Summary {
    let start = Instant::now();
    let next = AtomicUsize::new(0);
    let reports = Mutex::new(Vec::with_capacity(tests.len()));
    thread::scope(|scope| {
        for _ in 0..jobs.min(tests.len()) {
            scope.spawn(|| {
                while let Some(test) = tests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if process::interrupted() {
                        return;
                    }
                    let report = run_one(test, bench);
                    let mut reports = reports.lock().unwrap_or_else(PoisonError::into_inner);
                    if !process::interrupted() {
                        form.print(&report, reports.len() + 1, tests.len());
                        reports.push(report);
                    }
                }
            });
        }
    });
    let reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    timings.testing = start.elapsed();
    timings.tests =
        reports.iter().map(|report| (report.test.name.clone(), report.elapsed)).collect();
    form.print_failures(&reports);
    summarise(&reports)
}

fn run_one<'a>(test: &'a Test, bench: &Bench) -> Report<'a> {
    let start = Instant::now();
    // A test that panics is a failed test, not the end of all others.
    let outcome = catch_unwind(AssertUnwindSafe(|| (test.body)(bench)))
        .unwrap_or_else(|_| Err(anyhow::anyhow!("the test itself panicked; see above")));
    Report { test, outcome, elapsed: start.elapsed() }
}

fn summarise(reports: &[Report]) -> Summary {
    let mut summary = Summary::default();
    for report in reports {
        match &report.outcome {
            Ok(Passed::Shown) => summary.passed += 1,
            Ok(Passed::Skipped(_)) => summary.skipped += 1,
            Err(_) => summary.failed += 1,
        }
    }
    summary
}
