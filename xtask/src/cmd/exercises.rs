//! `cargo xtask exercises`: for those who write exercises.

use super::test;
use crate::{suite::exercises::GROUP, toolchain::Choice};
use anyhow::Result;
use std::process::ExitCode;

/// Tools for those who write exercises.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask exercises verify                  # all exercises, each in all variants
  cargo xtask exercises verify m0-idt-gate      # one of them
  cargo xtask exercises verify m0-idt-gate/wrong")]
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
}

pub fn main(args: &Args, choice: Choice) -> Result<ExitCode> {
    match &args.command {
        Command::Verify { filter, jobs } => {
            test::main(&test::Args::only(format!("{GROUP}{filter}"), *jobs), choice)
        }
    }
}
