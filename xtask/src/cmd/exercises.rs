//! `cargo xtask exercises`: for those who write exercises.

use super::test;
use crate::{
    exercises::{self, pristine, scaffold::New},
    suite::exercises::GROUP,
    toolchain::Choice,
    workspace::Workspace,
};
use anyhow::Result;
use std::process::ExitCode;

/// Tools for those who write exercises.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask exercises verify                  # all exercises, each in all variants
  cargo xtask exercises verify m0-idt-gate      # one of them
  cargo xtask exercises verify m0-idt-gate/wrong
  cargo xtask exercises new m1-huge-pages --title Pages --boot
  cargo xtask exercises seal                    # after `git add`, before `git commit`")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Grade every starter, solution and wrong variant, and see that each comes out as
    /// it must
    Verify {
        /// Only tests whose name, behind `exercises/`, begins with this
        #[arg(default_value = "", hide_default_value = true)]
        filter: String,
        /// How many are graded at once [default: one per processor]
        #[arg(short, long, value_parser = clap::value_parser!(u16).range(1..=256))]
        jobs: Option<u16>,
    },
    /// Write a new exercise to begin with: all files, around a sample task
    New {
        /// Its name: milestone, hyphen, topic
        id: String,
        /// What `list` calls it
        #[arg(long)]
        title: String,
        /// The book's chapter that goes with it [default: the milestone's last]
        #[arg(long, value_name = "SLUG")]
        chapter: Option<String>,
        /// With a check that runs in a kernel
        #[arg(long)]
        boot: bool,
    },
    /// Note what grading is built from, as it is in git's index, so that learners'
    /// changes to it change no verdict
    Seal,
}

/// Seals what is in git's index, to be committed with it.
fn seal() -> Result<ExitCode> {
    pristine::write(&Workspace::load()?)?;
    println!("sealed; commit xtask/pristine.toml together with what you changed");
    Ok(ExitCode::SUCCESS)
}

/// Writes a new exercise.
fn new(new: &New) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let number = new.write(&workspace, &exercises::all(&workspace)?)?;
    let id = new.id;
    println!(
        "exercises/{id} is there, as number {number}; put your task in the place of its sample, \
         and keep `cargo xtask exercises verify {id}` green"
    );
    Ok(ExitCode::SUCCESS)
}

pub fn main(args: &Args, choice: Choice) -> Result<ExitCode> {
    match &args.command {
        Command::Seal => seal(),
        Command::New { id, title, chapter, boot } => {
            new(&New { id, title, chapter: chapter.as_deref(), boot: *boot })
        }
        Command::Verify { filter, jobs } => {
            test::main(&test::Args::only(format!("{GROUP}{filter}"), *jobs), choice)
        }
    }
}
