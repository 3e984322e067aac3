//! `cargo xtask gdb`: a kernel in GDB, from its first instruction on.

use super::opened::{Opened, What};
use crate::{
    debugger::{self, Session},
    host,
    process::{self, Group, Running},
    qemu::{
        channels::Output,
        plain::Plain,
        session::{Limits, Next, Observed, Operator, Waker},
    },
    symbolise::Symbols,
    toolchain::Choice,
    trial::Outcome,
    ui,
    verdict::{Verdict, classify},
    workspace::Workspace,
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    io::{self, Stdout, Write, stdout},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

/// Where debuggers look for a machine unless told otherwise.
const DEFAULT_ADDRESS: &str = "127.0.0.1:1234";
/// How long a batch may take on an idle machine.
const BATCH_LIMIT: Duration = Duration::from_secs(120);

/// Starts a kernel under GDB, stopped at its first instruction.
///
/// Besides GDB's own commands there are `trap-frame [ADDRESS]`, `walk ADDRESS`,
/// `regions` and `threads`. With --listen no GDB is started: the machine waits for
/// one, or for VS Code, whose configuration is in .vscode/.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask gdb m2
  cargo xtask gdb m2 --batch commands.gdb
  cargo xtask gdb m1 --listen")]
pub struct Args {
    #[command(flatten)]
    what: What,
    /// Only wait for a debugger, at this address
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, require_equals = true, default_missing_value = DEFAULT_ADDRESS)]
    listen: Option<SocketAddr>,
    /// GDB commands to execute, without a person; the exit status is 1 if one fails
    #[arg(long, value_name = "FILE", conflicts_with = "listen")]
    batch: Option<PathBuf>,
}

pub fn main(args: &Args, choice: Choice) -> Result<ExitCode> {
    let cmdline = args.what.cmdline(None)?;
    let batch = args.batch.as_deref().map(|file| {
        file.canonicalize().with_context(|| format!("cannot read the commands {}", file.display()))
    });
    let batch = batch.transpose()?;
    let listener = args.listen.map(|address| {
        TcpListener::bind(address).with_context(|| {
            format!(
                "cannot listen at {address}; is another machine there? choose another with --listen=ADDRESS"
            )
        })
    });
    let listener = listener.transpose()?;
    let workspace = Workspace::load()?;
    args.what.milestone(&workspace)?;
    if listener.is_none() {
        debugger::ensure()?;
    }
    let opened = args.what.open(&workspace, choice, &cmdline)?;
    match listener {
        Some(listener) => listen(opened, listener, &workspace.root),
        None => debug(opened, batch.as_deref(), &workspace.root),
    }
}

/// Starts the machine with GDB at it.
fn debug(mut opened: Opened, batch: Option<&Path>, root: &Path) -> Result<ExitCode> {
    let folder = opened.trial.folder.path();
    let (socket, file) = (folder.join("gdb"), folder.join("session.gdb"));
    let printers = debugger::printers();
    if printers.is_none() {
        ui::note("the compiler comes without GDB's pretty-printers; Rust's types are shown raw");
    }
    let session = Session { root, socket: &socket, printers: printers.as_deref(), batch };
    std::fs::write(&file, session.commands()).context("cannot write GDB's first commands")?;
    let mut command = Command::new(debugger::program());
    command.arg("-q");
    if batch.is_some() {
        // Nobody's own settings, and no questions.
        command.args(["-nx", "-batch"]);
    }
    command.arg("-x").arg(&file).arg(&opened.kernel).current_dir(root);
    // Else the printers' folder, and ours, get files of Python's.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    opened.trial.launch.debugger = Some(debugger::local_socket(&socket)?);

    let leave = Arc::new(AtomicBool::new(false));
    let (status, observed) = thread::scope(|scope| {
        let operator = Absent { leave: Arc::clone(&leave) };
        let machine = scope.spawn(|| watch(&opened, operator));
        let status = match batch {
            Some(_) => run_batch(&mut command),
            None => process::leaving_interrupts_to_child(|| run_interactive(&mut command)),
        };
        leave.store(true, SeqCst);
        (status, machine.join())
    });
    let Ok(observed) = observed else { bail!("the machine's thread panicked") };
    let failure = emulator_failure(&opened, observed?);
    if let Some(verdict) = failure {
        bail!("{}", verdict.headline(&Symbols::none()));
    }
    status
}

