//! `cargo xtask monitor`: the console of M2, driven by scripts.

use super::{
    Test,
    bench::{Bench, Need},
    cli::{Called, Xtask},
    endings::emulators_in,
    guest::explain,
    terminal::AtTerminal,
};
use crate::{
    console::{
        self,
        judge::{Judgement, judge},
        person::LEAVE,
        script::{Line, Patience, Script},
    },
    host,
    machine::Machine,
    qemu::session::Limits,
    trial::{Guest, Trial, temporary_folder},
};
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::{collections::BTreeSet, fs, io::sink, path::Path, time::Duration};

const PACKAGE: &str = "m2-usermode";
/// What stands before each command.
const PROMPT: &str = "m2> ";

/// Each command, and texts of its answer, in their order.
const COMMANDS: [(&str, &[&str]); 17] = [
    ("help", &["walk    ADDRESS", "fault   NAME", "stack-overflow"]),
    ("regions", &["rw--g direct map", "r-x-g kernel text", "r---g kernel constants"]),
    (
        "walk 0xffffffff80000000",
        &["CR3 ", "PML4  entry 511 at ", "PT ", "4 KiB", "r-x-g kernel text"],
    ),
    ("walk 0xffff_8000_0020_0000", &["PML4  entry 256 at ", "-g direct map"]),
    // The first instruction of a function that keeps frame pointers.
    ("peek 0xffffffff80000000 17", &["0xffffffff80000000  ", "0xffffffff80000010  "]),
    ("frames", &["page tables ", "user memory            0", "free blocks of"]),
    ("heap", &["in use ", "blocks of", "the audit found no contradiction"]),
    ("threads", &["boot             running", " started, "]),
    ("run hello", &["Hello from ring 3!", "`hello` exited with code 99 after 2 system calls"]),
    ("run twin 7", &["`twin` exited with code 7 after "]),
    ("run trespasser", &["is killed:", "`trespasser` was killed by page fault"]),
    ("idt", &["256 gates", "   1    0       ", "double fault", " page fault"]),
    ("gdt", &["0x08  0x00209b0000000000  code, 64-bit, ring 0", "64-bit TSS, busy", "IST1 "]),
    ("ticks", &[" ticks at 100 Hz", "0 spurious interrupts"]),
    ("fault breakpoint", &["breakpoint at 0xffffffff", "the kernel goes on"]),
    ("fault nmi", &["the kernel goes on"]),
    ("reboot", &[]),
];

/// Lines that cannot be obeyed, and what the answer must hold.
const MISTAKES: [(&str, &str); 13] = [
    ("hepl", "there is no command `hepl`; try `help`"),
    ("walk", "an argument is missing: `walk ADDRESS`"),
    ("walk 12g", "`12g` is no number of 64 bits"),
    ("heap now", "`now` is too much for `heap`"),
    ("walk 0xffffffffe0000000", "0xffffffffe0000000 is not mapped"),
    ("walk 0x800000000000", "0x800000000000 is not canonical"),
    ("peek 0", "0x0 is not mapped: null pointer"),
    (
        "peek 0xffff8000fee00000",
        "0xffff8000fee00000 is not mapped: the address is in the direct map",
    ),
    ("peek 0xffffffff80000000 4096", "4096 bytes: give 1 to 1024"),
    ("peek 0xffffffffffffffff 2", "the address space ends before 2 bytes do"),
    ("run nobody", "there is no program `nobody`; there are `hello`"),
    ("fault", "which exception; there are `divide`"),
    (
        "ticks ticks ticks ticks ticks ticks ticks ticks ticks ticks ticks ticks ticks",
        "the line is longer than 72 letters, and was not obeyed",
    ),
];

/// Exceptions that end the kernel, and the verdict.
const ENDS: [(&str, &str); 5] = [
    ("page-fault", "m2: CPU exception 14, page fault (#PF), error code 0x2, at "),
    ("write-text", "m2: CPU exception 14, page fault (#PF), error code 0x3, at "),
    ("execute-data", "m2: CPU exception 14, page fault (#PF), error code 0x11, at "),
    ("stack-overflow", "m2: CPU exception 8, double fault (#DF), error code 0x0, at "),
    ("panic", "m2: panic at m2-usermode/src/console/faults.rs:"),
];

