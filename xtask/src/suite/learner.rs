//! What learners and authors do besides checking: hints, solutions, the way back, lists,
//! and new exercises.

use super::{
    Test,
    bench::{Bench, Need},
    cli::{Called, Xtask},
    copied::{Copied, ID},
};
use crate::exercises::{LEARNER_FILE, progress};
use anyhow::{Result, ensure};
use std::fs;

pub fn tests() -> Vec<Test> {
    let grading = || [Need::LoaderPvh, Need::Emulator];
    vec![
        Test::new("learner/new", grading(), new),
        Test::new("learner/solution", grading(), solution),
        Test::new("learner/diff-mine", grading(), diff_mine),
        Test::new("learner/hints", [], hints),
        Test::new("learner/reset", [], reset),
        Test::new("learner/list", [], list),
        Test::new("learner/spoilt-progress", [], spoilt_progress),
        Test::new("learner/refused-names", [], refused_names),
    ]
}

/// Calls, and wants this status and these words on stdout.
fn expect(call: Xtask, status: i32, words: &[&str]) -> Result<Called> {
    let called = call.run()?;
    let shown = format!("{}{}", called.stdout, called.stderr);
    ensure!(called.status == Some(status), "status {:?}, not {status}: {shown}", called.status);
    for word in words {
        ensure!(called.stdout.contains(word), "`{word}` is not said: {shown}");
    }
    Ok(called)
}

/// Calls, and wants one line of error with these words.
fn refuse(call: Xtask, words: &[&str]) -> Result<()> {
    let called = call.run()?;
    let shown = format!("{}{}", called.stdout, called.stderr);
    ensure!(called.status == Some(2), "status {:?}, not 2: {shown}", called.status);
    let errors: Vec<&str> =
        called.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    ensure!(errors.len() == 1 && called.stdout.is_empty(), "not one line of error: {shown}");
    for word in words {
        ensure!(errors[0].contains(word), "the error lacks `{word}`: {shown}");
    }
    Ok(())
}

fn hints(bench: &Bench) -> Result<()> {
    let copied = Copied::new(bench)?;
    refuse(copied.xtask(["hint", ID, "--again"]), &["no hint", "cargo xtask hint"])?;
    expect(copied.xtask(["hint", ID]), 0, &["hint 1 of 3", "2 left"])?;
    expect(copied.xtask(["hint", ID, "--again"]), 0, &["hint 1 of 3", "2 left"])?;
    ensure!(copied.listed()?["hints"] == 1, "repeating counts");
    expect(copied.xtask(["hint", "idt", "--level", "3"]), 0, &["hint 3 of 3", "no hint is left"])?;
    expect(copied.xtask(["hint", ID, "--again"]), 0, &["hint 1 of 3", "hint 2 of 3"])?;
    ensure!(copied.listed()?["hints"] == 3, "{:#}", copied.listed()?);
    refuse(copied.xtask(["hint", ID, "--level", "4"]), &["4"])
}

fn diff_mine(bench: &Bench) -> Result<()> {
    let copied = Copied::new(bench)?;
    expect(copied.xtask(["diff", "mine", ID]), 0, &["against the starter: no difference"])?;
    copied.save(&copied.solution()?)?;
    let shown = expect(copied.xtask(["diff", "mine", ID]), 0, &["lines more, 1 fewer", "\n+ "])?;
    ensure!(shown.stdout.contains("\n-         todo!("), "{}", shown.stdout);
    let json =
        expect(copied.xtask(["diff", "mine", ID, "--json"]), 0, &["\"against\": \"starter\""])?;
    ensure!(json.stdout.contains("\"change\": \"added\""), "{}", json.stdout);
    // Nobody has graded it yet.
    refuse(copied.xtask(["diff", "mine", ID, "--reference"]), &["all points", "--give-up"])?;
    expect(copied.xtask(["check", ID]), 0, &["8 of 8 points"])?;
    let reference = copied.xtask(["diff", "mine", ID, "--reference"]);
    expect(reference, 0, &["against the reference: no difference"])?;
    refuse(copied.xtask(["diff", "m0", "mine"]), &["`mine` comes first"])?;
    refuse(copied.xtask(["diff", "mine", ID, "--source"]), &["--json"])?;
    refuse(copied.xtask(["diff", "m0", "m1", "--reference"]), &["diff mine"])
}

