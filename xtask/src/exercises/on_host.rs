//! Runs the checks that need no machine: one process for each, with limits.

use super::{
    confine,
    outcome::{CheckOutcome, Evidence},
    reports::{self, Heard},
};
use crate::{
    host,
    process::{Group, Running},
};
use anyhow::{Context, Result};
use std::{
    io::{Read, Write},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How long a check may take on an idle machine.
const LIMIT: Duration = Duration::from_secs(5);
/// How often it is looked at whether it still writes.
const LOOK: Duration = Duration::from_millis(200);
/// How much it may write.
const OUTPUT_MAX: u64 = 1 << 20;

/// Runs one check in a process of its own, in an empty folder. Returns what was heard of
/// it and how many lines pretended to be reports.
pub fn run(program: &Path, check: &str, nonce: &str, seed: u64) -> Result<(Heard, usize)> {
    let folder = crate::trial::temporary_folder()?;
    let mut command = Command::new(program);
    command.arg(check).current_dir(folder.path()).env_clear();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    confine::confine(&mut command)?;
    let limit = host::scaled(LIMIT);
    let mut running =
        Running::start(&mut command, Group::Own).context("cannot start the checks")?;
    let pipes = running.pipes();
    if let Some(mut stdin) = pipes.stdin.take() {
        // A program that ends before it reads has ended, which is seen below.
        let _ = writeln!(stdin, "{nonce} {seed}");
    }
    let mut stdout =
        pipes.stdout.take().context("the checks' output is not connected")?.take(OUTPUT_MAX);
    let flooded = Arc::new(AtomicBool::new(false));
    let noticed = Arc::clone(&flooded);
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read up to an error is what there is.
        let _ = stdout.read_to_end(&mut bytes);
        noticed.store(bytes.len() as u64 >= OUTPUT_MAX, Ordering::Relaxed);
        bytes
    });
    let end = Instant::now() + limit;
    let mut status = None;
    // Who has written too much need not write on until the end.
    while status.is_none() && Instant::now() < end && !flooded.load(Ordering::Relaxed) {
        status = running.wait_until(end.min(Instant::now() + LOOK))?;
    }
    if status.is_none() {
        running.kill();
        running.wait()?;
    }
    let bytes = reader.join().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let (heard, forged) = reports::read(text.lines(), nonce);
    let mut heard = heard.into_iter().next().unwrap_or_else(|| Heard {
        name: check.to_owned(),
        outcome: None,
        evidence: Evidence::default(),
    });
    if heard.outcome.is_none() || status.is_none() {
        heard.outcome = Some(ending(status, flooded.load(Ordering::Relaxed), limit));
    }
    Ok((heard, forged))
}

/// What became of a check that did not report its end.
fn ending(status: Option<ExitStatus>, flooded: bool, limit: Duration) -> CheckOutcome {
    let story = Vec::new();
    if flooded {
        let message = format!("your code wrote more than {} KiB", OUTPUT_MAX >> 10);
        return CheckOutcome::Flooded { message, story };
    }
    let Some(status) = status else {
        let message = format!(
            "still running after {:.0} s: look for a loop that never ends",
            limit.as_secs_f64()
        );
        return CheckOutcome::TimedOut { message, story };
    };
    let message = match status.signal() {
        Some(libc::SIGSEGV | libc::SIGBUS) => {
            "your code touched memory that is not there (SIGSEGV): a bad \
             pointer, or a stack that overflowed by endless recursion"
                .to_owned()
        }
        Some(libc::SIGABRT) => {
            "your code aborted (SIGABRT): a panic while panicking, a stack that \
             overflowed by endless recursion, or no memory left"
                .to_owned()
        }
        Some(libc::SIGILL) => "your code ran into an invalid instruction (SIGILL)".to_owned(),
        Some(libc::SIGFPE) => "your code divided by zero in assembly (SIGFPE)".to_owned(),
        Some(libc::SIGSYS | libc::SIGXFSZ) => "your code asked this machine to change files, \
             processes or connections; it may only compute"
            .to_owned(),
        Some(libc::SIGXCPU) => "your code computed without end".to_owned(),
        Some(other) => format!("your code was ended by signal {other}"),
        None => format!(
            "your code ended the process with status {} in the middle of the check",
            status.code().unwrap_or_default()
        ),
    };
    CheckOutcome::Crashed { message, story }
}
