//! `cargo xtask run`: builds a milestone, boots it, and says what came of it.

use crate::{
    boot::{config, variables::Kept, way::Way},
    build::{Builder, Profile, Refused},
    firmware, host,
    machine::{Cpu, Machine, Memory},
    process, programs,
    qemu::{
        command::Attached,
        display::{self, Display},
        session::Limits,
    },
    setup,
    symbolise::Symbols,
    toolchain::{Choice, Toolchain},
    trial::{Guest, Outcome, Trial},
    ui::Paint,
    verdict::{Verdict, json, report::Report},
    workspace::{Milestone, Workspace},
};
use anyhow::Result;
use std::{
    io::{stderr, stdout},
    process::ExitCode,
    time::Duration,
};

/// Builds a milestone's kernel and boots it in QEMU.
///
/// The exit status is 0 only if the kernel completed: it ran its checks, none
/// failed, and it ended with this run's nonce. Anything else is explained: what was
/// seen, where in the source, what to read.
///
/// Whatever the options, the kernels use one CPU and draw nothing: --smp and
/// --display give them hardware to find, and to leave alone.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask run m2                            # by firmware, as on a real machine
  cargo xtask run m0 --boot fast                # in a quarter of a second
  cargo xtask run m2 --boot fast -- run=list    # options for the kernel come last
  cargo xtask run m1 --memory 3G --cpu qemu64   # another machine
  cargo xtask run m2 --smp 4 --display=hidden   # more than the kernel uses
  cargo xtask run m2 --no-exit                  # keep QEMU for its serial console")]
pub struct Args {
    /// The milestone: m0, m1, m2
    milestone: String,
    /// The way to boot [default: limine where one is found, else uefi]
    #[arg(long, value_enum)]
    boot: Option<Way>,
    /// Build optimised, with debug information (the default)
    #[arg(long, conflicts_with = "debug")]
    release: bool,
    /// Build without optimisation
    #[arg(long)]
    debug: bool,
    /// Main memory, such as 256M or 3G
    #[arg(long, default_value = "256M")]
    memory: Memory,
    /// QEMU's CPU model, such as qemu64 or max
    #[arg(long, default_value = "max")]
    cpu: Cpu,
    /// How many CPUs the machine has; the kernels use the first
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u8).range(1..=64))]
    smp: u8,
    /// Give the machine a display; nothing is drawn on it yet
    #[arg(long, value_enum, value_name = "HOW", default_value = "none",
          num_args = 0..=1, require_equals = true, default_missing_value = "window")]
    display: display::Choice,
    /// Stop after so many seconds [default: 30, by firmware 120, more on a busy machine]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: Option<u64>,
    /// Keep QEMU after the kernel's end, with serial going both ways; end with Ctrl-C
    #[arg(long)]
    no_exit: bool,
    /// Print the verdict as JSON on stdout, and everything else on stderr
    #[arg(long, conflicts_with = "no_exit")]
    json: bool,
    /// Options for the kernel's command line
    #[arg(last = true)]
    kernel_options: Vec<String>,
}

