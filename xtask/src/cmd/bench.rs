//! `cargo xtask bench`: counts the instructions of memory management and threads,
//! and compares them with their budgets.

use crate::{
    build::{Builder, Profile},
    measure::{
        self, KernelFailed, Kernels,
        budgets::Budgets,
        compare,
        figures::{Figures, OURS, Row},
        json, table,
    },
    setup,
    toolchain::{Choice, Toolchain},
    ui::{self, Paint},
    workspace::Workspace,
};
use anyhow::Result;
use std::process::ExitCode;

/// Counts the instructions of memory management and threads, and compares with the budgets.
///
/// Instructions are counted in QEMU, so the figures are the same on every
/// machine. The exit status is 1 if a figure is over its budget in
/// bench/budgets.toml.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench              # ours, with their budgets
  cargo xtask bench --compare    # beside well-known allocators
  cargo xtask bench --json")]
pub struct Args {
    /// Measure well-known allocators too, and show ours beside them
    #[arg(long)]
    compare: bool,
    /// Print JSON: {"version", "cpu", "within_budgets", "figures": [{"allocator",
    /// "name", "value", "unit", "budget", "within_budget"}]}; of a kernel that fails,
    /// the verdict as `run --json` does
    #[arg(long)]
    json: bool,
}

pub fn main(args: &Args, choice: Choice) -> Result<ExitCode> {
    match count(args, choice) {
        Err(error) if args.json => {
            let failed = error.downcast::<KernelFailed>()?;
            ui::note(&failed);
            println!("{}", failed.document);
            Ok(ExitCode::FAILURE)
        }
        outcome => outcome,
    }
}

fn count(args: &Args, choice: Choice) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    // Mistakes in the file come before any work.
    let budgets = Budgets::read(&measure::budgets_file(&workspace))?;
    setup::emulator(false)?;
    let toolchain = Toolchain::prepare(choice, &workspace)?;
    let builder = Builder { workspace: &workspace, toolchain: &toolchain };
    let loader = builder.loader_pvh()?;
    let memory = builder.kernel(measure::PACKAGE, Profile::Release)?;
    let user = builder.bench_user()?;
    let booted = builder.kernel(measure::BOOTED, Profile::Release)?;
    let peers = args.compare.then(|| builder.bench_peers()).transpose()?;
    let mut figures = ui::step("counting instructions", || {
        let kernels = Kernels { measuring: [&memory, &user], booted: &booted };
        measure::run_ours(&workspace, kernels, &loader)
    })?;
    let broken = budgets.broken(&figures)?.len();
    if let Some(peers) = peers {
        figures.extend(ui::step("counting the peers' instructions", || {
            measure::run(&workspace, &peers, &loader)
        })?);
    }
    if args.json {
        println!("{}", json::document(&figures, &budgets)?);
    } else {
        print(&figures, &budgets, broken, args.compare);
    }
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(figures: &Figures, budgets: &Budgets, broken: usize, compare: bool) {
    let rows = figures.rows();
    let ours: Vec<Row> = rows.into_iter().filter(|row| row.allocator == OURS).collect();
    println!("instructions, on -cpu {}\n", measure::CPU);
    println!("{}", table::with_budgets(&ours, budgets));
    if compare {
        println!("beside the peers\n\n{}", compare::tables(figures));
    }
    let summary = match broken {
        0 => Paint::Good.on_stdout("all kept"),
        _ => Paint::Bad.on_stdout(format_args!("{broken} exceeded")),
    };
    println!("{} budgets, {summary}", budgets.len());
}