fn solution(bench: &Bench) -> Result<()> {
    let copied = Copied::new(bench)?;
    // Nobody has graded it yet.
    let missing = expect(copied.xtask(["solution", ID]), 1, &["0 of 8 points", "--give-up"])?;
    ensure!(!missing.stdout.contains("+++"), "it is shown all the same: {}", missing.stdout);
    copied.save(&copied.solution()?)?;
    expect(copied.xtask(["check", ID]), 0, &["8 of 8 points"])?;
    expect(copied.xtask(["solution", ID]), 0, &["line by line"])?;
    let listed = copied.listed()?;
    ensure!(listed["state"] == "done" && listed["points"] == 8, "{listed:#}");
    // Another file is another question.
    copied.save(&copied.wrong("not-present")?)?;
    expect(copied.xtask(["solution", ID]), 1, &["of 8 points"])?;
    let header = format!("--- exercises/{ID}/{LEARNER_FILE}\n+++ exercises/{ID}/solution/lib.rs\n");
    let shown = expect(copied.xtask(["solution", ID, "--give-up"]), 0, &[&header, "\n+  "])?;
    ensure!(!shown.stdout.contains('\x1b'), "it is coloured: {}", shown.stdout);
    ensure!(copied.listed()?["state"] == "done", "it was done before");

    let other = Copied::new(bench)?;
    expect(other.xtask(["solution", ID, "--give-up"]), 0, &["\n-        todo!"])?;
    other.save(&other.solution()?)?;
    expect(other.xtask(["check", ID]), 0, &[])?;
    let listed = other.listed()?;
    ensure!(listed["state"] == "done-with-solution-shown", "{listed:#}");
    expect(other.xtask(["list"]), 0, &["done with solution shown"]).map(drop)
}

fn reset(bench: &Bench) -> Result<()> {
    let copied = Copied::new(bench)?;
    let starter = copied.read(LEARNER_FILE)?;
    expect(copied.xtask(["reset", ID]), 0, &["nothing was changed"])?;
    for (number, mine) in [(1, "mine"), (2, "mine too")] {
        copied.save(mine)?;
        let backup = format!("{LEARNER_FILE}.backup-{number}");
        expect(copied.xtask(["reset", ID]), 0, &[&format!("exercises/{ID}/{backup}")])?;
        ensure!(copied.read(&backup)? == mine, "the backup is not what was written");
        ensure!(copied.read(LEARNER_FILE)? == starter, "the starter is not back");
    }
    ensure!(copied.read("src/lib.rs.backup-1")? == "mine", "the first backup is gone");
    fs::remove_file(copied.exercise.learner_file())?;
    refuse(copied.xtask(["solution", ID]), &["cargo xtask reset"])?;
    expect(copied.xtask(["reset", ID]), 0, &["no file before"])?;
    ensure!(copied.read(LEARNER_FILE)? == starter, "the starter is not back");
    Ok(())
}

fn list(bench: &Bench) -> Result<()> {
    let copied = Copied::new(bench)?;
    let listed = copied.listed()?;
    ensure!(listed["state"] == "not-started" && listed["points_max"] == 8, "{listed:#}");
    let called = expect(copied.xtask(["list"]), 0, &[ID, "not started", " points, 0 of "])?;
    let next = called.stdout.lines().last().unwrap_or_default();
    ensure!(next.starts_with("next: ") && next.contains("cargo xtask watch"), "{next}");
    ensure!(called.stdout.lines().all(|line| line.chars().count() <= 140), "{}", called.stdout);
    Ok(())
}

fn spoilt_progress(bench: &Bench) -> Result<()> {
    let copied = Copied::new(bench)?;
    let file = copied.folder.join(progress::FILE);
    for text in ["{\"version\": 1, \"exer", "{\"version\": 99}"] {
        fs::write(&file, text)?;
        refuse(copied.xtask(["list"]), &["it was left as it is", "mv "])?;
        refuse(copied.xtask(["hint", ID]), &["it was left as it is", "mv "])?;
        refuse(copied.xtask(["check", ID]), &["it was left as it is", "mv "])?;
        ensure!(fs::read_to_string(&file)? == text, "it was not left as it was");
    }
    Ok(())
}

fn refused_names(bench: &Bench) -> Result<()> {
    let copied = Copied::new(bench)?;
    let new = |id, more: &[&str]| {
        copied.xtask(["exercises", "new", id, "--title", "A try"]).arguments(more)
    };
    refuse(new(ID, &[]), &["already"])?;
    refuse(new("m0_try", &[]), &["`m0_try` is no name"])?;
    refuse(new("m9-try", &[]), &["m0-try", "m0, m1, m2"])?;
    refuse(new("m0-try", &["--chapter", "nothing"]), &["no chapter `nothing`"])?;
    ensure!(!copied.folder.join("m0-try").exists(), "something was written");
    Ok(())
}

fn new(bench: &Bench) -> Result<()> {
    let copied = Copied::new(bench)?;
    let highest = copied.xtask(["list", "--json"]).run()?;
    let list: serde_json::Value = serde_json::from_str(&highest.stdout)?;
    let numbers = list["exercises"].as_array().into_iter().flatten();
    let number = numbers.filter_map(|row| row["number"].as_u64()).max().unwrap_or(0) + 1;
    let new = |id, boot: &[&str], number: u64| {
        let call = copied.xtask(["exercises", "new", id, "--title", "Only a try"]);
        expect(call.arguments(boot), 0, &[&format!("number {number}")])
    };
    new("m0-try", &[], number)?;
    new("m1-try-it", &["--boot"], number + 1)?;
    for part in ["m0-try/files", "m0-try/solution", "m1-try-it"] {
        expect(copied.xtask(["exercises", "verify", part]), 0, &[" 0 failed"])?;
    }
    Ok(())
}