pub fn tests() -> Vec<Test> {
    let needs = || [Need::Emulator, Need::LoaderPvh, Need::Kernel(PACKAGE.to_owned())];
    let mut tests = vec![
        Test::new("monitor/commands", needs(), |_| commands()),
        Test::new("monitor/mistakes", needs(), |_| mistakes()),
        Test::new("monitor/rubbish", needs(), rubbish),
        Test::new("monitor/terminal/keys", needs(), |_| keys()),
        Test::new("monitor/terminal/killed", needs(), |_| killed()),
        Test::new("monitor/left-early", needs(), |_| {
            let Called { status, stdout, .. } = monitor("quit\nhelp\nticks\n")?;
            let told = stdout.contains("not sent: line 2, `help`, and what follows it (2 in all)");
            ensure!(status == Some(1) && told, "status {status:?}\n{stdout}");
            Ok(())
        }),
        Test::new("monitor/no-console", [], |_| {
            refused(&["monitor", "m0"], &["m0 has no console", "there is one in m2"])
        }),
        Test::new("monitor/no-script", [], |_| {
            refused(&["monitor", "m2", "--script", "/nonexistent/s"], &["/nonexistent/s"])
        }),
    ];
    tests.extend(ENDS.map(|(fault, verdict)| {
        Test::new(format!("monitor/fault/{fault}"), needs(), move |_| ends(fault, verdict))
    }));
    tests
}

/// Runs the monitor with a script.
fn monitor(script: &str) -> Result<Called> {
    let folder = temporary_folder()?;
    let file = folder.path().join("script");
    fs::write(&file, script)?;
    let file = file.to_str().context("the temporary folder's name is not text")?;
    Xtask::new(["monitor", "m2", "--script", file]).run()
}

/// Every command once; `help` says which there are.
fn commands() -> Result<()> {
    let script: Vec<&str> = COMMANDS.iter().map(|(command, _)| *command).collect();
    let Called { status, stdout, stderr } = monitor(&script.join("\n"))?;
    for (command, wanted) in COMMANDS {
        let mut rest = answer(&stdout, command)?;
        for want in wanted {
            let Some((_, after)) = rest.split_once(want) else {
                bail!("`{command}`: the answer lacks `{want}`:\n{}", answer(&stdout, command)?);
            };
            rest = after;
        }
    }
    let last = stdout.lines().last().unwrap_or_default();
    ensure!(
        status == Some(0) && last.starts_with("m2: complete: "),
        "status {status:?}, last line `{last}`\n{stderr}"
    );
    // The rest of the list is about exceptions.
    let help = answer(&stdout, "help")?;
    let (listed, _) = help.split_once("Numbers are").context("the list does not end")?;
    let first_words = |text: &str| -> BTreeSet<String> {
        text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
    };
    let mut tried = first_words(&script.join("\n"));
    tried.insert("quit".to_owned()); // what every other script ends with
    ensure!(
        first_words(listed) == tried,
        "`help` lists {:?}, tried {tried:?}",
        first_words(listed)
    );
    Ok(())
}

/// What the kernel said to a command.
fn answer<'a>(stdout: &'a str, command: &str) -> Result<&'a str> {
    let asked = format!("{PROMPT}{command}");
    let ends = |rest: &str| rest.starts_with(['\r', '\n']);
    let mut places = stdout.match_indices(&asked).map(|(at, _)| &stdout[at + asked.len()..]);
    let answer = places.find(|rest| ends(rest));
    let answer = answer.with_context(|| format!("`{command}` was not typed:\n{stdout}"))?;
    Ok(answer.split(PROMPT).next().unwrap_or(answer))
}

fn mistakes() -> Result<()> {
    let script: Vec<&str> = MISTAKES.iter().map(|(line, _)| *line).collect();
    let Called { status, stdout, .. } = monitor(&script.join("\n"))?;
    for (number, (line, wanted)) in (1..).zip(MISTAKES) {
        let told = format!("failed: line {number}, `{line}`: {wanted}");
        ensure!(stdout.contains(&told), "the output lacks `{told}`:\n{stdout}");
    }
    // The kernel itself is none the worse for it.
    ensure!(stdout.contains("m2: complete: "), "{stdout}");
    ensure!(status == Some(1), "status {status:?} instead of 1");
    Ok(())
}

fn ends(fault: &str, verdict: &str) -> Result<()> {
    let called = monitor(&format!("fault {fault}"))?;
    let found = called.verdict();
    ensure!(found.starts_with(verdict), "the verdict is `{found}`\n{}", called.stdout);
    let Called { status, stdout, .. } = called;
    let place = "m2_usermode::console::faults::";
    ensure!(stdout.contains(place), "no symbolised backtrace:\n{stdout}");
    ensure!(status == Some(1), "status {status:?} instead of 1");
    Ok(())
}

