//! `watch`: a verdict soon after each save, keys at a terminal, and an end in any state.

use super::{
    Test,
    bench::{Bench, Need},
    copied::{Copied, ID},
    terminal::AtTerminal,
};
use crate::{
    host,
    process::{Group, INTERRUPTED_STATUS, Running},
};
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::{BufRead, BufReader},
    process::{ChildStdout, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

/// How soon a verdict must follow a save on an idle machine.
const SOON: Duration = Duration::from_secs(3);
/// How soon a signal must end it.
const END: Duration = Duration::from_secs(3);
/// How long anything else may take: it may wait for other builds.
const LIMIT: Duration = Duration::from_secs(300);

pub fn tests() -> Vec<Test> {
    let needs = || [Need::LoaderPvh, Need::Emulator];
    vec![
        Test::new("watch/saves", needs(), saves),
        Test::new("watch/keys", needs(), keys),
        Test::new("watch/interrupted", needs(), interrupted),
    ]
}

/// A call of `watch` without a terminal.
struct Watched {
    running: Running,
    lines: Receiver<String>,
}

impl Watched {
    fn start(copied: &Copied, options: &[&str]) -> Result<Self> {
        let mut command = copied.xtask(["watch", ID]).arguments(options).command();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut running = Running::start(&mut command, Group::Own)?;
        let stdout = running.pipes().stdout.take().context("no output")?;
        Ok(Self { running, lines: lines(stdout) })
    }

    /// Waits for the next verdict, and returns its lines.
    fn verdict(&self) -> Result<String> {
        let deadline = Instant::now() + host::scaled(LIMIT);
        let mut text = String::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else { bail!("no verdict:\n{text}") };
            text.push_str(&line);
            text.push('\n');
            if line.contains(" points in ") {
                return Ok(text);
            }
        }
    }

    /// Sends a signal and waits for the end it must bring.
    fn interrupt(&mut self) -> Result<()> {
        let start = Instant::now();
        kill_process(Pid::from_child(self.running.pipes()), Signal::INT)?;
        let ended = self.running.wait_until(start + host::scaled(END))?;
        let status = ended.context("Ctrl-C does not end it")?.code();
        ensure!(status == Some(INTERRUPTED_STATUS.into()), "status {status:?}");
        Ok(())
    }
}

fn lines(stdout: ChildStdout) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// Wrong, wrong, right: each gets its verdict in time, and the last one ends it.
fn saves(bench: &Bench) -> Result<()> {
    let copied = Copied::new(bench)?;
    let mut watched = Watched::start(&copied, &["--once-done"])?;
    let first = watched.verdict()?;
    ensure!(first.contains("0 of 8 points") && first.contains("not started"), "{first}");
    for (text, said) in [
        (copied.wrong("not-present")?, "the gate is not present"),
        (copied.wrong("high-half-lost")?, "`high` holds address bits 63 to 32"),
        ("#![no_std]\nfn unfinished(".to_owned(), "does not compile"),
        (copied.solution()?, "8 of 8 points"),
    ] {
        let limit = host::scaled(SOON);
        let start = Instant::now();
        copied.save(&text)?;
        let verdict = watched.verdict()?;
        let elapsed = start.elapsed();
        ensure!(verdict.contains(said), "`{said}` is not said:\n{verdict}");
        ensure!(elapsed <= limit, "the verdict took {elapsed:.1?}, more than {limit:.1?}");
    }
    let ended = watched.running.wait_until(Instant::now() + host::scaled(END))?;
    ensure!(ended.is_some_and(|status| status.success()), "it ended with {ended:?}");
    let done: Vec<String> = watched.lines.iter().collect();
    ensure!(done.iter().any(|line| line.starts_with("Well done: ")), "{done:?}");
    ensure!(copied.listed()?["state"] == "done", "{:#}", copied.listed()?);
    Ok(())
}

/// It ends at once while it waits, and while it grades what never ends.
fn interrupted(bench: &Bench) -> Result<()> {
    let copied = Copied::new(bench)?;
    let mut watched = Watched::start(&copied, &[])?;
    watched.verdict()?;
    watched.interrupt()?;
    let solution = copied.solution()?;
    let signature = "dpl: u8) -> Self {";
    ensure!(solution.contains(signature), "the solution is not as this test expects");
    copied.save(&solution.replace(signature, &format!("{signature}\n        loop {{}}\n")))?;
    let before = copied.listed()?;
    let mut watched = Watched::start(&copied, &[])?;
    // Wherever it is by now: preparing, compiling or running.
    let early = watched.lines.recv_timeout(SOON);
    ensure!(early.is_err(), "a verdict on what never ends: {early:?}");
    watched.interrupt()?;
    ensure!(copied.listed()? == before, "an interrupted check was noted");
    Ok(())
}

/// Every key, and the terminal is as it was in the end.
fn keys(bench: &Bench) -> Result<()> {
    const KEYS: &str = "q quit";
    let copied = Copied::new(bench)?;
    let mut terminal = AtTerminal::start(copied.xtask(["watch", ID]).command())?;
    terminal.wait_for("0 of 8")?;
    terminal.wait_for(KEYS)?;
    ensure!(!terminal.is_cooked()?, "keys are not single key presses");
    terminal.type_in(b"h")?;
    terminal.wait_for("hint 1 of 3")?;
    terminal.type_in(b"l")?;
    terminal.wait_for("next: ")?;
    terminal.type_in(b"r")?;
    terminal.wait_for("0 of 8")?;
    terminal.wait_for(KEYS)?;
    copied.save(&copied.wrong("not-present")?)?;
    terminal.wait_for("the gate is not present")?;
    terminal.wait_for(KEYS)?;
    terminal.type_in(b"Rn")?;
    terminal.wait_for("y/n")?;
    terminal.wait_for("nothing was changed")?;
    terminal.type_in(b"Ry")?;
    terminal.wait_for("src/lib.rs.backup-1")?;
    terminal.wait_for("not started")?;
    terminal.wait_for(KEYS)?;
    copied.save(&copied.solution()?)?;
    terminal.wait_for("Well done: ")?;
    terminal.wait_for(KEYS)?;
    terminal.type_in(b"n")?;
    terminal.wait_for(if only_one(&copied)? { "no other exercise" } else { KEYS })?;
    terminal.type_in(b"q")?;
    let status = terminal.end()?;
    ensure!(status.success() && terminal.is_cooked()?, "{status}, or the terminal is not restored");

    let mut terminal = AtTerminal::start(copied.xtask(["watch", ID]).command())?;
    terminal.wait_for(KEYS)?;
    kill_process(Pid::from_child(terminal.running.pipes()), Signal::INT)?;
    let status = terminal.end()?.code();
    ensure!(status == Some(INTERRUPTED_STATUS.into()), "status {status:?}");
    ensure!(terminal.is_cooked()?, "the terminal is not restored");
    Ok(())
}

/// Whether there is no other exercise to go on to.
fn only_one(copied: &Copied) -> Result<bool> {
    let list = copied.xtask(["list"]).run()?;
    Ok(list.stdout.contains("next: nothing"))
}
