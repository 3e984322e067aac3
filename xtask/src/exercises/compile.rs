//! Builds the checks of an exercise with a learner's file.

use super::{Exercise, outcome::NotBuilt, schema::Kind, stage::Stage};
use crate::{
    host,
    process::{self, Finished},
    toolchain::{KERNEL_TARGET, Toolchain},
};
use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::{Message, diagnostic::DiagnosticLevel};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::{
    io::IsTerminal, os::unix::process::CommandExt, path::PathBuf, process::Command, time::Duration,
};

/// The profile, in the workspace's Cargo.toml.
const PROFILE: &str = "exercise";
/// How long cargo may take, libraries of a first build on a slow machine included. What
/// ends a compiler that never ends is the limit on its computing.
const LIMIT: Duration = Duration::from_secs(600);
/// How much address space a compiler may take.
const MEMORY_MAX: u64 = 8 << 30;
/// How many seconds of computing one call of a compiler may take, beyond which the system
/// ends it: on any machine more than the largest library needs, less than it takes to lose
/// patience.
const COMPUTING_MAX: u64 = 30;

/// What cargo calls the program of the checks of one kind.
pub fn program(exercise: &Exercise, kind: Kind) -> String {
    format!("{}-{kind}", exercise.id())
}

/// Builds the program of the checks of one kind.
pub fn build(
    exercise: &Exercise,
    kind: Kind,
    stage: &Stage,
    toolchain: &Toolchain,
    workspace: &crate::workspace::Workspace,
) -> Result<Result<PathBuf, NotBuilt>> {
    let program = program(exercise, kind);
    let mut command = toolchain.cargo(workspace);
    command.current_dir(&stage.root);
    command.args(["rustc", "--offline", "--profile", PROFILE, "--package", exercise.id()]);
    command.args(["--example", &program, "--message-format", "json-diagnostic-rendered-ansi"]);
    command.arg("--target-dir").arg(&stage.target);
    // Where the stage lies must not stand in what people read, nor decide what is built.
    command.env_remove("CARGO_TARGET_DIR");
    // `cargo xtask` sets it, and libraries' build scripts would run again where it changes.
    command.env_remove("CARGO_MANIFEST_DIR");
    if kind == Kind::Boot {
        command.args(["--target", KERNEL_TARGET, "--"]);
        command.arg(format!("-Clink-arg=-T{}/shared/kernel.ld", stage.root.display()));
    }
    limit_resources(&mut command);
    let finished =
        process::capture(&mut command, host::scaled(LIMIT)).context("cannot start cargo")?;
    if process::interrupted() {
        bail!("interrupted");
    }
    if let Some(reason) = gave_up(&finished) {
        // The course's libraries are not the learner's fault.
        let learners = finished.stderr.contains(&format!("could not compile `{}`", exercise.id()));
        ensure!(learners || finished.status.is_none(), "compiling the course itself: {reason}");
        return Ok(Err(NotBuilt::CompilerGaveUp { reason }));
    }
    read(&finished, &program, exercise)
}

/// Why the compiler did not come to an end.
fn gave_up(finished: &Finished) -> Option<String> {
    if finished.success() {
        return None;
    }
    // What the learner's file is blamed for comes on standard output.
    let says = |word: &str| finished.stderr.contains(word);
    if finished.status.is_none() {
        Some(format!("the compiler was not done after {} s", LIMIT.as_secs()))
    } else if says("SIGXCPU") || says("signal: 24") {
        Some(format!(
            "the compiler computed for {COMPUTING_MAX} s and was ended: look for a constant \
             whose computing never ends"
        ))
    } else if says("SIGKILL") || says("SIGABRT") || says("memory allocation of") {
        Some("the compiler ran out of memory: look for something that grows without end".into())
    } else {
        None
    }
}

/// Finds the program or the errors in what cargo said.
fn read(
    finished: &Finished,
    program: &str,
    exercise: &Exercise,
) -> Result<Result<PathBuf, NotBuilt>> {
    let (mut errors, mut messages, mut elsewhere) = (0, String::new(), String::new());
    for message in Message::parse_stream(finished.stdout.as_bytes()) {
        match message.context("cannot read cargo's output")? {
            Message::CompilerArtifact(artifact) if artifact.target.name == program => {
                if let Some(path) = artifact.executable {
                    return Ok(Ok(path.into()));
                }
            }
            Message::CompilerMessage(message) => {
                let rendered = message.message.rendered.unwrap_or_default();
                let is_error =
                    matches!(message.message.level, DiagnosticLevel::Error | DiagnosticLevel::Ice);
                let learners = message.target.name.replace('_', "-") == exercise.id();
                if is_error && learners {
                    errors += usize::from(!message.message.spans.is_empty());
                    messages.push_str(&rendered);
                } else if is_error {
                    elsewhere.push_str(&rendered);
                }
            }
            _ => {}
        }
    }
    if errors == 0 && messages.is_empty() && elsewhere.is_empty() {
        // Killed for want of memory, or cargo itself cannot work.
        let last = finished.stderr.lines().rfind(|line| line.starts_with("error"));
        let last = last.unwrap_or("cargo failed without a message");
        bail!("cannot build {}: {last}", exercise.id());
    }
    // Checks that do not compile against the learner's file: a signature was changed.
    if messages.is_empty() {
        errors = 1;
        messages = elsewhere;
    }
    let messages = if std::io::stdout().is_terminal() { messages } else { plain(&messages) };
    Ok(Err(NotBuilt::DoesNotCompile { errors: errors.max(1), messages }))
}

/// Text without colours.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("\x1b[") {
        plain.push_str(&rest[..start]);
        rest = &rest[start + 2..];
        rest = rest.find('m').map_or("", |end| &rest[end + 1..]);
    }
    plain.push_str(rest);
    plain
}

fn limit_resources(command: &mut Command) {
    let limit = || {
        for (resource, most) in [(Resource::As, MEMORY_MAX), (Resource::Cpu, COMPUTING_MAX)] {
            // At its second limit computing is ended by SIGKILL, which says less.
            setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most + 1) })?;
        }
        Ok(())
    };
    // SAFETY: the hook only makes a system call, which is allowed between fork and exec.
    unsafe { command.pre_exec(limit) };
}