fn run_interactive(command: &mut Command) -> Result<ExitCode> {
    let mut gdb = Running::start(command, Group::Shared).context("cannot start GDB")?;
    let status = gdb.wait().context("cannot wait for GDB")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_batch(command: &mut Command) -> Result<ExitCode> {
    command.stdin(std::process::Stdio::null());
    let limit = host::scaled(BATCH_LIMIT);
    let mut gdb = Running::start(command, Group::Own).context("cannot start GDB")?;
    let status = gdb.wait_until(Instant::now() + limit).context("cannot wait for GDB")?;
    let Some(status) = status else {
        bail!("GDB was still executing its commands after {}", ui::seconds(limit));
    };
    ensure!(!process::interrupted(), "interrupted");
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Starts the machine, halted, and waits for its end.
fn listen(mut opened: Opened, listener: TcpListener, root: &Path) -> Result<ExitCode> {
    let address = listener.local_addr().context("the socket has no address")?;
    opened.trial.launch.debugger = Some(Arc::new(listener.into()));
    let file = link(&opened, root)?;
    println!("{} waits for a debugger at {address}; Ctrl-C ends it", opened.milestone.name);
    println!(
        "    gdb -ex 'target remote {address}' -ex 'thbreak *kernel_entry' {}",
        file.display()
    );
    println!("    VS Code: Run and Debug, \"{} (gdb)\"", opened.milestone.name);
    let never = Absent { leave: Arc::new(AtomicBool::new(false)) };
    let observed = match watch(&opened, never)? {
        Ok(observed) => observed,
        Err(outcome) => bail!("{}", outcome.verdict.headline(&Symbols::none())),
    };
    if process::interrupted() {
        return Ok(ExitCode::SUCCESS);
    }
    let verdict = classify::classify(&observed, &opened.trial.demands);
    let symbols = opened.trial.symbols(root)?;
    println!("{}: {}", opened.milestone.name, verdict.headline(&symbols));
    Ok(if verdict.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Puts the kernel's file where editors find it, whatever the target directory and
/// the profile are.
fn link(opened: &Opened, root: &Path) -> Result<PathBuf> {
    let folder = root.join("target/gdb");
    let file = folder.join(&opened.milestone.name);
    let put = || -> std::io::Result<()> {
        std::fs::create_dir_all(&folder)?;
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::os::unix::fs::symlink(&opened.kernel, &file)
    };
    put().with_context(|| format!("cannot put the kernel at {}", file.display()))?;
    Ok(file)
}

/// Runs the machine; its serial output goes to stdout, but for the firmware's wish to
/// clear the screen.
fn watch(opened: &Opened, mut operator: Absent) -> Result<Result<Observed, Outcome>> {
    let limits = Limits { time: None, interactive: true };
    let mut console = WithoutSequences { plain: Plain::default(), out: stdout() };
    opened.trial.observe(&limits, &mut console, Some(&mut operator))
}

/// Stdout, without terminal control sequences.
struct WithoutSequences {
    plain: Plain,
    out: Stdout,
}

impl Write for WithoutSequences {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write_all(&self.plain.filter(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Nobody at the serial console; ends the run when the debugger has ended.
struct Absent {
    leave: Arc<AtomicBool>,
}

impl Operator for Absent {
    fn begin(&mut self, _: Waker) {}

    fn look(&mut self, _: &Output) -> Next {
        if self.leave.load(SeqCst) { Next::Leave } else { Next::Wait }
    }
}

/// The verdict, if it was QEMU that failed. GDB may have ended it, with status 0.
fn emulator_failure(opened: &Opened, observed: Result<Observed, Outcome>) -> Option<Verdict> {
    let verdict = match observed {
        Ok(observed) => classify::classify(&observed, &opened.trial.demands),
        Err(outcome) => outcome.verdict,
    };
    let failed = matches!(verdict, Verdict::EmulatorMissing { .. })
        || matches!(verdict, Verdict::EmulatorFailed { status: Some(1..), .. });
    failed.then_some(verdict)
}
