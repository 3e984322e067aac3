//! Every command line that the book shows is ours, and something runs it: a session, the
//! suite if it is a call of the suite, or whatever `book/commands.toml` gives as a reason:
//!
//! ```toml
//! [[reason]]
//! command = "cargo xtask check *"   # `*` stands for anything
//! why = "each exercise is graded in all its variants"
//! test = "exercises/"               # optional: the beginning of the tests that do it
//! ```

use super::super::{
    Test,
    bench::{Bench, Need},
};
use crate::{host, manual, process, sessions};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::{collections::BTreeSet, fs, process::Command, time::Duration};

/// Where the reasons stand, from the workspace's root.
const FILE: &str = "book/commands.toml";
/// How long the builder may take to list them.
const LIMIT: Duration = Duration::from_secs(60);
/// What calls of the suite begin with.
const SUITE: &str = "cargo xtask test ";

/// A command line of the book, as the builder lists it.
#[derive(Debug, Deserialize)]
struct Shown {
    file: String,
    line: usize,
    command: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reasons {
    #[serde(default)]
    reason: Vec<Reason>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    command: String,
    why: String,
    #[serde(default)]
    test: Option<String>,
}

/// The test, given all others' names.
pub fn test(tests: Vec<String>) -> Test {
    Test::new("book/commands", [Need::BookBuilder], move |bench| all_run(bench, &tests))
}

fn all_run(bench: &Bench, tests: &[String]) -> Result<()> {
    let mut call = Command::new(bench.file(&Need::BookBuilder)?);
    call.arg("commands").arg("--root").arg(&bench.workspace.root);
    let finished = process::capture(&mut call, host::scaled(LIMIT))?;
    ensure!(finished.success(), "{}", finished.stderr);
    let shown: Vec<Shown> = serde_json::from_str(&finished.stdout)
        .with_context(|| format!("the builder's list is no list: {}", finished.stdout))?;
    ensure!(!shown.is_empty(), "the book shows no command");
    let text = fs::read_to_string(bench.workspace.root.join(FILE))
        .with_context(|| format!("cannot read {FILE}"))?;
    let reasons: Reasons =
        toml::from_str(&text).map_err(|error| anyhow::anyhow!("{FILE}: {}", error.message()))?;
    let sessions = sessions::all(&bench.workspace.root)?;
    let recorded: BTreeSet<&str> = sessions.iter().map(|one| one.command.as_str()).collect();
    let wrong = judge(&shown, &reasons.reason, &recorded, tests);
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// What is wrong, one a line.
fn judge(
    shown: &[Shown],
    reasons: &[Reason],
    recorded: &BTreeSet<&str>,
    tests: &[String],
) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut used = vec![false; reasons.len()];
    for Shown { file, line, command } in shown {
        let ours = command.contains("cargo xtask");
        let plain = match manual::check_line(command) {
            Ok(plain) => plain,
            Err(error) if ours => {
                wrong.push(format!("{file}:{line}: `{command}` is no command line: {error}"));
                continue;
            }
            Err(_) => command,
        };
        let filter = plain.strip_prefix(SUITE).filter(|filter| !filter.starts_with('-'));
        let is_test = filter.is_some_and(|filter| tests.iter().any(|name| name.contains(filter)));
        let mut has_reason = false;
        for (reason, used) in reasons.iter().zip(&mut used) {
            if matches(&reason.command, plain) {
                (has_reason, *used) = (true, true);
            }
        }
        if !recorded.contains(plain) && !is_test && !has_reason {
            wrong.push(format!(
                "{file}:{line}: nothing runs `{command}`: neither a session, nor a reason in {FILE}"
            ));
        }
    }
    for (Reason { command, why, test }, used) in reasons.iter().zip(used) {
        if !used {
            wrong.push(format!("{FILE}: the book does not show `{command}` any more"));
        }
        if why.trim().is_empty() {
            wrong.push(format!("{FILE}: `{command}` has no reason"));
        }
        let exists = |test: &String| tests.iter().any(|name| name.starts_with(test.as_str()));
        if let Some(test) = test.as_ref().filter(|test| !exists(test)) {
            wrong.push(format!(
                "{FILE}: no test's name begins with `{test}`, given for `{command}`"
            ));
        }
    }
    wrong
}

/// Whether `text` is `pattern`, in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len())
                .filter(|&at| rest.is_char_boundary(at))
                .any(|at| matches(after, &rest[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(commands: &[&str], reasons: &[(&str, Option<&str>)]) -> Vec<String> {
        let shown =
            |command: &&str| Shown { file: "f".into(), line: 3, command: (*command).into() };
        let shown: Vec<Shown> = commands.iter().map(shown).collect();
        let reason = |(command, test): &(&str, Option<&str>)| Reason {
            command: (*command).into(),
            why: "so".into(),
            test: test.map(str::to_owned),
        };
        let reasons: Vec<Reason> = reasons.iter().map(reason).collect();
        judge(&shown, &reasons, &BTreeSet::from(["cargo xtask list"]), &["boot/m0/fast".to_owned()])
    }

    #[test]
    fn what_something_runs_is_right() {
        let all = [
            "cargo xtask list   # a remark",
            "cargo xtask test boot/m0",
            "cargo xtask run m2",
            "git log",
        ];
        let reasons = [("cargo xtask run *", Some("boot/")), ("git *", None)];
        assert_eq!(wrong(&all, &reasons), Vec::<String>::new());
    }

    #[test]
    fn what_nothing_runs_is_told() {
        for (commands, reasons, told) in [
            (&["cargo xtask lsit"][..], &[][..], "f:3: `cargo xtask lsit` is no command line"),
            (&["cargo xtask doctor"], &[], "f:3: nothing runs `cargo xtask doctor`"),
            (&["cargo xtask test nothing"], &[], "f:3: nothing runs"),
            (&["make"], &[], "f:3: nothing runs `make`"),
            (&["cargo xtask list"], &[("make", None)], "does not show `make` any more"),
            (&["cargo xtask doctor"], &[("cargo * doctor", Some("no/"))], "begins with `no/`"),
        ] {
            let found = wrong(commands, reasons);
            assert!(found.len() == 1 && found[0].contains(told), "{told}: {found:?}");
        }
    }

    #[test]
    fn a_star_is_anything() {
        assert!(matches("a*c", "abc") && matches("a*", "a") && matches("*b*", "abc"));
        assert!(!matches("a", "ab") && !matches("a*c", "ab") && !matches("*x*", "abc"));
    }
}
