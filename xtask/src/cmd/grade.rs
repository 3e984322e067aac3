//! `cargo xtask grade`: all exercises at once, for one learner or a class.

use crate::{
    exercises::{
        self, Exercise, feedback,
        grader::fresh_seed,
        grading::{
            attempt::{self, Learner},
            classroom, file, gradescope, junit, pool,
            results::Results,
            room::Room,
            submissions, table,
        },
        outcome::Graded,
        progress::{self, Progress},
        schema::Kind,
    },
    host,
    toolchain::Choice,
    ui,
    workspace::Workspace,
};
use anyhow::{Context, Result, ensure};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

/// Up to so many failed exercises are explained without being asked.
const EXPLAINED: usize = 3;

/// Grades all exercises, or some, and adds up the points.
///
/// The exit status is 0 if the share of points that --pass asks for was reached. With
/// --submissions it grades a class: a folder with one folder for each submission; the
/// exit status is 0 then if all could be graded. exercises/GRADING.md explains how.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask grade                              # all exercises
  cargo xtask grade m0 --explain                 # those of a milestone, with feedback
  cargo xtask grade m0-idt-gate m0-uart-init     # some of them
  cargo xtask grade --pass 60 --junit grade.xml  # for a CI system
  cargo xtask grade --json --output grade.json   # for programs
  cargo xtask grade --submissions class --out results")]
pub struct Args {
    /// Exercises by name or number, or milestones such as `m1` [default: all]
    names: Vec<String>,
    /// How many are graded at once [default: one per processor]
    #[arg(short, long, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: Option<u16>,
    /// Repeat the inputs of the run that printed this seed
    #[arg(long)]
    seed: Option<u64>,
    /// The share of points, in percent, for which the exit status is 0
    #[arg(long, value_name = "PERCENT", default_value_t = 100.0, value_parser = percent,
          conflicts_with = "submissions")]
    pass: f64,
    /// Explain every exercise without full points [default: if there are up to 3]
    #[arg(long, conflicts_with = "submissions")]
    explain: bool,
    /// Print the results as JSON on stdout, and everything else on stderr
    #[arg(long, conflicts_with = "submissions")]
    json: bool,
    /// Write the results as JSON to a file
    #[arg(long, value_name = "FILE", conflicts_with = "submissions")]
    output: Option<PathBuf>,
    /// Write the results as JUnit XML to a file
    #[arg(long, value_name = "FILE", conflicts_with = "submissions")]
    junit: Option<PathBuf>,
    /// Write the results as Gradescope's results.json to a file
    #[arg(long, value_name = "FILE", conflicts_with = "submissions")]
    gradescope: Option<PathBuf>,
    /// Write the results as GitHub Classroom's autograding JSON to a file
    #[arg(long, value_name = "FILE", conflicts_with = "submissions")]
    classroom: Option<PathBuf>,
    /// Grade the submissions in this folder, one folder each
    #[arg(long, value_name = "DIR", requires = "out")]
    submissions: Option<PathBuf>,
    /// Where the results of --submissions go
    #[arg(long, value_name = "DIR", requires = "submissions")]
    out: Option<PathBuf>,
    /// Grade submissions anew that were graded before and have not changed
    #[arg(long, requires = "submissions")]
    force: bool,
    /// Take the checks, the harness and the kernels as they are here, not as they were
    /// handed out
    #[arg(long)]
    as_is: bool,
}

pub fn main(args: &Args, choice: Choice) -> Result<ExitCode> {
    let start = Instant::now();
    for file in [&args.output, &args.junit, &args.gradescope, &args.classroom].into_iter().flatten()
    {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let there = folder.is_none_or(Path::is_dir);
        ensure!(there, "cannot write {}: its folder is not there", file.display());
    }
    if let Some(folder) = &args.submissions {
        ensure!(folder.is_dir(), "there is no folder {}", folder.display());
    }
    let workspace = Workspace::load()?;
    let exercises = select(exercises::all(&workspace)?, &args.names)?;
    let room = Room::prepare(workspace, choice, &exercises, args.as_is)?;
    for remark in &room.course.remarks {
        ui::note(remark);
    }
    let workers = args.jobs.map_or_else(host::processors, usize::from);
    if let (Some(folder), Some(out)) = (&args.submissions, &args.out) {
        let order = submissions::Order {
            folder: folder.clone(),
            out: out.clone(),
            seed: args.seed,
            workers,
            force: args.force,
        };
        return class(&order, &room, &exercises);
    }
    let seed = args.seed.unwrap_or_else(fresh_seed);
    let graded = own(args, &room, &exercises, seed, workers)?;
    let hints = hints(&room.workspace, &exercises);
    let remarks = room.course.remarks.clone();
    let (pass_percent, elapsed) = (args.pass, start.elapsed());
    conclude(args, &exercises, &Results { graded, hints, seed, pass_percent, remarks, elapsed })
}

