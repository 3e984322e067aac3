//! Verdicts that no test kernel can produce, and ends from outside. (Those that
//! a kernel can produce are cases of `m0-boot/tests/guest.toml`.)

use super::{
    Test,
    bench::{Bench, Need},
    cli::{Called, Xtask},
};
use crate::{
    process::{Group, Running},
    trial::temporary_folder,
};
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

/// How long an end may take after the signal.
const END_LIMIT: Duration = Duration::from_secs(20);

pub fn tests() -> Vec<Test> {
    let boots = || [Need::Emulator, Need::LoaderPvh, Need::Kernel("m0-boot".to_owned())];
    vec![
        Test::new("verdict/build-error", [], build_error),
        Test::new("verdict/emulator-missing", boots(), |_| {
            let call = Xtask::new(["run", "m0", "--boot", "fast"]);
            expect(call.env("MYRIA_QEMU", "/nonexistent/qemu"), "m0: emulator missing: ")
        }),
        Test::new("verdict/emulator-failed", boots(), |_| {
            let call = Xtask::new(["run", "m0", "--boot", "fast", "--cpu", "nonsense"]);
            expect(call, "m0: emulator failed: QEMU ended with status 1: ")
        }),
        Test::new("verdict/hang", boots(), |_| {
            // A kernel that has ended but cannot leave the machine.
            let call = Xtask::new(["run", "m0", "--boot", "fast", "--no-exit", "--timeout", "3"]);
            expect(call, "m0: hang: still running after 3.00 s, at ")
        }),
        Test::new("signals/ctrl-c", boots(), |_| end_by(Signal::INT, Some(0))),
        Test::new("signals/terminate", boots(), |_| end_by(Signal::TERM, Some(0))),
        Test::new("signals/kill", boots(), |_| end_by(Signal::KILL, None)),
    ]
}

/// Makes a call that must fail with a verdict that begins with `verdict`.
fn expect(call: Xtask, verdict: &str) -> Result<()> {
    let called = call.run()?;
    let given = called.verdict();
    let Called { status, stdout, stderr } = &called;
    ensure!(given.starts_with(verdict), "the verdict is `{given}`\n{stdout}{stderr}");
    ensure!(*status == Some(1), "status {status:?} instead of 1");
    Ok(())
}

/// A copy of the workspace with a planted mistake gets the verdict, and cargo's
/// message about the very line.
fn build_error(bench: &Bench) -> Result<()> {
    let copy = temporary_folder()?;
    copy_sources(&bench.workspace.root, copy.path())?;
    let broken = copy.path().join("shared/src/lib.rs");
    let mut source = fs::read_to_string(&broken)?;
    source.push_str("\nconst PLANTED: u32 = \"no number\";\n");
    fs::write(&broken, source)?;
    let call = Xtask::new(["run", "m0", "--boot", "fast"])
        .env("CARGO_MANIFEST_DIR", copy.path().join("xtask"))
        .env("CARGO_TARGET_DIR", bench.workspace.target.join("planted"));
    let Called { status, stdout, stderr } = call.run()?;
    let last = stdout.lines().last().unwrap_or_default();
    ensure!(last.starts_with("m0: build error: m0-boot"), "last line `{last}`\n{stderr}");
    ensure!(stderr.contains("PLANTED"), "the compiler's message is missing:\n{stderr}");
    ensure!(status == Some(1), "status {status:?} instead of 1");
    Ok(())
}

/// Copies what cargo and the book need of the workspace.
pub fn copy_sources(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_ours = name == ".cargo" || name == ".vscode";
        let hidden = name.to_string_lossy().starts_with('.') && !is_ours;
        if hidden || name == "target" || name == "node_modules" {
            continue;
        }
        // Follows links: the copy stands on its own.
        if entry.path().is_dir() {
            fs::create_dir_all(to.join(&name))?;
            copy_sources(&entry.path(), &to.join(&name))?;
        } else {
            fs::copy(entry.path(), to.join(&name))?;
        }
    }
    Ok(())
}

/// A running `run --no-exit` is ended by `signal` and takes its QEMU along.
///
/// Whoever ends the console after the kernel completed gets status 0.
fn end_by(signal: Signal, status: Option<i32>) -> Result<()> {
    let folder = temporary_folder()?;
    let mut command = Xtask::new(["run", "m0", "--boot", "fast", "--no-exit"])
        .env("TMPDIR", folder.path())
        .command();
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut running = Running::start(&mut command, Group::Own)?;
    let stderr = running.pipes().stderr.take().context("no messages")?;
    let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
    ensure!(lines.any(|line| line.contains("the kernel is done")), "the kernel did not complete");
    ensure!(emulators_in(folder.path())? == 1, "QEMU is not running");

    // Whatever else is said must not block the program.
    std::thread::spawn(move || lines.count());
    kill_process(Pid::from_child(running.pipes()), signal)?;
    let Some(ended) = running.wait_until(Instant::now() + END_LIMIT)? else {
        bail!("xtask does not end");
    };
    ensure!(ended.code() == status, "status {:?} instead of {status:?}", ended.code());
    let deadline = Instant::now() + END_LIMIT;
    while emulators_in(folder.path())? > 0 {
        ensure!(Instant::now() < deadline, "QEMU lives on");
        std::thread::sleep(Duration::from_millis(20));
    }
    if status.is_some() {
        ensure!(fs::read_dir(folder.path())?.count() == 0, "temporary files are left");
    }
    Ok(())
}

/// The processes that mention `folder` in their arguments.
pub fn emulators_in(folder: &Path) -> Result<usize> {
    let folder = folder.to_str().context("the temporary folder's name is not text")?;
    let mut count = 0;
    for entry in fs::read_dir("/proc")? {
        // Processes come and go meanwhile.
        let arguments = fs::read(entry?.path().join("cmdline")).unwrap_or_default();
        count += usize::from(String::from_utf8_lossy(&arguments).contains(folder));
    }
    Ok(count)
}
