//! `cargo xtask diff`: what a milestone has that an earlier one has not; what a learner
//! changed of an exercise.

use crate::{
    build::{Builder, Profile},
    compare::{Comparison, Subjects, columns::Columns, mine::Mine, page, text},
    exercises::{self, desk, progress::Progress},
    toolchain::{Choice, Toolchain},
    ui,
    workspace::{Milestone, Workspace},
};
use anyhow::{Context, Result, ensure};
use std::{path::PathBuf, process::ExitCode};

/// What stands for the learner's own file.
const MINE: &str = "mine";

/// Compares two milestones: boot, modules, dependencies, transcripts, memory, size.
///
/// Transcripts, maps and boot instructions come from book/captured, which
/// `cargo xtask bless` renews; sizes come from kernels built now.
///
/// With `mine` and an exercise: your file against its starter.
///
/// Examples:
///   cargo xtask diff m0 m1
///   cargo xtask diff m0 m2 --source | less -R
///   cargo xtask diff m1 m2 --html pages
///   cargo xtask diff mine m0-idt-gate              # your exercise against its starter
///   cargo xtask diff mine m0-idt-gate --reference  # once it has all points
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A milestone: m0, m1, m2; or `mine`
    one: String,
    /// Another one, the earlier of the two being the one that is compared with; or an
    /// exercise
    other: String,
    /// Compare your exercise with its reference solution, which you may see once yours has
    /// all points
    #[arg(long, conflicts_with_all = ["source", "html"])]
    reference: bool,
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
    if args.one == MINE {
        return mine(args, choice, &workspace);
    }
    ensure!(!args.reference, "--reference goes with `diff mine EXERCISE`");
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
    let subjects =
        Subjects { workspace: &workspace, left: (left, Some(one)), right: (right, Some(other)) };
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

/// The learner's file of an exercise against its starter or reference.
fn mine(args: &Args, choice: Choice, workspace: &Workspace) -> Result<ExitCode> {
    ensure!(
        args.html.is_none() && !args.source,
        "`diff mine` prints text or --json; --html and --source compare milestones"
    );
    let exercise = exercises::find(&exercises::all(workspace)?, &args.other)?;
    let own = desk::read_learner(&exercise)?;
    let (against, title, left) = if args.reference {
        let record = Progress::read(&exercises::folder(workspace))?.of(&exercise);
        ensure!(
            record.solution_shown || record.is_full(&own),
            "the reference is for those who are done: `cargo xtask check {}` must give your file \
             all points first, or see `cargo xtask solution --give-up`",
            exercise.id()
        );
        let solution = std::fs::read_to_string(exercise.solution_file())
            .with_context(|| format!("cannot read the solution of {}", exercise.id()))?;
        ("reference", "yours against the reference", solution)
    } else {
        let toolchain = Toolchain::prepare(choice, workspace)?;
        let starter = desk::starter(&exercise, workspace, &toolchain)?;
        ("starter", "yours against the starter", starter)
    };
    let mine = Mine::of(exercise.id(), against, &left, &own);
    ui::result(&match args.json {
        true => serde_json::to_string_pretty(&mine)? + "\n",
        false => mine.text(title, |paint, text| paint.on_stdout(text)),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The two milestones, the earlier first.
fn pair(workspace: &Workspace, one: &str, other: &str) -> Result<[Milestone; 2]> {
    ensure!(other != MINE, "say `diff mine EXERCISE`: `mine` comes first");
    let (one, other) = (workspace.milestone(one)?, workspace.milestone(other)?);
    ensure!(one != other, "both are {}; give two different milestones", one.name);
    let all = workspace.milestones();
    let place = |wanted: &Milestone| all.iter().position(|milestone| milestone == wanted);
    Ok(if place(&one) < place(&other) { [one, other] } else { [other, one] })
}
