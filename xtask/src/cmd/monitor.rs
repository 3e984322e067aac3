//! `cargo xtask monitor`: the console of a running kernel.

use super::{
    opened::{Opened, What},
    run::conclude,
};
use crate::{
    console::{
        self,
        judge::{Judgement, judge},
        person::Person,
        script::{self, Failure, Line, Patience, Script},
    },
    host,
    qemu::session::{Limits, Observed},
    symbolise::Symbols,
    terminal::Raw,
    toolchain::Choice,
    trial::Outcome,
    ui,
    verdict::{Verdict, report::Report},
    workspace::Workspace,
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    io::{IsTerminal, Read, stderr, stdin, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

/// How long a script waits for one command on an idle machine. The kernel ends a
/// program that never gives way after five seconds.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);

/// Opens the console of a kernel that has completed its milestone.
///
/// At a terminal, what is typed goes to the kernel: `help` lists its commands,
/// `quit` or Ctrl-] leaves. Otherwise, or with --script, commands are read from a
/// file, one a line; the exit status is 0 only if the kernel could serve all of
/// them and is alive in the end.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask monitor m2
  echo 'walk 0xffffffff80000000' | cargo xtask monitor m2
  cargo xtask monitor m2 --script look-around.txt")]
pub struct Args {
    #[command(flatten)]
    what: What,
    /// Commands to send, one a line, `#` begins a comment; `-` is stdin
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Print the verdict as JSON, and everything else on stderr; for scripts
    #[arg(long)]
    json: bool,
}

pub fn main(args: &Args, choice: Choice) -> Result<ExitCode> {
    let cmdline = args.what.cmdline(Some(console::OPTION))?;
    let lines = script_of(args)?;
    ensure!(lines.is_some() || !args.json, "--json is for scripts; give one with --script FILE");
    let workspace = Workspace::load()?;
    let milestone = args.what.milestone(&workspace)?;
    if !workspace.has_console(&milestone.package) {
        let all = workspace.milestones().into_iter();
        let with: Vec<_> =
            all.filter(|one| workspace.has_console(&one.package)).map(|one| one.name).collect();
        bail!(
            "{} has no console to monitor it by; there is one in {}",
            milestone.name,
            with.join(", ")
        );
    }
    let opened = args.what.open(&workspace, choice, &cmdline)?;
    let symbols = opened.trial.symbols(&workspace.root)?;
    match lines {
        Some(lines) => run_script(&opened, lines, args, &symbols),
        None => run_person(&opened, args, &symbols),
    }
}

/// The script's lines; None if a person types.
fn script_of(args: &Args) -> Result<Option<Vec<Line>>> {
    let file = args.script.as_deref();
    let text = match file {
        None if stdin().is_terminal() => return Ok(None),
        Some(file) if file != Path::new("-") => std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the script {}", file.display()))?,
        _ => {
            let mut text = String::new();
            stdin().read_to_string(&mut text).context("cannot read the script from stdin")?;
            text
        }
    };
    script::parse(&text).map(Some)
}

fn run_person(opened: &Opened, args: &Args, symbols: &Symbols) -> Result<ExitCode> {
    ui::note("the kernel's console follows; Ctrl-] leaves");
    let limits = Limits { time: None, interactive: true };
    let mut person = Person::new();
    let observed = {
        let _raw = Raw::enter()?;
        opened.trial.observe(&limits, &mut stdout().lock(), Some(&mut person))?
    };
    let outcome = match observed {
        Err(outcome) => outcome,
        Ok(observed) => match judge(&observed, &opened.trial.demands) {
            Judgement::NoConsole => opened.trial.judge(observed, &limits)?,
            Judgement::Asked { milestone, command, end } => {
                let ended = outcome(end, observed.clone());
                let report = Report::new(&ended, symbols);
                println!("\n`{command}` ended the kernel: {}", report.headline);
                for line in report.facts().into_iter().chain(report.explanation()) {
                    println!("    {line}");
                }
                outcome(milestone, observed)
            }
            Judgement::Served(end) | Judgement::Died(end) => outcome(end, observed),
        },
    };
    conclude(false, &opened.milestone, args.what.boot, &outcome, symbols)
}

fn run_script(
    opened: &Opened,
    lines: Vec<Line>,
    args: &Args,
    symbols: &Symbols,
) -> Result<ExitCode> {
    let patience = Patience {
        boot: host::scaled(args.what.boot.time_limit()),
        command: host::scaled(COMMAND_LIMIT),
    };
    let limits = Limits { time: None, interactive: false };
    let mut script = Script::new(lines, patience);
    let observed = match args.json {
        true => opened.trial.observe(&limits, &mut stderr().lock(), Some(&mut script))?,
        false => opened.trial.observe(&limits, &mut stdout().lock(), Some(&mut script))?,
    };
    let (failures, unsent) = script.into_results();
    let outcome = match observed {
        Err(outcome) => outcome,
        Ok(observed) => match judge(&observed, &opened.trial.demands) {
            Judgement::NoConsole => opened.trial.judge(observed, &limits)?,
            Judgement::Served(end) | Judgement::Died(end) | Judgement::Asked { end, .. } => {
                outcome(end, observed)
            }
        },
    };
    let code = conclude(args.json, &opened.milestone, args.what.boot, &outcome, symbols)?;
    let say = |line: String| if args.json { eprintln!("{line}") } else { println!("{line}") };
    for Failure { line, message } in &failures {
        say(format!("failed: {line}: {message}"));
    }
    if let Some(first) = unsent.first() {
        say(format!("not sent: {first}, and what follows it ({} in all)", unsent.len()));
    }
    Ok(if failures.is_empty() && unsent.is_empty() { code } else { ExitCode::FAILURE })
}

fn outcome(verdict: Verdict, observed: Observed) -> Outcome {
    let Observed { serial, events, elapsed, .. } = observed;
    Outcome { verdict, serial, events, elapsed }
}