/// Whatever bytes come, and however fast, the console goes on.
fn rubbish(bench: &Bench) -> Result<()> {
    const ENDS_OF_LINES: [u8; 3] = [b'\r', b'\n', 0x03];
    const CLEAR: u8 = 0x15;
    let mut every: Vec<u8> = (0..=u8::MAX).filter(|byte| !ENDS_OF_LINES.contains(byte)).collect();
    let upwards = every.clone();
    every.reverse();
    let long = vec![b'x'; 5000];
    let texts = [upwards, every, long, [&[CLEAR][..], b"ticks"].concat()];
    let lines = (1..).zip(texts).map(|(number, text)| Line { number, text }).collect();

    let guest = Guest {
        title: "Myria m2",
        kernel: bench.kernel(PACKAGE)?,
        cmdline: console::OPTION,
        modules: bench.modules(PACKAGE)?,
    };
    let trial = Trial::fast(&guest, bench.file(&Need::LoaderPvh)?, Machine::default())?;
    let limit = host::scaled(Duration::from_secs(30));
    let mut script = Script::new(lines, Patience { boot: limit, command: limit });
    let limits = Limits { time: None, interactive: false };
    let observed = match trial.observe(&limits, &mut sink(), Some(&mut script))? {
        Ok(observed) => observed,
        Err(outcome) => bail!("{}", explain(&trial, &outcome, bench)?),
    };
    match judge(&observed, &trial.demands) {
        Judgement::Served(verdict) if verdict.is_complete() => {}
        other => bail!("{other:?}\n{}", observed.serial),
    }
    let (failures, unsent) = script.into_results();
    ensure!(unsent.is_empty(), "not sent: {unsent:?}");
    let too_long = failures.iter().find(|failure| failure.line.number == 3);
    ensure!(
        too_long.is_some_and(|failure| failure.message.contains("longer than 72 letters")),
        "the long line was not refused: {failures:?}"
    );
    ensure!(failures.iter().all(|failure| failure.line.number < 4), "{failures:?}");
    ensure!(observed.serial.contains(" ticks at 100 Hz"), "{}", observed.serial);
    Ok(())
}

/// Starts the monitor at a terminal and waits for its prompt.
fn at_terminal(folder: &Path) -> Result<AtTerminal> {
    let command = Xtask::new(["monitor", "m2"]).env("TMPDIR", folder).command();
    let mut terminal = AtTerminal::start(command)?;
    ensure!(terminal.is_cooked()?, "the terminal begins raw");
    terminal.wait_for(PROMPT)?;
    ensure!(!terminal.is_cooked()?, "the terminal is not raw");
    Ok(terminal)
}

/// Somebody types, edits, fetches a line back, and leaves by Ctrl-]; the terminal is
/// as it was.
fn keys() -> Result<()> {
    let folder = temporary_folder()?;
    let mut terminal = at_terminal(folder.path())?;
    // Three to the left, away with a letter, one to the right, and put it there.
    terminal.type_in(b"tikcs\x1b[D\x1b[D\x1b[D\x1b[3~\x1b[Ck\r")?;
    terminal.wait_for(" ticks at 100 Hz")?;
    terminal.wait_for(PROMPT)?;
    terminal.type_in(b"help\x03")?;
    terminal.wait_for("^C")?;
    terminal.wait_for(PROMPT)?;
    terminal.type_in(b"\x1b[A\r")?;
    terminal.wait_for(" ticks at 100 Hz")?;
    terminal.wait_for(PROMPT)?;
    terminal.type_in(b"fault breakpoint\r")?;
    terminal.wait_for("the kernel goes on")?;
    terminal.wait_for(PROMPT)?;
    terminal.type_in(&[LEAVE])?;
    let status = terminal.end()?;
    ensure!(status.success(), "{status}");
    terminal.wait_for("m2: ")?;
    ensure!(terminal.is_cooked()?, "the terminal stays raw");
    ensure!(emulators_in(folder.path())? == 0, "QEMU lives on");
    Ok(())
}

/// A signal ends the monitor; the terminal is as it was.
fn killed() -> Result<()> {
    let folder = temporary_folder()?;
    let mut terminal = at_terminal(folder.path())?;
    kill_process(Pid::from_child(terminal.running.pipes()), Signal::TERM)?;
    terminal.end()?;
    ensure!(terminal.is_cooked()?, "the terminal stays raw");
    ensure!(emulators_in(folder.path())? == 0, "QEMU lives on");
    Ok(())
}

/// A call that must end in one line of error.
pub fn refused(arguments: &[&str], mentions: &[&str]) -> Result<()> {
    let mut command = Xtask::new([]).command();
    command.args(arguments);
    refused_command(command, mentions)
}

/// As [`refused`], for a prepared command.
pub fn refused_command(mut command: std::process::Command, mentions: &[&str]) -> Result<()> {
    let finished = crate::process::capture(&mut command, Duration::from_secs(600))?;
    let status = finished.status.and_then(|status| status.code());
    ensure!(status == Some(2), "status {status:?} instead of 2\n{}", finished.stderr);
    let errors: Vec<&str> =
        finished.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    let [error] = errors[..] else { bail!("not one line of error:\n{}", finished.stderr) };
    for mention in mentions {
        ensure!(error.contains(mention), "the error lacks `{mention}`: {error}");
    }
    Ok(())
}
