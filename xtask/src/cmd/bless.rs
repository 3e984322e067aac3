//! `cargo xtask bless`: renews what the book quotes from real boots.

use crate::{
    build::{Builder, Profile},
    programs,
    sessions::{self, Session},
    setup,
    toolchain::{Choice, Toolchain},
    transcript::{
        capture, drift,
        files::{self, Tools},
        record::Record,
    },
    ui,
    workspace::{Milestone, Workspace},
};
use anyhow::{Context, Result, anyhow};
use std::{path::Path, process::ExitCode};

/// Captures what milestones say and what commands print, for the book to quote.
///
/// Milestones boot on a fixed machine where time is the number of instructions, so every
/// capture is the same. The sessions of book/sessions are run as a reader would run them;
/// `sessions` stands for all of them. Captures go to book/captured; a file that has not
/// drifted is left as it is, and one that no session has any more is removed.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bless                  # all milestones, all sessions
  cargo xtask bless m1               # one milestone
  cargo xtask bless sessions         # all sessions
  cargo xtask bless timer-ticks      # one of them
  cargo xtask bless --all            # also files that differ only in what varies anyway")]
pub struct Args {
    /// Milestones, sessions, or `sessions` [default: all]
    names: Vec<String>,
    /// Write every file anew, also one that differs only in what the compiler, or the
    /// moment, decides
    #[arg(long)]
    all: bool,
}

/// What to capture.
struct Plan {
    milestones: Vec<Milestone>,
    sessions: Vec<Session>,
    /// Whether all sessions are meant.
    every_session: bool,
}

impl Plan {
    fn of(names: &[String], workspace: &Workspace) -> Result<Self> {
        let known = sessions::all(&workspace.root)?;
        if names.is_empty() {
            let milestones = workspace.milestones();
            return Ok(Self { milestones, sessions: known, every_session: true });
        }
        let mut plan = Self { milestones: Vec::new(), sessions: Vec::new(), every_session: false };
        for name in names {
            if name == sessions::ALL {
                plan.sessions.clone_from(&known);
                plan.every_session = true;
            } else if let Some(session) = known.iter().find(|one| one.name == *name) {
                plan.sessions.push(session.clone());
            } else {
                let found = workspace.milestone(name);
                plan.milestones.push(found.map_err(|error| {
                    anyhow!("{error}; nor does book/sessions have a session of that name")
                })?);
            }
        }
        Ok(plan)
    }
}

/// One milestone's new capture.
struct Capture {
    milestone: Milestone,
    record: Record,
    tools: Tools,
}

pub fn main(args: &Args, choice: Choice) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let plan = Plan::of(&args.names, &workspace)?;
    setup::emulator(false)?;
    let toolchain = Toolchain::prepare(choice, &workspace)?;
    let builder = Builder { workspace: &workspace, toolchain: &toolchain };
    // Nothing is written of milestones before every one has completed.
    let mut captures = Vec::new();
    for milestone in plan.milestones {
        let loader = builder.loader_pvh()?;
        let kernel = builder.kernel(&milestone.package, Profile::Release)?;
        let modules = programs::build_for(&milestone.package, &builder)?;
        let boot = ui::step(format_args!("capturing {}", milestone.name), || {
            capture::boot(&workspace, &milestone, &kernel, &loader, &modules)
        })?;
        let (record, tools) = (Record::of(&boot), Tools::of(&kernel)?);
        captures.push(Capture { milestone, record, tools });
    }
    let folder = files::folder(&workspace.root);
    for capture in &captures {
        renew(capture, &folder, &workspace.root, args.all)?;
    }
    for session in &plan.sessions {
        record(session, &builder, args.all)?;
    }
    if plan.every_session {
        for path in sessions::files::left_over(&workspace.root, &plan.sessions)? {
            let shown = path.strip_prefix(&workspace.root).unwrap_or(&path).display();
            std::fs::remove_file(&path).with_context(|| format!("cannot remove {shown}"))?;
            println!("{shown}: removed");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Records a session, and writes its file if that has drifted.
fn record(session: &Session, builder: &Builder, all: bool) -> Result<()> {
    let Builder { workspace, toolchain } = builder;
    let kernel = session.boots(&workspace.milestones()).map(|milestone| milestone.package.clone());
    let kernel = kernel.map(|package| builder.kernel(&package, Profile::Release)).transpose()?;
    let tools = kernel.map(|kernel| Tools::of(&kernel)).transpose()?;
    let text = ui::step(format_args!("recording {}", session.name), || {
        sessions::record::record(session, workspace, toolchain)
    })?;
    let path = sessions::files::path(&workspace.root, &session.name);
    let shown = path.strip_prefix(&workspace.root).unwrap_or(&path).display();
    let drifted = sessions::files::drifted(&path, session, &text, tools.as_ref());
    // A file that cannot be read is one that has to be written.
    if drifted.is_ok_and(|difference| difference.is_none()) && !all {
        println!("{shown}: as it was");
        return Ok(());
    }
    sessions::files::write(&path, session, &text, tools.as_ref())?;
    println!("{shown}: renewed");
    Ok(())
}

/// Writes those files of a milestone that have drifted, and says which.
fn renew(capture: &Capture, folder: &Path, root: &Path, all: bool) -> Result<()> {
    let Capture { milestone, record, tools } = capture;
    for (part, text) in record.parts() {
        let file = files::path(folder, milestone, part);
        let shown = file.strip_prefix(root).unwrap_or(&file).display();
        // A file that cannot be read is one that has to be written.
        let kept = files::read(&file)
            .is_ok_and(|captured| drift::between(part.file(), &captured, text).is_none());
        if kept && !all {
            println!("{shown}: as it was");
            continue;
        }
        files::write(&file, milestone, part, text, tools)?;
        println!("{shown}: renewed");
    }
    Ok(())
}
