//! `cargo xtask gdb`: sessions driven by scripts, and what editors are told.

use super::{
    Test,
    bench::{Bench, Need},
    cli::{Called, Xtask},
    endings::emulators_in,
    monitor::refused_command,
    terminal::AtTerminal,
};
use crate::{
    debugger,
    process::{self, Group, Running},
    trial::temporary_folder,
    ui,
    workspace::Workspace,
};
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// How long attaching to a machine, or ending one, may take.
const LIMIT: Duration = Duration::from_secs(120);

/// Where a learner would look first: in the kernel's entry, in a system call with
/// its program's memory, and in a trap.
const SESSION: &str = "\
info registers rip
break m2_usermode::syscall::dispatch
continue
backtrace
walk $rip
walk 0x10000
walk 0xffffffffe0000000
regions
threads
delete
tbreak m0_boot::traps::dispatch
continue
trap-frame
";

/// What it must show, in this order.
const SHOWN: [&str; 19] = [
    // The first instruction of all: nothing has been pushed yet.
    "m2_usermode::kernel_entry () at m2-usermode/src/main.rs:",
    "<m2_usermode::kernel_entry>",
    "m2_usermode::syscall::dispatch (frame=",
    "at m2-usermode/src/syscall/mod.rs:",
    "#1  ",
    "m2_usermode::syscall::entry::serve (frame=",
    "at m2-usermode/src/syscall/entry.rs:",
    "PML4  entry 511 at ",
    "r-x-g kernel text",
    "PML4  entry   0 at ",
    "0x10000 is physical 0x",
    "r-xu- user half",
    "0xffffffffe0000000 is not mapped (unused)",
    "0x0000000000010000-0x0000000000010fff r-xu-         4 KiB  user half",
    "r---g",
    "kernel constants",
    "boot             Parked",
    "hello            Running",
    "trap frame at 0xffffffff",
];

pub fn tests(workspace: &Workspace) -> Vec<Test> {
    let needs = |package: &str| [Need::Emulator, Need::LoaderPvh, Need::Kernel(package.to_owned())];
    let mut tests = vec![
        Test::new("gdb/missing", [], |_| {
            let call = Xtask::new(["gdb", "m0"]).env("MYRIA_GDB", "/nonexistent/gdb");
            refused_command(call.command(), &["/nonexistent/gdb"])
        }),
        Test::new("gdb/editor", [], editor),
    ];
    if debugger::find_program().is_none() {
        ui::note(format_args!("{}; the tests gdb/m… are left out", debugger::missing()));
        return tests;
    }
    tests.push(Test::new("gdb/m2/session", needs("m2-usermode"), |_| session()));
    tests.push(Test::new("gdb/m2/recipes", needs("m2-usermode"), recipes));
    tests.push(Test::new("gdb/m2/bad-command", needs("m2-usermode"), |_| {
        let Called { status, stdout, .. } = batch("m2", "walk 0x0000800000000000\n")?;
        let told = stdout.contains("0x800000000000 is not canonical");
        ensure!(status == Some(1) && told, "status {status:?}\n{stdout}");
        Ok(())
    }));
    for milestone in workspace.milestones().into_iter().filter(|one| one.name != "m2") {
        let (name, package) = (milestone.name.clone(), milestone.package.clone());
        let crate_name = package.replace('-', "_");
        tests.push(Test::new(format!("gdb/{name}/entry"), needs(&package), move |_| {
            let Called { status, stdout, stderr } = batch(&name, "backtrace\n")?;
            let wanted = format!("#0  {crate_name}::kernel_entry () at {package}/src/main.rs:");
            let shown = status == Some(0) && stdout.contains(&wanted);
            ensure!(shown, "status {status:?}, no `{wanted}`:\n{stdout}{stderr}");
            Ok(())
        }));
    }
    tests.push(Test::new("gdb/m2/ctrl-c", needs("m2-usermode"), |_| ctrl_c()));
    tests.push(Test::new("gdb/m0/listen", needs("m0-boot"), listen));
    tests
}

/// Runs GDB commands on a milestone.
fn batch(milestone: &str, commands: &str) -> Result<Called> {
    let folder = temporary_folder()?;
    let file = folder.path().join("commands.gdb");
    fs::write(&file, commands)?;
    let file = file.to_str().context("the temporary folder's name is not text")?;
    Xtask::new(["gdb", milestone, "--batch", file]).run()
}

fn session() -> Result<()> {
    let Called { status, stdout, stderr } = batch("m2", SESSION)?;
    let mut rest = stdout.as_str();
    for want in SHOWN {
        let Some((_, after)) = rest.split_once(want) else {
            bail!("the session lacks `{want}` behind what came before:\n{stdout}{stderr}");
        };
        rest = after;
    }
    ensure!(status == Some(0), "status {status:?}\n{stderr}");
    Ok(())
}

