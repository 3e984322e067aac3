//! `cargo xtask bless`: renews what the book quotes from real boots.

use crate::{
    build::{Builder, Profile},
    programs, setup,
    toolchain::{Choice, Toolchain},
    transcript::{
        capture, drift,
        files::{self, Tools},
        record::Record,
    },
    ui,
    workspace::{Milestone, Workspace},
};
use anyhow::Result;
use std::{path::Path, process::ExitCode};

/// Captures what each milestone says into book/captured, for the book to quote.
///
/// Milestones boot on a fixed machine where time is the number of instructions,
/// so every capture is the same. A file that has not drifted is left as it is.
///
/// Examples:
///   cargo xtask bless          all milestones
///   cargo xtask bless m1       one of them
///   cargo xtask bless --all    also files that differ only in what the compiler decides
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The milestones [default: all]
    milestones: Vec<String>,
    /// Write every file anew, also one that differs only in what the compiler decides
    #[arg(long)]
    all: bool,
}

/// One milestone's new capture.
struct Capture {
    milestone: Milestone,
    record: Record,
    tools: Tools,
}

pub fn main(args: &Args, choice: Choice) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let milestones = match args.milestones.as_slice() {
        [] => workspace.milestones(),
        names => names.iter().map(|name| workspace.milestone(name)).collect::<Result<_>>()?,
    };
    setup::emulator(false)?;
    let toolchain = Toolchain::prepare(choice, &workspace)?;
    let builder = Builder { workspace: &workspace, toolchain: &toolchain };
    let loader = builder.loader_pvh()?;
    // Nothing is written before every milestone has completed.
    let mut captures = Vec::new();
    for milestone in milestones {
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
    Ok(ExitCode::SUCCESS)
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
