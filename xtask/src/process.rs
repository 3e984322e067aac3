//! Child processes that never outlive xtask, and the signals that end both.
//!
//! Every child is registered here while it runs. Ctrl-C, SIGTERM and SIGHUP
//! kill what is registered and raise a flag; the code that waits then sees its
//! child end, returns through its ordinary error path, and so cleans up. Where
//! the system can (Linux), the kernel kills a child also when xtask itself is
//! killed.

use crate::terminal;
use anyhow::{Context, Result};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::{
    io::Read,
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// xtask's exit status after Ctrl-C, as shells have it: 128 + SIGINT.
pub const INTERRUPTED_STATUS: u8 = 130;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// A child that shares the terminal makes something of Ctrl-C itself.
static INTERRUPTS_ARE_A_CHILD_S: AtomicBool = AtomicBool::new(false);
static RUNNING: Mutex<Vec<Registered>> = Mutex::new(Vec::new());

/// A child that a signal has to kill.
struct Registered {
    pid: Pid,
    group: Group,
}

/// Whose signals a child receives from the terminal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// xtask's own process group: the child may use the terminal.
    Shared,
    /// A group of its own, killed as a whole: Ctrl-C reaches only xtask.
    Own,
}

/// Starts to listen for the signals that end xtask.
pub fn catch_signals() -> Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])
        .context("cannot install signal handlers")?;
    thread::spawn(move || {
        for signal in signals.forever() {
            if signal == SIGINT && INTERRUPTS_ARE_A_CHILD_S.load(Ordering::SeqCst) {
                continue;
            }
            if INTERRUPTED.swap(true, Ordering::SeqCst) {
                terminal::restore();
                // A second signal: whatever hangs in clean-up is not worth
                // waiting for.
                std::process::exit(INTERRUPTED_STATUS.into());
            }
            registry().iter().for_each(Registered::kill);
        }
    });
    Ok(())
}

/// Runs `work`, during which Ctrl-C is for a child that shares the terminal (a
/// debugger stops its program then), and xtask goes on.
pub fn leaving_interrupts_to_child<T>(work: impl FnOnce() -> T) -> T {
    INTERRUPTS_ARE_A_CHILD_S.store(true, Ordering::SeqCst);
    let outcome = work();
    INTERRUPTS_ARE_A_CHILD_S.store(false, Ordering::SeqCst);
    outcome
}

/// Whether a signal asked xtask to end.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// A registered child process. Dropping it kills it.
pub struct Running {
    child: Child,
    pid: Pid,
    reaped: bool,
}

impl Running {
    /// Starts `command`.
    ///
    /// # Errors
    /// What the system answered, `NotFound` if there is no such program.
    pub fn start(command: &mut Command, group: Group) -> std::io::Result<Self> {
        if group == Group::Own {
            command.process_group(0);
        }
        die_with_parent(command);
        // Held while the child starts: a signal in between must find it.
        let mut registry = registry();
        let child = command.spawn()?;
        let pid = Pid::from_child(&child);
        registry.push(Registered { pid, group });
        drop(registry);
        let running = Self { child, pid, reaped: false };
        if interrupted() {
            // The signal came before the registration.
            running.kill();
        }
        Ok(running)
    }

    /// The child's pipes.
    pub fn pipes(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Kills the child (and its group, if it has its own).
    pub fn kill(&self) {
        registry().iter().filter(|entry| entry.pid == self.pid).for_each(Registered::kill);
    }

    /// Waits for the child to end.
    pub fn wait(&mut self) -> std::io::Result<ExitStatus> {
        if !self.reaped {
            // The child stays a zombie until it is off the registry, so that no
            // signal can hit a process that got its number afterwards.
            loop {
                match waitid(WaitId::Pid(self.pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
                    Err(rustix::io::Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                    Ok(_) => break,
                }
            }
        }
        self.reap()
    }

    /// Waits for the child until `deadline`; `None` if it is still running.
    pub fn wait_until(&mut self, deadline: Instant) -> std::io::Result<Option<ExitStatus>> {
        loop {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
            if self.reaped || waitid(WaitId::Pid(self.pid), options)?.is_some() {
                return self.reap().map(Some);
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn reap(&mut self) -> std::io::Result<ExitStatus> {
        registry().retain(|entry| entry.pid != self.pid);
        self.reaped = true;
        self.child.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
            // Nothing can be done about a failure here, and nothing depends on it.
            let _ = self.wait();
        }
    }
}

/// What a finished program left.
pub struct Finished {
    /// Its exit status; `None` if it was killed at the time limit.
    pub status: Option<ExitStatus>,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

impl Finished {
    /// Whether the program ended by itself and with status 0.
    pub fn success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }
}

/// Runs `command` without input, captures its output, and kills it after
/// `limit`.
///
/// # Errors
/// If it cannot be started.
pub fn capture(command: &mut Command, limit: Duration) -> std::io::Result<Finished> {
    capture_in(command, limit, Group::Own)
}

/// As [`capture`], in a process group of choice.
pub fn capture_in(
    command: &mut Command,
    limit: Duration,
    group: Group,
) -> std::io::Result<Finished> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running::start(command, group)?;
    let stdout = read_in_background(running.pipes().stdout.take());
    let stderr = read_in_background(running.pipes().stderr.take());
    let mut status = running.wait_until(Instant::now() + limit)?;
    if status.is_none() {
        running.kill();
        running.wait()?;
        status = None;
    }
    Ok(Finished { status, stdout: collect(stdout), stderr: collect(stderr) })
}

fn read_in_background(
    pipe: Option<impl Read + Send + 'static>,
) -> thread::JoinHandle<std::io::Result<Vec<u8>>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    })
}

/// A reader's text; empty if reading failed, which ends with the process.
fn collect(reader: thread::JoinHandle<std::io::Result<Vec<u8>>>) -> String {
    let bytes = reader.join().ok().and_then(Result::ok).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Registered {
    fn kill(&self) {
        // An error means that the process has ended already.
        let _ = match self.group {
            Group::Shared => kill_process(self.pid, Signal::TERM),
            Group::Own => kill_process_group(self.pid, Signal::KILL),
        };
    }
}

fn registry() -> MutexGuard<'static, Vec<Registered>> {
    // The list is consistent between any two statements that hold the lock.
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks the system to kill the child when the thread that starts it ends.
fn die_with_parent(command: &mut Command) {
    #[cfg(target_os = "linux")]
    {
        let parent = rustix::process::getpid();
        let hook = move || {
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            // xtask may have ended before the line above took effect.
            if rustix::process::getppid() != Some(parent) {
                return Err(std::io::ErrorKind::BrokenPipe.into());
            }
            Ok(())
        };
        // SAFETY: the hook runs between fork and exec, where only
        // async-signal-safe calls are allowed: it makes two system calls and
        // allocates nothing.
        unsafe { command.pre_exec(hook) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}
