//! `cargo xtask inspect`: what is in a kernel.

use crate::{
    build::{Builder, Profile},
    inspect::{
        self,
        phases::{self, Phase},
    },
    programs, setup,
    toolchain::{Choice, Toolchain},
    transcript::capture,
    ui,
    workspace::{Milestone, Workspace},
};
use anyhow::Result;
use serde::Serialize;
use std::{path::Path, process::ExitCode};

/// Shows what is in a milestone's kernel: segments, sections, largest symbols.
///
/// With `--phases` the kernel is booted, and the instructions of its boot are counted
/// from one line of its log to the next. The exit status is 1 if a segment is writable
/// and executable.
///
/// Examples:
///   cargo xtask inspect m2
///   cargo xtask inspect m2 --symbols 50
///   cargo xtask inspect m2 --phases
///   cargo xtask inspect m2 --json
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The milestone: m0, m1, m2
    milestone: String,
    /// Look into the kernel that is built without optimisation
    #[arg(long)]
    debug: bool,
    /// How many of the largest symbols to show
    #[arg(long, default_value_t = inspect::SYMBOLS)]
    symbols: usize,
    /// Boot it, and count the instructions of each phase
    #[arg(long)]
    phases: bool,
    /// Print JSON: {"version", "milestone", "w_xor_x", "bytes", "entry", "segments",
    /// "sections", "symbols"}; with --phases also {"phases": [{"thousands", "until"}]}
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    milestone: &'a str,
    w_xor_x: bool,
    bytes: u64,
    #[serde(flatten)]
    kernel: &'a inspect::Kernel,
    #[serde(skip_serializing_if = "Option::is_none")]
    phases: Option<Vec<Phase>>,
}

pub fn main(args: &Args, choice: Choice) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let milestone = workspace.milestone(&args.milestone)?;
    let toolchain = Toolchain::prepare(choice, &workspace)?;
    let builder = Builder { workspace: &workspace, toolchain: &toolchain };
    let profile = if args.debug { Profile::Debug } else { Profile::Release };
    let path = builder.kernel(&milestone.package, profile)?;
    let kernel = inspect::read(&path, args.symbols)?;
    let phases = args.phases.then(|| count_phases(&milestone, &path, &builder)).transpose()?;
    if args.json {
        let (w_xor_x, bytes) = (kernel.keeps_w_xor_x(), kernel.bytes());
        let name = milestone.name.as_str();
        let document =
            Document { version: 1, milestone: name, w_xor_x, bytes, kernel: &kernel, phases };
        ui::result(&(serde_json::to_string_pretty(&document)? + "\n"))?;
    } else {
        ui::result(&inspect::text::render(&milestone.name, &kernel))?;
        if let Some(phases) = phases {
            ui::result(&format!("\n{}", phases::render(&milestone.name, &phases)))?;
        }
    }
    Ok(if kernel.keeps_w_xor_x() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Boots the kernel where instructions are counted.
fn count_phases(milestone: &Milestone, kernel: &Path, builder: &Builder) -> Result<Vec<Phase>> {
    setup::emulator(false)?;
    let loader = builder.loader_pvh()?;
    let modules = programs::build_for(&milestone.package, builder)?;
    let boot = ui::step("counting instructions", || {
        capture::boot(builder.workspace, milestone, kernel, &loader, &modules)
    })?;
    Ok(phases::of(&boot.serial))
}
