//! A terminal with nobody at it: programs that behave differently at a terminal are
//! tested on a pseudo-terminal, whose other end types and reads.

use crate::process::{Group, Running};
use anyhow::{Context, Result, bail};
use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, tcgetattr},
};
use std::{
    fs::File,
    io::{Read, Write},
    process::{Command, ExitStatus},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

/// How long anything may take to appear.
const LIMIT: Duration = Duration::from_secs(300);

/// A program at a terminal.
pub struct AtTerminal {
    pub running: Running,
    /// The end that people hold.
    ours: File,
    /// The end that the program holds.
    theirs: File,
    output: Receiver<Vec<u8>>,
    /// What came and was not waited for yet.
    seen: String,
}

impl AtTerminal {
    /// Starts `command` with input and output at a terminal of its own.
    pub fn start(mut command: Command) -> Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags).context("cannot open a pseudo-terminal")?;
        grantpt(&ours)?;
        unlockpt(&ours)?;
        let name = ptsname(&ours, Vec::new())?.into_string()?;
        let theirs = File::options().read(true).write(true).open(&name)?;
        let ours = File::from(ours);
        command.stdin(theirs.try_clone()?).stdout(theirs.try_clone()?).stderr(theirs.try_clone()?);
        let running = Running::start(&mut command, Group::Own)?;
        let (sender, output) = channel();
        let mut reader = ours.try_clone()?;
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The terminal's end is an error.
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Ok(Self { running, ours, theirs, output, seen: String::new() })
    }

    /// Waits for `text` and returns what came before it.
    ///
    /// # Errors
    /// It did not come; what came instead.
    pub fn wait_for(&mut self, text: &str) -> Result<String> {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some((before, after)) = self.seen.split_once(text) {
                let (before, after) = (before.to_owned(), after.to_owned());
                self.seen = after;
                return Ok(before);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    bail!("`{text}` does not appear on the terminal:\n{}", self.seen)
                }
            }
        }
    }

    /// Types.
    pub fn type_in(&mut self, keys: &[u8]) -> Result<()> {
        self.ours.write_all(keys).context("cannot type at the terminal")
    }

    /// Whether lines are put together, and echoed, by the terminal itself.
    pub fn is_cooked(&self) -> Result<bool> {
        let modes = tcgetattr(&self.theirs).context("the terminal has no mode")?.local_modes;
        Ok(modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG))
    }

    /// Waits for the program's end.
    pub fn end(&mut self) -> Result<ExitStatus> {
        let ended = self.running.wait_until(Instant::now() + LIMIT)?;
        ended.with_context(|| format!("the program does not end:\n{}", self.seen))
    }
}
