//! `cargo xtask book --serve`: pages over TCP, new ones after a change, an end by Ctrl-C.

use super::super::{
    Test,
    bench::{Bench, Need},
    cli::Xtask,
    endings::copy_sources,
};
use crate::{
    book, host,
    process::{Group, INTERRUPTED_STATUS, Running},
    trial,
};
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant},
};

/// How long the first edition, or another one, may take on an idle machine.
const EDITION: Duration = Duration::from_secs(120);
/// How soon Ctrl-C must end it.
const END: Duration = Duration::from_secs(10);
/// The file that is changed, and its page.
const CHAPTER: (&str, &str) = ("book/src/welcome.md", "/welcome.html");
/// What is written there.
const SENTENCE: &str = "A sentence that no other edition has.";

pub fn test() -> Test {
    Test::new("book/serve", [Need::BookBuilder, Need::Book], |bench| {
        follows_changes(bench)?;
        ends_by_interrupt()
    })
}

/// A server under way.
struct Server {
    running: Running,
    lines: Receiver<String>,
    address: String,
}

impl Server {
    fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = Running::start(&mut command, Group::Own)?;
        let (sender, lines) = channel();
        let stdout = running.pipes().stdout.take().context("no output")?;
        let stderr = running.pipes().stderr.take().context("no messages")?;
        read(stdout, sender.clone());
        read(stderr, sender);
        let mut server = Self { running, lines, address: String::new() };
        let line = server.wait_for("http://")?;
        server.address = line.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Ok(server)
    }

    /// The next line with `text`.
    fn wait_for(&self, text: &str) -> Result<String> {
        let deadline = Instant::now() + host::scaled(EDITION);
        let mut said = String::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                bail!("the server does not say `{text}`, but\n{said}");
            };
            if line.contains(text) {
                return Ok(line);
            }
            said.push_str(&line);
            said.push('\n');
        }
    }

    /// A page, as a browser asks for it.
    fn get(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(&self.address).context("nobody listens")?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).context("the answer does not end")?;
        let is_good = answer.starts_with("HTTP/1.1 200 ");
        ensure!(is_good, "{path}: {}", answer.lines().next().unwrap_or("no answer"));
        Ok(answer)
    }
}

/// Hands over what comes, line by line.
fn read(pipe: impl Read + Send + 'static, sender: Sender<String>) {
    thread::spawn(move || {
        let lines = BufReader::new(pipe).lines().map_while(Result::ok);
        // The receiver goes when the test is over.
        lines.take_while(|line| sender.send(line.clone()).is_ok()).count()
    });
}

/// A changed chapter is another page, and pages are told that there is one.
fn follows_changes(bench: &Bench) -> Result<()> {
    let copy = trial::temporary_folder()?;
    copy_sources(&bench.workspace.root, copy.path())?;
    let mut command = Command::new(bench.file(&Need::BookBuilder)?);
    command.arg("serve").arg("--root").arg(copy.path()).args(["--port", "0"]);
    command.arg("--extra").arg(book::extra(bench.workspace));
    command.arg("--out").arg(copy.path().join("html"));
    let server = Server::start(command)?;
    let (file, page) = CHAPTER;
    ensure!(!server.get(page)?.contains(SENTENCE), "the sentence is there already");
    let edition = server.get("/.edition")?;
    let file = copy.path().join(file);
    let text = fs::read_to_string(&file)?;
    fs::write(&file, format!("{text}\n{SENTENCE}\n"))?;
    server.wait_for("built again")?;
    ensure!(server.get(page)?.contains(SENTENCE), "the page is as it was before");
    ensure!(
        server.get("/.edition")? != edition,
        "pages are not told that there is another edition"
    );
    Ok(())
}

/// Ctrl-C ends xtask and the server with it.
fn ends_by_interrupt() -> Result<()> {
    let folder = trial::temporary_folder()?;
    let call = Xtask::new(["book", "--serve", "--port", "0", "-o"]);
    let out = folder.path().join("book");
    let path = out.to_str().context("the temporary folder's name is not text")?;
    let mut server = Server::start(call.arguments(&[path]).command())?;
    ensure!(server.get("/")?.contains("<title>"), "the first page is no page");
    let start = Instant::now();
    kill_process(Pid::from_child(server.running.pipes()), Signal::INT)?;
    let ended = server.running.wait_until(start + host::scaled(END))?;
    let status = ended.context("Ctrl-C does not end it")?.code();
    ensure!(status == Some(INTERRUPTED_STATUS.into()), "status {status:?}");
    ensure!(TcpStream::connect(&server.address).is_err(), "the server lives on");
    Ok(())
}
