//! Instruction counts: the bench's kernels are run, their figures collected and
//! compared with their limits.
//!
//! - [`figures`]: what a kernel measured, in rows of min, median, p99 and max
//! - [`budgets`]: the limits in `bench/budgets.toml`, and who breaks them
//! - [`table`], [`json`]: the same for people and for programs
//! - [`compare`]: ours beside the peers
//!
//! The kernels live in the package `bench`; its documentation defines the names.

pub mod budgets;
pub mod compare;
pub mod figures;
pub mod json;
pub mod table;

use crate::{
    boot::way::Way,
    host,
    machine::Machine,
    qemu::session::Limits,
    trial::{Guest, Trial},
    verdict::{self, report::Report},
    workspace::Workspace,
};
use anyhow::Result;
use figures::Figures;
use std::{
    error::Error,
    fmt,
    io::sink,
    path::{Path, PathBuf},
    time::Duration,
};

/// The package that measures.
pub const PACKAGE: &str = "bench";
/// Its kernel on M2.
pub const USER: &str = "bench-user";
/// The milestone whose whole boot is counted.
pub const BOOTED: &str = "m2-usermode";
/// Its kernel of peers.
pub const PEERS: &str = "bench-peers";

/// The model that budgets are read on: the fastest way to clear a page differs
/// from model to model, and with it the count.
pub const CPU: &str = "qemu64";
/// Room for the metadata of 64 GiB of simulated memory.
pub const MEMORY: &str = "512M";

/// How long a run may take on an idle machine: some ten times what it takes.
const TIME_LIMIT: Duration = Duration::from_secs(600);

/// Where the limits stand.
pub fn budgets_file(workspace: &Workspace) -> PathBuf {
    workspace.folder(PACKAGE).join("budgets.toml")
}

/// Prepares a boot of one of the bench's kernels, where instructions are counted.
pub fn trial(kernel: &Path, loader: &Path) -> Result<Trial> {
    let (memory, cpu) = (MEMORY.parse(), CPU.parse());
    let (memory, cpu) = (memory.map_err(anyhow::Error::msg)?, cpu.map_err(anyhow::Error::msg)?);
    let guest = Guest { title: PACKAGE, kernel, cmdline: "", modules: &[] };
    let mut trial = Trial::fast(&guest, loader, Machine { memory, cpu })?;
    trial.launch.counts_instructions = true;
    Ok(trial)
}

/// How long such a boot may take.
pub fn limits() -> Limits {
    Limits { time: Some(host::scaled(TIME_LIMIT)), interactive: false }
}

/// Our kernels: two that measure, and the whole of M2, which is measured.
#[derive(Clone, Copy, Debug)]
pub struct Kernels<'a> {
    /// [`PACKAGE`]'s and [`USER`].
    pub measuring: [&'a Path; 2],
    /// [`BOOTED`]'s.
    pub booted: &'a Path,
}

/// Boots our kernels, and collects what was measured.
///
/// # Errors
/// As [`run`].
pub fn run_ours(workspace: &Workspace, kernels: Kernels<'_>, loader: &Path) -> Result<Figures> {
    let mut figures = Figures::default();
    for kernel in kernels.measuring {
        figures.extend(run(workspace, kernel, loader)?);
    }
    let boot = events(workspace, kernels.booted, loader)?;
    figures.extend(Figures::from_boot(&boot)?);
    Ok(figures)
}

/// Boots one of the bench's kernels, and collects what it measured.
///
/// # Errors
/// If it does not complete, with the verdict.
pub fn run(workspace: &Workspace, kernel: &Path, loader: &Path) -> Result<Figures> {
    Figures::from_events(&events(workspace, kernel, loader)?)
}

/// A kernel that did not complete, so nothing was measured.
#[derive(Debug)]
pub struct KernelFailed {
    text: String,
    /// The verdict as JSON.
    pub document: String,
}

impl fmt::Display for KernelFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the bench's kernel: {}", self.text)
    }
}

impl Error for KernelFailed {}

/// The events of a boot that completes.
fn events(workspace: &Workspace, kernel: &Path, loader: &Path) -> Result<Vec<String>> {
    let trial = trial(kernel, loader)?;
    let outcome = trial.run(&limits(), &mut sink())?;
    if !outcome.verdict.is_complete() {
        let symbols = trial.symbols(&workspace.root)?;
        let report = Report::new(&outcome, &symbols);
        return Err(KernelFailed {
            text: format!("{}\nserial output:\n{}", report.text(), outcome.serial),
            document: verdict::json::document(PACKAGE, &Way::Fast.to_string(), &report)?,
        }
        .into());
    }
    Ok(outcome.events)
}
