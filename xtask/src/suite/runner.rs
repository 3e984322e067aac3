//! Runs tests side by side and reports.

use super::{Passed, Test, bench::Bench, timings::Timings};
use crate::{
    process,
    ui::{self, Paint},
};
use anyhow::Result;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How all tests together ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// One test's end.
struct Report<'a> {
    test: &'a Test,
    outcome: Result<Passed>,
    elapsed: Duration,
}

/// Runs all `tests`, `jobs` at a time, and prints a line for each as it ends, with
/// how many have ended so far. Their times go into `timings`.
pub fn run(tests: &[Test], bench: &Bench, jobs: usize, timings: &mut Timings) -> Summary {
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
                        reports.push(report);
                        print_line(&reports, tests.len());
                    }
                }
            });
        }
    });
    let reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    timings.testing = start.elapsed();
    timings.tests =
        reports.iter().map(|report| (report.test.name.clone(), report.elapsed)).collect();
    print_failures(&reports);
    summarise(&reports)
}

fn run_one<'a>(test: &'a Test, bench: &Bench) -> Report<'a> {
    let start = Instant::now();
    // A test that panics is a failed test, not the end of all others.
    let outcome = catch_unwind(AssertUnwindSafe(|| (test.body)(bench)))
        .unwrap_or_else(|_| Err(anyhow::anyhow!("the test itself panicked; see above")));
    Report { test, outcome, elapsed: start.elapsed() }
}

/// A line about the last report, the `reports.len()`th of `total`.
fn print_line(reports: &[Report], total: usize) {
    let Some(report) = reports.last() else { return };
    let word = match &report.outcome {
        Ok(Passed::Shown) => Paint::Good.on_stdout("ok"),
        Ok(Passed::Skipped(reason)) => format!("skipped: {reason}"),
        Err(_) => Paint::Bad.on_stdout("FAILED"),
    };
    let count = progress(reports.len(), total);
    println!("{count} test {} ... {word} ({})", report.test.name, ui::seconds(report.elapsed));
}

/// How far a run has come, always equally wide.
fn progress(ended: usize, total: usize) -> String {
    let width = total.to_string().len();
    Paint::Dim.on_stdout(format_args!("[{ended:width$}/{total}]"))
}

fn print_failures(reports: &[Report]) {
    for report in reports {
        if let Err(error) = &report.outcome {
            println!("\n{} {}", Paint::Bad.on_stdout("FAILED"), report.test.name);
            for line in format!("{error:#}").lines() {
                println!("    {line}");
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_keeps_its_width() {
        assert_eq!(progress(7, 412), "[  7/412]");
        assert_eq!(progress(412, 412), "[412/412]");
    }

    #[test]
    fn the_closing_line_mentions_skipped_tests_only_if_there_are_any() {
        let mut summary = Summary { passed: 12, failed: 1, skipped: 0 };
        assert_eq!(summary.to_string(), "12 passed, 1 failed");
        summary.skipped = 2;
        assert_eq!(summary.to_string(), "12 passed, 1 failed, 2 skipped");
    }
}
