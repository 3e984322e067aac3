//! A running QEMU: reads its channels, keeps its limits, and hands back what
//! could be observed, without judging it.

use super::{
    channels::{Channel, Message, Output, pass_on_input, read_in_background},
    command::{self, Inherited, Launch},
    monitor::{CpuState, Monitor, Shutdown},
};
use crate::{
    process::{Group, Running, interrupted},
    ui,
};
use anyhow::{Context, Result};
use std::{
    io::Write,
    os::{
        fd::{AsFd, AsRawFd},
        unix::{net::UnixStream, process::CommandExt},
    },
    process::{ChildStdin, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    time::{Duration, Instant},
};

/// How often limits are looked at while nothing happens.
const TICK: Duration = Duration::from_millis(100);
/// How often an NMI is injected, where that is asked for.
const NMI_TICK: Duration = Duration::from_millis(1);
/// The largest interrupt log allowed to grow.
const LOG_BYTES_MAX: u64 = 1 << 30;

/// How long and how a run may go on.
pub struct Limits {
    /// Wall-clock time, if limited.
    pub time: Option<Duration>,
    /// Whether a person sits at the serial console: it takes their input, and
    /// its output is not limited.
    pub interactive: bool,
}

/// Whoever answers the kernel at the serial console.
pub trait Operator {
    /// The run begins. `waker` asks for a [`look`](Self::look) at once.
    fn begin(&mut self, waker: Waker);

    /// Looks at what has been said so far. Called after each piece of output, and
    /// now and then.
    fn look(&mut self, output: &Output) -> Next;
}

/// What an operator does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    Wait,
    /// Types something.
    Type(Vec<u8>),
    /// Leaves, which ends the run.
    Leave,
    /// Gives up after waiting that long.
    GiveUp(Duration),
}

/// Makes the run look after its operator.
#[derive(Clone)]
pub struct Waker(SyncSender<Message>);

impl Waker {
    /// Wakes the run, if it still goes on.
    pub fn wake(&self) {
        // A run that has ended needs no waking.
        let _ = self.0.send(Message::Wake);
    }
}

/// What was observed of one run.
#[derive(Clone, Debug)]
pub struct Observed {
    pub ending: Ending,
    /// Serial output, up to a limit.
    pub serial: String,
    /// Lines of the debug console, up to a limit.
    pub events: Vec<String>,
    /// QEMU's own messages.
    pub stderr: String,
    pub elapsed: Duration,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// QEMU ended by itself, with an exit status unless a signal killed it.
    Exited { status: Option<i32>, shutdown: Option<Shutdown> },
    /// It was still running at the time limit.
    TimedOut { limit: Duration, cpu: Option<CpuState> },
    /// It wrote more than anybody would read.
    Flooded { channel: &'static str, limit: usize, cpu: Option<CpuState> },
    /// Someone asked xtask to stop.
    Interrupted,
}

/// Why QEMU did not start.
#[derive(Debug)]
pub enum StartError {
    /// There is no such program.
    Missing,
    /// The system refused.
    Failed(anyhow::Error),
}

/// Runs `launch` to its end. `console` gets serial output as it comes.
pub fn run(
    launch: &Launch,
    limits: &Limits,
    console: &mut dyn Write,
) -> Result<Observed, StartError> {
    run_with(launch, limits, console, None)
}

/// As [`run`], with `operator` at the serial console.
pub fn run_with(
    launch: &Launch,
    limits: &Limits,
    console: &mut dyn Write,
    mut operator: Option<&mut dyn Operator>,
) -> Result<Observed, StartError> {
    let start = Instant::now();
    let input = match (&operator, limits.interactive) {
        (Some(_), _) => Input::Operator,
        (None, true) => Input::Stdin,
        (None, false) => Input::Nobody,
    };
    let (running, monitor, messages, waker) = spawn(launch, input)?;
    let session = Session { running, monitor, output: Output::default(), start };
    if let Some(operator) = &mut operator {
        operator.begin(waker);
    }
    session.follow(launch, limits, messages, console, operator).map_err(StartError::Failed)
}

/// Who types at the serial console.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    Nobody,
    /// Whoever sits at xtask's own terminal.
    Stdin,
    /// An [`Operator`].
    Operator,
}

/// Starts QEMU with a reader for each of its three channels.
fn spawn(
    launch: &Launch,
    input: Input,
) -> Result<(Running, Monitor, Receiver<Message>, Waker), StartError> {
    let failed = |error: std::io::Error| StartError::Failed(error.into());
    let (events, qemu_events) = UnixStream::pair().map_err(failed)?;
    let (monitor, qemu_monitor) = UnixStream::pair().map_err(failed)?;
    let monitor = Monitor::new(monitor).map_err(failed)?;
    let inherited =
        Inherited { events: qemu_events.as_raw_fd(), monitor: qemu_monitor.as_raw_fd() };
    let mut command = command::command(launch, &inherited);
    let stdin = if input == Input::Nobody { Stdio::null() } else { Stdio::piped() };
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    let debugger = launch.debugger.clone();
    let inherit = move || {
        let debugger = debugger.as_deref().map(AsFd::as_fd);
        for socket in [qemu_events.as_fd(), qemu_monitor.as_fd()].into_iter().chain(debugger) {
            rustix::io::fcntl_setfd(socket, rustix::io::FdFlags::empty())?;
        }
        Ok(())
    };
    // SAFETY: the hook runs between fork and exec, where only async-signal-safe
    // calls are allowed: it makes system calls and allocates nothing.
    unsafe { command.pre_exec(inherit) };
    let mut running = Running::start(&mut command, Group::Own).map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            StartError::Missing
        } else {
            failed(error)
        }
    })?;
    // With the command go our copies of QEMU's ends: their closing is QEMU's.
    drop(command);
    // A bounded queue slows down a guest that writes faster than we read.
    let (sender, messages) = sync_channel(64);
    let pipes = running.pipes();
    read_in_background(pipes.stdout.take(), Channel::Serial, &sender);
    read_in_background(pipes.stderr.take(), Channel::Errors, &sender);
    read_in_background(Some(events), Channel::Events, &sender);
    if input == Input::Stdin
        && let Some(stdin) = pipes.stdin.take()
    {
        pass_on_input(stdin);
    }
    Ok((running, monitor, messages, Waker(sender)))
}

