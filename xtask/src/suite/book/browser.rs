//! The book in a real browser. Each group of tests is a call of `book/browser/run.mjs`,
//! which prints `ok NAME` or `not ok NAME: message` for each test.

use super::super::{
    Test,
    bench::{Bench, Need},
};
use crate::{book::browser, host, process};
use anyhow::{Context, Result, ensure};
use std::{
    fs::{self, File},
    io::Write,
    process::Command,
    time::Duration,
};

/// What `run.mjs` calls its groups.
const GROUPS: [&str; 4] = ["accessibility", "pages", "widgets", "reading"];
/// How long a group may take on an idle machine.
const LIMIT: Duration = Duration::from_secs(600);

pub fn tests() -> Vec<Test> {
    let needs = || [Need::BookBuilder, Need::Book, Need::Browser];
    let test = |group: &'static str| {
        Test::new(format!("book/browser/{group}"), needs(), move |bench| run(bench, group))
    };
    GROUPS.into_iter().map(test).collect()
}

fn run(bench: &Bench, group: &str) -> Result<()> {
    let (builder, book) = (bench.file(&Need::BookBuilder)?, bench.file(&Need::Book)?);
    let tests = bench.file(&Need::Browser)?;
    // What widgets have to answer, by the course's own code.
    let mut cases = Command::new(builder);
    let cases = process::capture(cases.arg("cases"), host::scaled(LIMIT))?;
    ensure!(cases.success(), "the builder has no cases for widgets: {}", cases.stderr);
    let folder = tempfile::tempdir_in(tests)?;
    let file = folder.path().join("cases.json");
    File::create(&file)?.write_all(cases.stdout.as_bytes())?;

    let mut node = Command::new("node");
    node.current_dir(tests).args(["run.mjs", group]).arg(fs::canonicalize(book)?).arg(&file);
    node.envs(browser::find().map(|program| (browser::VARIABLE, program)));
    let finished = process::capture(&mut node, host::scaled(LIMIT)).context("cannot start node")?;
    let results = Results::of(&finished.stdout);
    let said = || format!("{}\n{}", results.failed.join("\n"), finished.stderr.trim());
    ensure!(finished.status.is_some(), "still running at the time limit\n{}", said());
    ensure!(results.failed.is_empty(), "{} tests failed\n{}", results.failed.len(), said());
    ensure!(finished.success(), "run.mjs failed\n{}", said());
    ensure!(results.passed > 0, "nothing was tested\n{}", said());
    Ok(())
}

/// What was printed of tests.
#[derive(Debug, PartialEq, Eq)]
struct Results {
    passed: usize,
    failed: Vec<String>,
}

impl Results {
    fn of(stdout: &str) -> Self {
        let passed = stdout.lines().filter(|line| line.starts_with("ok ")).count();
        // A message may go on over several lines.
        let mut failed: Vec<String> = Vec::new();
        let mut of_failure = false;
        for line in stdout.lines() {
            if let Some(name) = line.strip_prefix("not ok ") {
                failed.push(name.to_owned());
                of_failure = true;
            } else if line.starts_with("ok ") {
                of_failure = false;
            } else if let Some(last) = failed.last_mut().filter(|_| of_failure) {
                last.push_str("\n  ");
                last.push_str(line);
            }
        }
        Self { passed, failed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_and_messages_kept_whole() {
        let all = Results::of("ok a\nnot ok b: it\nis so\nok c\nnoise\n");
        assert_eq!(all, Results { passed: 2, failed: vec!["b: it\n  is so".into()] });
        assert_eq!(Results::of(""), Results { passed: 0, failed: vec![] });
    }
}
