//! `cargo xtask diff`: what a milestone has that an earlier one has not.

use crate::{
    build::{Builder, Profile},
    compare::{Comparison, Subjects, columns::Columns, page, text},
    toolchain::{Choice, Toolchain},
    ui,
    workspace::{Milestone, Workspace},
};
use anyhow::{Result, bail, ensure};
use std::{path::PathBuf, process::ExitCode};

/// Compares two milestones: boot, modules, dependencies, transcripts, memory, size.
///
/// Transcripts, maps and boot instructions come from book/captured, which
/// `cargo xtask bless` renews; sizes come from kernels built now.
///
/// Examples:
///   cargo xtask diff m0 m1
///   cargo xtask diff m0 m2 --source | less -R
///   cargo xtask diff m1 m2 --html pages
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A milestone: m0, m1, m2
    one: String,
    /// Another one; the earlier of the two is the one that is compared with
    other: String,
    /// With the whole difference of the sources, by concept
    #[arg(long)]
    source: bool,
    /// Write pages into this folder: to read, to predict and reveal, for a projector
    #[arg(long, value_name = "DIR", conflicts_with = "json")]
    html: Option<PathBuf>,
    /// Print JSON: {"version", "left", "right", "sequence", "modules", "superseded",
    /// "dependencies", "transcripts", "virtual_memory", "sections"}, and "source" if
    /// asked for
    #[arg(long)]
    json: bool,
}

pub fn main(args: &Args, choice: Choice) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let [left, right] = pair(&workspace, &args.one, &args.other)?;
    if let Some(folder) = &args.html {
        ensure!(
            folder.is_dir() || !folder.exists(),
            "--html: {} is no folder; name one that is, or that can be made",
            folder.display()
        );
    }
    let toolchain = Toolchain::prepare(choice, &workspace)?;
    let builder = Builder { workspace: &workspace, toolchain: &toolchain };
    let kernel = |milestone: &Milestone| builder.kernel(&milestone.package, Profile::Release);
    let (one, other) = (kernel(&left)?, kernel(&right)?);
    let subjects = Subjects { workspace: &workspace, left: (left, one), right: (right, other) };
    let comparison = Comparison::of(&subjects, args.source || args.html.is_some())?;
    if let Some(folder) = &args.html {
        let pages = ui::step("writing pages", || page::write(&comparison, folder))?;
        pages.iter().for_each(|page| println!("{}", page.display()));
    } else if args.json {
        ui::result(&(serde_json::to_string_pretty(&comparison)? + "\n"))?;
    } else {
        ui::result(&text::render(&comparison, Columns::fitting()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The two milestones, the earlier first.
fn pair(workspace: &Workspace, one: &str, other: &str) -> Result<[Milestone; 2]> {
    if [one, other].contains(&"mine") {
        bail!(
            "`mine` compares an exercise with its starter, and there are no exercises yet; give two milestones"
        );
    }
    let (one, other) = (workspace.milestone(one)?, workspace.milestone(other)?);
    ensure!(one != other, "both are {}; give two different milestones", one.name);
    let all = workspace.milestones();
    let place = |wanted: &Milestone| all.iter().position(|milestone| milestone == wanted);
    Ok(if place(&one) < place(&other) { [one, other] } else { [other, one] })
}
