//! A folder of submissions, graded into a folder of results.
//!
//! - [`find`]: which submissions there are, and what is taken of each
//! - [`record`]: what is kept of a graded submission, by which a later run knows it
//! - [`names`]: the names of those files; [`csv`]: the table of all
//!
//! In the folder of results:
//!
//! - `NAME.json`: one submission, `version` 1: `name`, `key` (what it was graded with and
//!   by), `seed`, `points`, `points_max`, `percent`, `notes`, and `exercises` as in the
//!   JSON of [`results`](super::results)
//! - `NAME.txt`: the feedback
//! - `grades.csv`, `grades.json`: all submissions, once all are graded
//! - `.run.json`: the seed, the same for all

mod csv;
mod find;
mod names;
mod record;

use super::{attempt, file, pool, results, room::Room};
use crate::{
    exercises::{Exercise, feedback},
    ui,
};
use anyhow::{Context, Result, ensure};
use find::Submission;
use record::Record;
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What is graded into where, and how.
pub struct Order {
    /// The folder of submissions.
    pub folder: PathBuf,
    /// The folder of results.
    pub out: PathBuf,
    pub seed: Option<u64>,
    pub workers: usize,
    /// Whether what was graded before is graded again.
    pub force: bool,
}

/// What came of it.
pub struct Class {
    pub submissions: usize,
    /// How many of them were graded by an earlier run.
    pub kept: usize,
    /// Those with an exercise that could not be graded.
    pub not_graded: Vec<String>,
    pub seed: u64,
}

/// The file that notes the seed.
const RUN_FILE: &str = ".run.json";

#[derive(Serialize, Deserialize)]
struct Run {
    version: u32,
    seed: u64,
}

/// Grades all submissions; `say` prints a line.
pub fn grade(
    order: &Order,
    room: &Room,
    exercises: &[Exercise],
    say: impl Fn(&str) + Sync,
) -> Result<Class> {
    fs::create_dir_all(&order.out)
        .with_context(|| format!("cannot make {}", order.out.display()))?;
    let inside = order.out.canonicalize()?.starts_with(order.folder.canonicalize()?);
    ensure!(!inside, "--out must not lie in the folder of submissions: it would become one");
    let (submissions, ignored) = find::all(&order.folder)?;
    ensure!(!submissions.is_empty(), "there is no folder in {}", order.folder.display());
    if !ignored.is_empty() {
        ui::note(format_args!("no submissions, for they are no folders: {}", ignored.join(", ")));
    }
    let seed = seed(order)?;
    let course = record::course_digest(&room.course.folder)?;

    let mut records: Vec<Option<Record>> = Vec::new();
    let mut tasks = Vec::new();
    for (index, submission) in submissions.iter().enumerate() {
        let taken = submission.take(exercises);
        let key = record::key(&course, seed, exercises, &taken);
        let known = (!order.force).then(|| Record::read(&order.out, submission, &key)).flatten();
        if known.is_none() {
            tasks.push((index, taken, key));
        }
        records.push(known);
    }
    let kept = submissions.len() - tasks.len();
    if kept > 0 {
        say(&format!("{kept} of {} submissions are graded already", submissions.len()));
    }
    let stages = match tasks.len() {
        0 => Vec::new(),
        count => room.stages(order.workers.min(count), exercises)?,
    };
    let grader = room.grader();
    let total = submissions.len();
    let graded = pool::run(
        stages,
        &tasks,
        |stage, (index, taken, key)| {
            let mut graded = Vec::new();
            for (exercise, learner) in exercises.iter().zip(&taken.files) {
                graded.push(attempt::grade(&grader, exercise, learner, seed, stage)?);
            }
            let submission = &submissions[*index];
            let text = text(submission, taken, exercises, &graded);
            let record = Record::new(submission, taken, key, seed, &graded)?;
            record.write(&order.out, submission, &text)?;
            Ok((*index, record))
        },
        |(_, record), ended| {
            let (points, most) = (record.points(), record.points_max());
            let shown = record.name().escape_debug();
            say(&format!("[{}/{total}] {shown} {points}/{most}", ended + kept));
        },
    )?;
    for (index, record) in graded {
        records[index] = Some(record);
    }
    let records: Vec<Record> = records.into_iter().flatten().collect();
    let ids: Vec<&str> = exercises.iter().map(Exercise::id).collect();
    file::write(&order.out.join("grades.csv"), &csv::table(&records, &ids))?;
    let all = record::document(&records, seed, &room.course.remarks);
    file::write(&order.out.join("grades.json"), &format!("{all:#}\n"))?;
    let not_graded = records.iter().filter(|one| !one.is_graded()).map(|one| one.name().to_owned());
    Ok(Class { submissions: total, kept, not_graded: not_graded.collect(), seed })
}

/// The seed asked for, that of the run before, or a fresh one; noted for the next run.
fn seed(order: &Order) -> Result<u64> {
    let path = order.out.join(RUN_FILE);
    let before = fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str(&text).ok());
    let before = before.map(|run: Run| run.seed);
    let seed = order.seed.or(before).unwrap_or_else(crate::exercises::grader::fresh_seed);
    if before != Some(seed) {
        file::write(&path, &format!("{}\n", serde_json::to_string(&Run { version: 1, seed })?))?;
    }
    Ok(seed)
}

/// The feedback on one submission.
fn text(
    submission: &Submission,
    taken: &find::Taken,
    exercises: &[Exercise],
    graded: &[crate::exercises::outcome::Graded],
) -> String {
    let points: u32 = graded.iter().map(|one| one.points).sum();
    let most: u32 = graded.iter().map(|one| one.points_max).sum();
    let percent = results::percent(points.into(), most.into());
    let mut text =
        format!("{}: {points} of {most} points, {percent} %\n", submission.name.escape_debug());
    for note in &taken.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    for (exercise, graded) in exercises.iter().zip(graded) {
        text.push_str(&format!("\n{}\n", feedback::text(exercise, graded, |_, text| text)));
    }
    text
}

/// Where the results of all submissions stand, for the closing line.
pub fn table_file(out: &Path) -> PathBuf {
    out.join("grades.csv")
}
