//! `cargo xtask`: the one host tool of the project.
//!
//! This file only reads the command line and dispatches; each subcommand has a
//! file of its name under [`cmd`]. What they share:
//!
//! - [`workspace`], [`toolchain`], [`build`]: from sources to kernel files
//! - [`programs`]: the user programs that go with a kernel
//! - [`boot`]: what a kernel is booted from (configuration, archive, image)
//! - [`qemu`]: one run of the emulator, start to end
//! - [`trial`]: a boot prepared, run and judged
//! - [`limine`], [`firmware`], [`packages`]: what others made, found or fetched
//! - [`health`]: what `doctor` looks at
//! - [`manual`]: the help text
//! - [`console`], [`terminal`]: the console of a running kernel
//! - [`debugger`]: what GDB needs to understand a kernel
//! - [`measure`]: the bench's figures and their budgets
//! - [`transcript`], [`compare`], [`inspect`]: what milestones say, how they differ,
//!   what is in their kernels
//! - [`sessions`]: what the book shows of terminals, recorded
//! - [`exercises`]: the learner's work, graded; [`chapters`]: the book's
//! - [`book`]: what the book's builder needs of us
//! - [`verdict`], [`symbolise`]: what a run's outcome means
//! - [`process`], [`ui`]: child processes and progress

mod book;
mod boot;
mod build;
mod chapters;
mod cmd;
mod compare;
mod console;
mod debugger;
mod exercises;
mod firmware;
mod health;
mod host;
mod inspect;
mod limine;
mod machine;
mod manual;
mod measure;
mod packages;
mod process;
mod programs;
mod qemu;
mod sessions;
mod setup;
mod suite;
mod symbolise;
mod terminal;
mod toolchain;
mod transcript;
mod trial;
mod ui;
mod verdict;
mod workspace;

use clap::{CommandFactory, Parser, error::ErrorKind};
use std::process::ExitCode;

/// Builds, boots, tests and explains the Myria kernels.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", arg_required_else_help = true)]
#[command(long_about = manual::DESCRIPTION, max_term_width = 88)]
#[command(after_help = manual::EXAMPLES, after_long_help = manual::SECTIONS)]
struct Cli {
    /// Where the bare-metal Rust targets come from.
    #[arg(long, global = true, value_enum, env = "MYRIA_TOOLCHAIN", default_value = "auto")]
    toolchain: toolchain::Choice,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Run(cmd::run::Args),
    Monitor(cmd::monitor::Args),
    Gdb(cmd::gdb::Args),
    Image(cmd::image::Args),
    Test(cmd::test::Args),
    Doctor(cmd::doctor::Args),
    Bench(cmd::bench::Args),
    Setup(cmd::setup::Args),
    Completions(cmd::completions::Args),
    Book(cmd::book::Args),
    Bless(cmd::bless::Args),
    Diff(cmd::diff::Args),
    Inspect(cmd::inspect::Args),
    List(cmd::list::Args),
    Check(cmd::check::Args),
    Grade(cmd::grade::Args),
    Watch(cmd::watch::Args),
    Hint(cmd::hint::Args),
    Solution(cmd::solution::Args),
    Reset(cmd::reset::Args),
    Exercises(cmd::exercises::Args),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let outcome = process::catch_signals().and_then(|()| match cli.command {
        Command::Run(args) => cmd::run::main(&args, cli.toolchain),
        Command::Monitor(args) => cmd::monitor::main(&args, cli.toolchain),
        Command::Gdb(args) => cmd::gdb::main(&args, cli.toolchain),
        Command::Test(args) => cmd::test::main(&args, cli.toolchain),
        Command::Doctor(args) => cmd::doctor::main(&args, cli.toolchain),
        Command::Bench(args) => cmd::bench::main(&args, cli.toolchain),
        Command::Setup(args) => cmd::setup::main(&args, cli.toolchain),
        Command::Completions(args) => cmd::completions::main(&args, &Cli::command()),
        Command::Book(args) => cmd::book::main(&args),
        Command::Diff(args) => cmd::diff::main(&args, cli.toolchain),
        Command::Inspect(args) => cmd::inspect::main(&args, cli.toolchain),
        Command::Bless(args) => cmd::bless::main(&args, cli.toolchain),
        Command::List(args) => cmd::list::main(&args),
        Command::Check(args) => cmd::check::main(&args, cli.toolchain),
        Command::Grade(args) => cmd::grade::main(&args, cli.toolchain),
        Command::Watch(args) => cmd::watch::main(&args, cli.toolchain),
        Command::Hint(args) => cmd::hint::main(&args),
        Command::Solution(args) => cmd::solution::main(&args, cli.toolchain),
        Command::Reset(args) => cmd::reset::main(&args),
        Command::Exercises(args) => cmd::exercises::main(&args, cli.toolchain),
        Command::Image(args) => cmd::image::main(&args, cli.toolchain),
    });
    match outcome {
        Ok(code) => code,
        Err(_) if process::interrupted() => ExitCode::from(process::INTERRUPTED_STATUS),
        Err(error) => {
            ui::error(&error);
            ExitCode::from(2)
        }
    }
}

/// Prints help as clap formats it, and a mistake on one line.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // Nothing is left to do if stdout is closed.
        let _ = error.print();
        return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
    }
    let text = error.to_string();
    let parts: Vec<&str> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .filter(|line| !line.is_empty())
        .collect();
    eprintln!("{}; see `cargo xtask --help`", parts.join(" "));
    ExitCode::from(2)
}