/// What the book says to type at GDB's prompt works, one recipe after the other.
fn recipes(bench: &Bench) -> Result<()> {
    let page = bench.workspace.root.join("book/src/ref-debugging.md");
    let text = fs::read_to_string(&page).context("cannot read the debugging recipes")?;
    let blocks = text.split("```gdb\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let commands: String = blocks.map(|(commands, _)| commands).collect();
    let Called { status, stdout, stderr } = batch("m2", &commands)?;
    for want in ["syscall::entry::SyscallFrame {", "trap frame at 0xffffffff", "watchpoint"] {
        ensure!(stdout.contains(want), "no `{want}`:\n{stdout}{stderr}");
    }
    ensure!(status == Some(0), "status {status:?}\n{stdout}{stderr}");
    Ok(())
}

/// Ctrl-C stops the kernel, not xtask; with GDB the machine ends.
fn ctrl_c() -> Result<()> {
    const PROMPT: &str = "(gdb) ";
    let folder = temporary_folder()?;
    // Its console lets the kernel run until somebody stops it.
    let call = Xtask::new(["gdb", "m2", "--", "console=on"]).env("TMPDIR", folder.path());
    let mut terminal = AtTerminal::start(call.env("TERM", "dumb").command())?;
    terminal.wait_for("kernel_entry")?;
    terminal.wait_for(PROMPT)?;
    terminal.type_in(b"continue\n")?;
    terminal.wait_for("m2> ")?;
    // What a terminal does on Ctrl-C. QEMU is in a group of its own.
    kill_process_group(Pid::from_child(terminal.running.pipes()), Signal::INT)?;
    terminal.wait_for("Program received signal SIGINT")?;
    terminal.wait_for(PROMPT)?;
    ensure!(emulators_in(folder.path())? > 0, "QEMU has ended");
    // Wherever the console was just then, it is in there, however deep.
    terminal.type_in(b"set pagination off\nset width 0\nbacktrace\n")?;
    terminal.wait_for("m2_usermode::console::serve")?;
    terminal.wait_for(PROMPT)?;
    terminal.type_in(b"quit\n")?;
    let status = terminal.end()?;
    ensure!(status.success(), "{status}");
    ensure!(emulators_in(folder.path())? == 0, "QEMU lives on");
    Ok(())
}

/// A machine waits for a debugger, which finds it halted; Ctrl-C ends both.
fn listen(bench: &Bench) -> Result<()> {
    let mut command = Xtask::new(["gdb", "m0", "--listen=127.0.0.1:0"]).command();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut waiting = Running::start(&mut command, Group::Own)?;
    let stdout = waiting.pipes().stdout.take().context("no output")?;
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    let first = lines.find(|line| line.starts_with("m0 waits for a debugger at "));
    let first = first.context("it does not wait")?;
    let address = first.split([' ', ';']).find(|word| word.starts_with("127.0.0.1:"));
    let address = address.context("no address is told")?.to_owned();
    // Whatever else is said must not block the program.
    std::thread::spawn(move || lines.count());

    let mut gdb = Command::new(debugger::program());
    gdb.args(["-q", "-nx", "-batch", "-ex", "set debuginfod enabled off"]);
    gdb.args(["-ex", &format!("target remote {address}"), "-ex", "thbreak *kernel_entry"]);
    gdb.args(["-ex", "continue", "-ex", "backtrace"]);
    gdb.arg(bench.workspace.root.join("target/gdb/m0"));
    let attached = process::capture(&mut gdb, LIMIT)?;
    let stopped = attached.stdout.contains("#0  m0_boot::kernel_entry () at m0-boot/src/main.rs:");
    ensure!(stopped, "{}{}", attached.stdout, attached.stderr);

    kill_process(Pid::from_child(waiting.pipes()), Signal::INT)?;
    let ended = waiting.wait_until(Instant::now() + LIMIT)?;
    ensure!(ended.is_some(), "it does not end");
    let deadline = Instant::now() + LIMIT;
    while TcpStream::connect(&address).is_ok() {
        ensure!(Instant::now() < deadline, "QEMU lives on");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// VS Code's configuration names tasks that exist, for every milestone.
fn editor(bench: &Bench) -> Result<()> {
    let read = |name: &str| json_with_comments(&bench.workspace.root.join(".vscode").join(name));
    let (launch, tasks) = (read("launch.json")?, read("tasks.json")?);
    let tasks = tasks["tasks"].as_array().context("no tasks")?;
    let labels: Vec<&str> = tasks.iter().filter_map(|task| task["label"].as_str()).collect();
    let configurations = launch["configurations"].as_array().context("no configurations")?;
    for one in configurations {
        for key in ["preLaunchTask", "postDebugTask"] {
            let task =
                one[key].as_str().with_context(|| format!("{} has no {key}", one["name"]))?;
            ensure!(labels.contains(&task), "there is no task `{task}`");
        }
    }
    for milestone in bench.workspace.milestones() {
        let name = milestone.name;
        let program = format!("${{workspaceFolder}}/target/gdb/{name}");
        let found = configurations.iter().any(|one| one["program"] == program.as_str());
        ensure!(found, "launch.json has no configuration for {name}");
        let arguments = serde_json::json!(["xtask", "gdb", name, "--listen"]);
        ensure!(tasks.iter().any(|task| task["args"] == arguments), "tasks.json lacks {name}");
    }
    read("extensions.json").map(drop)
}

/// JSON in which whole lines may be comments, as VS Code reads it.
fn json_with_comments(file: &Path) -> Result<Value> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    serde_json::from_str(&lines.collect::<Vec<_>>().join("\n"))
        .with_context(|| format!("{} is no JSON", file.display()))
}
