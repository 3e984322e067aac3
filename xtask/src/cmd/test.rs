//! `cargo xtask test`: everything that proves the repository works.

use crate::{
    host, process,
    suite::{Test, bench::Bench, plan, results::Form, runner, timings::Timings},
    toolchain::{Choice, Toolchain},
    ui,
    workspace::Workspace,
};
use anyhow::{Result, ensure};
use std::{collections::BTreeSet, process::ExitCode, time::Instant};

/// Runs the tests: formatting, lints, layering, host tests, kernels in QEMU.
///
/// Each test prints a line as it ends, with how many have ended of how many; what
/// failed is explained at the end. The exit status is 0 only if none failed.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask test                     # everything
  cargo xtask test --list              # their names
  cargo xtask test guest/m2            # those whose names contain this
  cargo xtask test boot/ --timings     # and where the time went
  cargo xtask test --long              # also those that take minutes
  cargo xtask test --jobs 1            # one after the other")]
pub struct Args {
    /// Run only tests whose name contains this
    #[arg(default_value = "", hide_default_value = true)]
    filter: String,
    /// Print the names of the tests and run none
    #[arg(long)]
    list: bool,
    /// Tell where the time went: building, groups of tests, the slowest tests
    #[arg(long)]
    timings: bool,
    /// Run the long tests too, which take minutes
    #[arg(long)]
    long: bool,
    /// How many tests run at once [default: one per processor]
    #[arg(short, long, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// Print JSON lines on stdout, one for each test and one for all, and everything
    /// else on stderr
    #[arg(long, conflicts_with = "list")]
    json: bool,
}

impl Args {
    /// Those tests alone, otherwise as by default.
    pub fn only(filter: String, jobs: Option<u16>) -> Self {
        Self { filter, list: false, timings: false, long: false, jobs, json: false }
    }
}

pub fn main(args: &Args, choice: Choice) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let tests = plan::tests(&workspace, choice, &args.filter, args.long)?;
    ensure!(
        !tests.is_empty(),
        "no test's name contains `{}`; `cargo xtask test --list --long` prints them all",
        args.filter
    );
    if args.list {
        tests.iter().for_each(|test| println!("{}", test.name));
        return Ok(ExitCode::SUCCESS);
    }
    let start = Instant::now();
    let toolchain = Toolchain::prepare(choice, &workspace)?;
    let needs: BTreeSet<_> = tests.iter().flat_map(|test: &Test| test.needs.clone()).collect();
    let bench = Bench::prepare(&workspace, &toolchain, &needs)?;
    let jobs = args.jobs.map_or_else(host::processors, usize::from);
    let form = if args.json { Form::Json } else { Form::Text };
    let mut timings = Timings { prepared: bench.prepared.clone(), ..Timings::default() };
    let summary = runner::run(&tests, &bench, jobs, form, &mut timings);
    if process::interrupted() {
        return Ok(ExitCode::from(process::INTERRUPTED_STATUS));
    }
    ui::note(format_args!("{} toolchain, {}", toolchain.road, ui::seconds(start.elapsed())));
    if args.timings {
        form.print_more(&timings.report());
    }
    form.print_summary(&summary, start.elapsed());
    Ok(if summary.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