/// The exercises that `names` mean, in the order of the course.
fn select(all: Vec<Exercise>, names: &[String]) -> Result<Vec<Exercise>> {
    let mut wanted: Vec<String> = Vec::new();
    for name in names {
        let of_milestone = all.iter().filter(|one| one.description.milestone == *name);
        let before = wanted.len();
        wanted.extend(of_milestone.map(|one| one.id().to_owned()));
        if wanted.len() == before {
            wanted.push(exercises::find(&all, name)?.id().to_owned());
        }
    }
    let chosen: Vec<Exercise> = all
        .into_iter()
        .filter(|one| names.is_empty() || wanted.iter().any(|id| id == one.id()))
        .collect();
    ensure!(!chosen.is_empty(), "there are no exercises");
    Ok(chosen)
}

/// Grades the learner's own files, those that boot first: they take longest.
fn own(
    args: &Args,
    room: &Room,
    exercises: &[Exercise],
    seed: u64,
    workers: usize,
) -> Result<Vec<Graded>> {
    let mut tasks: Vec<&Exercise> = exercises.iter().collect();
    tasks.sort_by_key(|one| !one.description.has(Kind::Boot));
    let stages = room.stages(workers.min(tasks.len()), exercises)?;
    let grader = room.grader();
    let folder = exercises::folder(&room.workspace);
    let work = |stage: &_, exercise: &&Exercise| {
        let learner = match std::fs::read_to_string(exercise.learner_file()) {
            Ok(text) => Learner::Text(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Learner::Missing,
            Err(error) => Learner::Unusable(format!("it cannot be read: {error}")),
        };
        let graded = attempt::grade(&grader, exercise, &learner, seed, stage)?;
        if let Learner::Text(text) = &learner
            && let Err(error) = progress::record(&folder, exercise, text, &graded)
        {
            // The result is worth more than the note.
            ui::note(format_args!("the points are not noted: {error:#}"));
        }
        Ok(graded)
    };
    let mut graded = pool::run(stages, &tasks, work, |graded, ended| {
        tell(args, &table::progress(graded, ended, tasks.len()));
    })?;
    let place = |id: &str| exercises.iter().position(|one| one.id() == id);
    graded.sort_by_key(|one| place(&one.id));
    Ok(graded)
}

/// How many hints were taken, as far as that is noted.
fn hints(
    workspace: &Workspace,
    exercises: &[Exercise],
) -> std::collections::BTreeMap<String, usize> {
    let progress = Progress::read(&exercises::folder(workspace)).unwrap_or_default();
    let taken = exercises.iter().map(|one| (one.id().to_owned(), progress.of(one).hints));
    taken.filter(|(_, hints)| *hints > 0).collect()
}

/// Prints and writes the results.
fn conclude(args: &Args, exercises: &[Exercise], results: &Results) -> Result<ExitCode> {
    let json = format!("{:#}\n", results.json()?);
    let files = [
        (&args.output, json.clone()),
        (&args.junit, junit::document(results, exercises)),
        (&args.gradescope, format!("{:#}\n", gradescope::document(results, exercises))),
        (&args.classroom, format!("{:#}\n", classroom::document(results, exercises))),
    ];
    for (path, text) in &files {
        if let Some(path) = path {
            file::write(path, text)?;
        }
    }
    let paint = |paint: ui::Paint, text: String| paint.on_stdout(text);
    let plain = |_: ui::Paint, text: String| text;
    tell(args, &format!("\n{}", table::table(results, if args.json { plain } else { paint })));
    let failed: Vec<&Graded> = results.graded.iter().filter(|one| !one.is_full()).collect();
    if args.explain || failed.len() <= EXPLAINED {
        for graded in &failed {
            let exercise = exercises.iter().find(|one| one.id() == graded.id);
            let exercise = exercise.context("a result without an exercise")?;
            let text = feedback::text(exercise, graded, if args.json { plain } else { paint });
            tell(args, &format!("{text}\n"));
        }
    } else if let Some(first) = failed.first() {
        let (count, id) = (failed.len(), &first.id);
        tell(
            args,
            &format!("{count} exercises lack points; `cargo xtask check {id}` explains the first"),
        );
    }
    if args.json {
        ui::result(&json)?;
    }
    tell(args, &table::conclusion(results));
    for graded in results.not_graded() {
        let why = graded.not_built.as_ref().map(|why| why.headline()).unwrap_or_default();
        tell(args, &format!("{}: {why}", graded.id));
    }
    Ok(if results.is_passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Grades a class.
fn class(order: &submissions::Order, room: &Room, exercises: &[Exercise]) -> Result<ExitCode> {
    let class = submissions::grade(order, room, exercises, |line| println!("{line}"))?;
    let table = submissions::table_file(&order.out);
    let kept = match class.kept {
        0 => String::new(),
        kept => format!(", {kept} of them before"),
    };
    println!(
        "{} submissions graded{kept} (seed {}): {}",
        class.submissions,
        class.seed,
        table.display()
    );
    if class.not_graded.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let names: Vec<String> =
        class.not_graded.iter().map(|name| name.escape_debug().to_string()).collect();
    println!("not everything could be graded of: {}; run it again", names.join(", "));
    Ok(ExitCode::FAILURE)
}

/// Prints a line; with --json, stdout is the results'.
fn tell(args: &Args, line: &str) {
    if args.json { eprintln!("{line}") } else { println!("{line}") }
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse().ok();
    let number = number.filter(|number| (0.0..=100.0).contains(number));
    number.ok_or_else(|| "give a number from 0 to 100".to_owned())
}
