//! What is printed of tests: text for people, or JSON lines for programs.
//!
//! With `--json`, stdout has one line for each test as it ends, and one for all of
//! them at the end, and nothing else:
//!
//! ```json
//! {"version":1,"test":"guest/m0-boot/panic","outcome":"ok","seconds":0.41}
//! {"version":1,"test":"layering","outcome":"failed","seconds":0.02,"message":"…"}
//! {"version":1,"test":"boot/m0/limine","outcome":"skipped","seconds":0.0,"message":"…"}
//! {"version":1,"summary":{"passed":1,"failed":1,"skipped":1},"seconds":0.52}
//! ```
//!
//! A failed test's message is what people see: for a kernel the verdict, its
//! explanation, the places, and the end of the serial output.

use super::{Passed, Test};
use crate::ui::{self, Paint};
use anyhow::Result;
use serde::Serialize;
use serde_json::json;
use std::time::Duration;

/// The version of the JSON lines.
const VERSION: u32 = 1;

/// The form of what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Text,
    Json,
}

/// One test's end.
pub struct Report<'a> {
    pub test: &'a Test,
    pub outcome: Result<Passed>,
    pub elapsed: Duration,
}

/// How all tests together ended.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
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

impl Form {
    /// The line of one test, the `ended`th of `total` to end.
    pub fn print(self, report: &Report, ended: usize, total: usize) {
        let text = format!("{} {}", progress(ended, total), text_line(report));
        match self {
            Self::Text => println!("{text}"),
            Self::Json => {
                println!("{}", json_line(report));
                eprintln!("{text}");
            }
        }
    }

    /// All failures once more, with what they say. The JSON lines have said it.
    pub fn print_failures(self, reports: &[Report]) {
        if self == Self::Json {
            return;
        }
        for report in reports {
            if let Err(error) = &report.outcome {
                println!("\n{} {}", Paint::Bad.on_stdout("FAILED"), report.test.name);
                for line in format!("{error:#}").lines() {
                    println!("    {line}");
                }
            }
        }
    }

    /// Something for people, ahead of the last line.
    pub fn print_more(self, text: &str) {
        match self {
            Self::Text => println!("\n{text}"),
            Self::Json => eprintln!("\n{text}"),
        }
    }

    /// The line of all tests together.
    pub fn print_summary(self, summary: &Summary, elapsed: Duration) {
        match self {
            Self::Text => println!("\n{summary}"),
            Self::Json => {
                println!("{}", json_summary(summary, elapsed));
                eprintln!("\n{summary}");
            }
        }
    }
}

/// How far a run has come, always equally wide.
fn progress(ended: usize, total: usize) -> String {
    let width = total.to_string().len();
    Paint::Dim.on_stdout(format_args!("[{ended:width$}/{total}]"))
}

fn text_line(report: &Report) -> String {
    let word = match &report.outcome {
        Ok(Passed::Shown) => Paint::Good.on_stdout("ok"),
        Ok(Passed::Skipped(reason)) => format!("skipped: {reason}"),
        Err(_) => Paint::Bad.on_stdout("FAILED"),
    };
    format!("test {} ... {word} ({})", report.test.name, ui::seconds(report.elapsed))
}

fn json_line(report: &Report) -> serde_json::Value {
    let (outcome, message) = match &report.outcome {
        Ok(Passed::Shown) => ("ok", None),
        Ok(Passed::Skipped(reason)) => ("skipped", Some(reason.clone())),
        Err(error) => ("failed", Some(format!("{error:#}"))),
    };
    let mut line = json!({
        "version": VERSION,
        "test": report.test.name,
        "outcome": outcome,
        "seconds": report.elapsed.as_secs_f64(),
    });
    if let Some(message) = message {
        line["message"] = message.into();
    }
    line
}

fn json_summary(summary: &Summary, elapsed: Duration) -> serde_json::Value {
    json!({ "version": VERSION, "summary": summary, "seconds": elapsed.as_secs_f64() })
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

    #[test]
    fn json_lines_are_as_documented() {
        let test = Test::new("a/b", [], |_| Ok(()));
        let line = |outcome| json_line(&Report { test: &test, outcome, elapsed: Duration::ZERO });
        let plain =
            |outcome| json!({ "version": 1, "test": "a/b", "outcome": outcome, "seconds": 0.0 });
        assert_eq!(line(Ok(Passed::Shown)), plain("ok"));
        let mut failed = plain("failed");
        failed["message"] = "1 is not 2\nat all".into();
        assert_eq!(line(Err(anyhow::anyhow!("1 is not 2\nat all"))), failed);
        let mut skipped = plain("skipped");
        skipped["message"] = "no Limine".into();
        assert_eq!(line(Ok(Passed::Skipped("no Limine".into()))), skipped);
        let summary = Summary { passed: 1, failed: 2, skipped: 0 };
        let expected = json!({
            "version": 1, "summary": { "passed": 1, "failed": 2, "skipped": 0 }, "seconds": 0.5,
        });
        assert_eq!(json_summary(&summary, Duration::from_millis(500)), expected);
    }
}
