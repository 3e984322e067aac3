//! `cargo xtask inspect`: what is in a kernel.

use crate::{
    build::{Builder, Profile},
    inspect,
    toolchain::{Choice, Toolchain},
    ui,
    workspace::Workspace,
};
use anyhow::Result;
use serde::Serialize;
use std::process::ExitCode;

/// Shows what is in a milestone's kernel: segments, sections, largest symbols.
///
/// The exit status is 1 if a segment is writable and executable. Instructions of
/// the whole boot stand in `cargo xtask diff`; by phase they are not told, because
/// log lines do not mark where a phase begins.
///
/// Examples:
///   cargo xtask inspect m2
///   cargo xtask inspect m2 --symbols 50
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
    /// Print JSON: {"version", "milestone", "w_xor_x", "bytes", "entry", "segments",
    /// "sections", "symbols"}
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
}

pub fn main(args: &Args, choice: Choice) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let milestone = workspace.milestone(&args.milestone)?;
    let toolchain = Toolchain::prepare(choice, &workspace)?;
    let builder = Builder { workspace: &workspace, toolchain: &toolchain };
    let profile = if args.debug { Profile::Debug } else { Profile::Release };
    let kernel = inspect::read(&builder.kernel(&milestone.package, profile)?, args.symbols)?;
    if args.json {
        let (w_xor_x, bytes) = (kernel.keeps_w_xor_x(), kernel.bytes());
        let name = milestone.name.as_str();
        let document = Document { version: 1, milestone: name, w_xor_x, bytes, kernel: &kernel };
        ui::result(&(serde_json::to_string_pretty(&document)? + "\n"))?;
    } else {
        ui::result(&inspect::text::render(&milestone.name, &kernel))?;
    }
    Ok(if kernel.keeps_w_xor_x() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