pub fn main(args: &Args, choice: Choice) -> Result<ExitCode> {
    // Mistakes in the arguments come before any work.
    let cmdline = config::join_arguments(args.kernel_options.iter().map(String::as_str))?;
    let workspace = Workspace::load()?;
    let milestone = workspace.milestone(&args.milestone)?;
    let (way, reason) = Way::choose(args.boot)?;
    tell(args, &format!("boot: {way}, {reason}"));
    tell_unused(args, way);

    setup::emulator(way.needs_firmware())?;
    let display = Display::choose(args.display)?;
    let toolchain = Toolchain::prepare(choice, &workspace)?;
    let builder = Builder { workspace: &workspace, toolchain: &toolchain };
    let trial = match prepare(args, &milestone, &cmdline, way, builder) {
        Ok(mut trial) => {
            trial.launch.processors = args.smp;
            trial.launch.display = display;
            trial
        }
        Err(error) => match error.downcast::<Refused>() {
            Ok(Refused { what }) => {
                let outcome = Outcome::without_run(Verdict::BuildError { what });
                return conclude(args.json, &milestone, way, &outcome, &Symbols::none());
            }
            Err(error) => return Err(error),
        },
    };
    let limit = match args.timeout {
        Some(seconds) => Some(Duration::from_secs(seconds)),
        None if args.no_exit => None,
        None => Some(host::scaled(way.time_limit())),
    };
    let limits = Limits { time: limit, interactive: args.no_exit };
    let firmware = trial.firmware();
    let kept = firmware.map(|own| Kept::of(&workspace.target, &own.code)).transpose()?;
    if let (Some(kept), Some(own)) = (&kept, firmware) {
        kept.restore(own)?;
    }
    let outcome = match args.json {
        true => trial.run(&limits, &mut stderr().lock())?,
        false => trial.run(&limits, &mut stdout().lock())?,
    };
    if let (Some(kept), Some(own), true) = (&kept, firmware, outcome.verdict.is_complete()) {
        kept.keep(own)?;
    }
    conclude(args.json, &milestone, way, &outcome, &trial.symbols(&workspace.root)?)
}

/// Says what the kernels do with hardware that was asked for, but that no milestone
/// drives so far.
fn tell_unused(args: &Args, way: Way) {
    if args.smp > 1 {
        let cpus = args.smp;
        tell(args, &format!("cpus: {cpus}, of which the kernel uses one; the others stay halted"));
    }
    if args.display != display::Choice::None {
        tell(
            args,
            match way {
                Way::Fast => "display: nothing is drawn; without UEFI there is no framebuffer",
                Way::Uefi | Way::Limine => "display: there is a framebuffer; nothing is drawn yet",
            },
        );
    }
}

/// Prints a line about the run; with --json, stdout is the verdict's.
fn tell(args: &Args, line: &str) {
    if args.json { eprintln!("{line}") } else { println!("{line}") }
}

/// Builds what is to be booted.
fn prepare(
    args: &Args,
    milestone: &Milestone,
    cmdline: &str,
    way: Way,
    builder: Builder,
) -> Result<Trial> {
    let profile = if args.debug { Profile::Debug } else { Profile::Release };
    let kernel = builder.kernel(&milestone.package, profile)?;
    let modules = programs::build_for(&milestone.package, &builder)?;
    let guest = Guest { title: &milestone.title(), kernel: &kernel, cmdline, modules: &modules };
    let program = match way {
        Way::Fast => builder.loader_pvh()?,
        Way::Uefi => builder.loader_uefi()?,
        Way::Limine => firmware::limine()?,
    };
    let machine = Machine { memory: args.memory, cpu: args.cpu.clone() };
    let mut trial = Trial::new(way, &guest, &program, Attached::Disk, machine)?;
    trial.launch.exit_device = !args.no_exit;
    Ok(trial)
}

/// Prints the verdict and turns it into an exit status.
pub fn conclude(
    json: bool,
    milestone: &Milestone,
    way: Way,
    outcome: &Outcome,
    symbols: &Symbols,
) -> Result<ExitCode> {
    let report = Report::new(outcome, symbols);
    let mut lines = Vec::new();
    if outcome.serial.ends_with(|c| c != '\n') {
        lines.push(String::new());
    }
    let indented = |line| format!("    {line}");
    lines.extend(report.facts().into_iter().map(indented));
    let paint = if json { Paint::on_stderr } else { Paint::on_stdout };
    let closing = report.closing_line(|colour, text| paint(colour, text.to_owned()));
    lines.push(format!("{}: {closing}", milestone.name));
    lines.extend(report.explanation().into_iter().map(indented));
    for line in lines {
        if json { eprintln!("{line}") } else { println!("{line}") }
    }
    if json {
        println!("{}", json::document(&milestone.name, &way.to_string(), &report)?);
    }
    Ok(match &outcome.verdict {
        Verdict::Complete { .. } => ExitCode::SUCCESS,
        Verdict::Interrupted => ExitCode::from(process::INTERRUPTED_STATUS),
        _ => ExitCode::FAILURE,
    })
}
