//! Calls of `cargo build`, and the files that come out.

use crate::{
    measure,
    process::{Group, Running, interrupted},
    toolchain::{KERNEL_TARGET, Toolchain, UEFI_TARGET},
    workspace::Workspace,
};
use anyhow::{Context, Result, bail};
use cargo_metadata::Message;
use std::{
    fmt,
    io::{BufRead, BufReader, IsTerminal, Read},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
};

/// How kernels are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Optimised, with full debug information.
    Release,
    /// Not optimised.
    Debug,
}

/// The compiler refused the sources; it has said why.
#[derive(Debug)]
pub struct Refused {
    /// What was being built.
    pub what: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be built; cargo's messages stand above", self.what)
    }
}

impl std::error::Error for Refused {}

/// An executable that cargo built.
#[derive(Clone, Debug)]
pub struct Executable {
    /// The package it belongs to.
    pub package: String,
    /// The name of the binary or test.
    pub target: String,
    /// Whether it is a test harness of the package's library or binary, or an
    /// integration test.
    pub is_test: bool,
    /// The file.
    pub path: PathBuf,
}

/// Builds with one toolchain in one workspace.
#[derive(Clone, Copy)]
pub struct Builder<'a> {
    pub workspace: &'a Workspace,
    pub toolchain: &'a Toolchain,
}

impl Builder<'_> {
    /// Builds the kernel of `package`.
    pub fn kernel(&self, package: &str, profile: Profile) -> Result<PathBuf> {
        self.binary(package, package, KERNEL_TARGET, profile)
    }

    /// Builds the loader that QEMU starts by `-kernel`.
    pub fn loader_pvh(&self) -> Result<PathBuf> {
        self.binary("loader", "loader-pvh", KERNEL_TARGET, Profile::Release)
    }

    /// Builds the loader that UEFI firmware starts.
    pub fn loader_uefi(&self) -> Result<PathBuf> {
        self.binary("loader", "loader-uefi", UEFI_TARGET, Profile::Release)
    }

    /// Builds the in-guest test kernel of `package`.
    pub fn guest_test(&self, package: &str) -> Result<PathBuf> {
        let mut command = self.build(package, KERNEL_TARGET, Profile::Release);
        command.args(["--test", "guest"]);
        self.single(command, format!("the test kernel of {package}"), "guest")
    }

    /// Builds the bench's kernel on M2.
    pub fn bench_user(&self) -> Result<PathBuf> {
        self.binary(measure::PACKAGE, measure::USER, KERNEL_TARGET, Profile::Release)
    }

    /// Builds the bench's kernel of peers, which nobody else has to compile.
    pub fn bench_peers(&self) -> Result<PathBuf> {
        let mut command = self.build(measure::PACKAGE, KERNEL_TARGET, Profile::Release);
        command.args(["--bin", measure::PEERS, "--features", "peers"]);
        self.single(command, measure::PEERS.to_owned(), measure::PEERS)
    }

    fn binary(&self, package: &str, name: &str, target: &str, profile: Profile) -> Result<PathBuf> {
        let mut command = self.build(package, target, profile);
        command.args(["--bin", name]);
        self.single(command, name.to_owned(), name)
    }

    fn build(&self, package: &str, target: &str, profile: Profile) -> Command {
        let mut command = self.toolchain.cargo(self.workspace);
        command.args(["build", "--package", package, "--target", target, "--target-dir"]);
        command.arg(&self.toolchain.target);
        if profile == Profile::Release {
            command.arg("--release");
        }
        command
    }

    fn single(&self, command: Command, what: String, target: &str) -> Result<PathBuf> {
        let built = executables(command, &what)?;
        let found = built.into_iter().find(|executable| executable.target == target);
        Ok(found.with_context(|| format!("cargo built no executable for {what}"))?.path)
    }
}

/// Runs a `cargo build` or `cargo test --no-run` and lists the executables that
/// are now up to date. The compiler's messages go to the terminal.
///
/// # Errors
/// [`Refused`] if the sources do not compile.
pub fn executables(mut command: Command, what: &str) -> Result<Vec<Executable>> {
    command.arg("--message-format=json-render-diagnostics");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if std::io::stderr().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let program = command.get_program().to_owned();
    let mut running = Running::start(&mut command, Group::Shared)
        .with_context(|| format!("cannot start {}", program.display()))?;
    let stdout = running.pipes().stdout.take().context("cargo's output is not connected")?;
    let stderr = running.pipes().stderr.take().context("cargo's messages are not connected")?;
    let messages = thread::spawn(move || pass_on_messages(stderr));
    let mut built = Vec::new();
    for message in Message::parse_stream(BufReader::new(stdout)) {
        if let Message::CompilerArtifact(artifact) =
            message.context("cannot read cargo's output")?
            && let Some(path) = artifact.executable
        {
            built.push(Executable {
                package: package_name(&artifact.package_id.repr),
                target: artifact.target.name,
                is_test: artifact.profile.test,
                path: path.into(),
            });
        }
    }
    let status = running.wait().context("cannot wait for cargo")?;
    // The thread only copies; all it could return is that it is done.
    let _ = messages.join();
    if interrupted() {
        bail!("interrupted");
    }
    if !status.success() {
        return Err(Refused { what: what.to_owned() }.into());
    }
    Ok(built)
}

/// Copies cargo's messages to stderr, without the line that tells of a build
/// that had nothing to do.
fn pass_on_messages(source: impl Read) {
    for line in BufReader::new(source).lines() {
        let Ok(line) = line else { return };
        if !line.contains("Finished") || !line.contains("profile [") {
            eprintln!("{line}");
        }
    }
}

/// The package's name in cargo's package id specification
/// (`path+file:///…/m0-boot#0.1.0`, or `…#name@0.1.0` where the two differ).
fn package_name(id: &str) -> String {
    let (path, fragment) = id.rsplit_once('#').unwrap_or((id, ""));
    match fragment.split_once('@') {
        Some((name, _)) => name.to_owned(),
        None => path.rsplit('/').next().unwrap_or(path).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_names_are_found_in_ids() {
        assert_eq!(package_name("path+file:///a/m0-boot#0.1.0"), "m0-boot");
        assert_eq!(package_name("path+file:///a/folder#m0-boot@0.1.0"), "m0-boot");
    }
}