/// A running QEMU and what it has said so far.
struct Session {
    running: Running,
    monitor: Monitor,
    output: Output,
    start: Instant,
}

impl Session {
    fn follow(
        mut self,
        launch: &Launch,
        limits: &Limits,
        messages: Receiver<Message>,
        console: &mut dyn Write,
        mut operator: Option<&mut dyn Operator>,
    ) -> Result<Observed> {
        let mut open = 3;
        let mut farewell = limits.interactive && operator.is_none();
        let mut keyboard = operator.as_ref().and_then(|_| self.running.pipes().stdin.take());
        let ending = loop {
            let tick = match &launch.nmi_after {
                Some(check) if self.output.says_checked(check) => {
                    self.monitor.inject_nmi();
                    NMI_TICK
                }
                _ => TICK,
            };
            match messages.recv_timeout(self.until_next_look(limits, tick)) {
                Ok(Message::Bytes(channel, bytes)) => {
                    let flooded =
                        self.output.accept(channel, bytes, limits.interactive, console)?;
                    if let Some(flooded) = flooded {
                        break flooded;
                    }
                    if farewell && self.output.says_done() {
                        ui::note(
                            "the kernel is done; QEMU stays for the serial console until Ctrl-C",
                        );
                        farewell = false;
                    }
                }
                Ok(Message::Closed) => open -= 1,
                Ok(Message::Wake) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => open = 0,
            }
            if interrupted() {
                break Ending::Interrupted;
            }
            if open == 0 {
                let status = self.running.wait().context("cannot wait for QEMU")?;
                break Ending::Exited { status: status.code(), shutdown: None };
            }
            if let Some(operator) = &mut operator {
                match operator.look(&self.output) {
                    Next::Wait => {}
                    Next::Type(bytes) => type_in(&mut keyboard, &bytes),
                    Next::Leave => break Ending::Interrupted,
                    Next::GiveUp(limit) => break Ending::TimedOut { limit, cpu: None },
                }
            }
            if let Some(limit) = limits.time.filter(|limit| self.start.elapsed() >= *limit) {
                break Ending::TimedOut { limit, cpu: None };
            }
            let log = launch.interrupt_log.as_deref().and_then(|path| path.metadata().ok());
            if log.is_some_and(|log| log.len() > LOG_BYTES_MAX) {
                break Ending::Flooded {
                    channel: "the interrupt log",
                    limit: LOG_BYTES_MAX as usize,
                    cpu: None,
                };
            }
        };
        let ending = self.with_state(ending, messages);
        Ok(self.finish(ending))
    }

    /// Adds what the CPU is doing, for a kernel that does not end by itself.
    fn with_state(&mut self, mut ending: Ending, messages: Receiver<Message>) -> Ending {
        if let Ending::TimedOut { cpu, .. } | Ending::Flooded { cpu, .. } = &mut ending {
            // While nobody takes its output, QEMU does not answer. The thread ends
            // when QEMU does.
            std::thread::spawn(move || while messages.recv().is_ok() {});
            *cpu = self.monitor.stop_and_inspect();
        }
        ending
    }

    /// How long to wait for output before the limits are looked at again.
    fn until_next_look(&self, limits: &Limits, tick: Duration) -> Duration {
        let left = limits.time.map(|limit| limit.saturating_sub(self.start.elapsed()));
        left.map_or(tick, |left| left.min(tick))
    }

    fn finish(self, ending: Ending) -> Observed {
        let elapsed = self.start.elapsed();
        // Dropping kills whatever still runs.
        drop(self.running);
        let ending = match ending {
            Ending::Exited { status, .. } => {
                Ending::Exited { status, shutdown: self.monitor.shutdown_reason() }
            }
            other => other,
        };
        let (serial, events, stderr) = self.output.into_texts();
        Observed { ending, serial, events, stderr, elapsed }
    }
}

/// Types at the serial console, until QEMU no longer listens.
fn type_in(keyboard: &mut Option<ChildStdin>, bytes: &[u8]) {
    let typed = keyboard.as_mut().map(|pipe| pipe.write_all(bytes).and_then(|()| pipe.flush()));
    if let Some(Err(_)) = typed {
        // QEMU is ending; its other channels will tell.
        *keyboard = None;
    }
}
