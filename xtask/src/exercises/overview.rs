//! All exercises at a glance, and which one comes next.

use super::{
    Exercise, FOLDER,
    progress::{Progress, Record},
    schema::HINTS,
};
use crate::{chapters, ui::Paint};
use serde::Serialize;

/// What `list` tells.
#[derive(Serialize)]
pub struct Overview {
    exercises: Vec<Row>,
    points: u32,
    points_max: u32,
    done: usize,
    /// The first that is not done and can be.
    next: Option<String>,
}

/// One exercise.
#[derive(Serialize)]
struct Row {
    number: u32,
    id: String,
    title: String,
    milestone: String,
    chapter: String,
    parent: Vec<String>,
    state: State,
    /// The most it ever got.
    points: u32,
    points_max: u32,
    minutes: u32,
    hints: usize,
    solution_shown: bool,
}

/// How far an exercise is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// It was never graded.
    NotStarted,
    /// It was, and points are missing.
    Begun,
    Done,
    /// It is done, but its solution was shown before.
    DoneWithSolutionShown,
}

/// The first exercise that is not done while all its parents are, `except` left out.
pub fn next<'a>(
    exercises: &'a [Exercise],
    progress: &Progress,
    except: Option<&str>,
) -> Option<&'a Exercise> {
    let done = |exercise: &Exercise| progress.of(exercise).is_done(exercise);
    let parents_done = |exercise: &Exercise| {
        let parents = exercise.description.parent.iter();
        parents.filter_map(|id| exercises.iter().find(|one| one.id() == id)).all(done)
    };
    exercises.iter().find(|one| Some(one.id()) != except && !done(one) && parents_done(one))
}

/// How to begin with an exercise.
pub fn how_to_start(exercise: &Exercise) -> String {
    let id = exercise.id();
    format!("read {FOLDER}/{id}/README.md, then `cargo xtask watch {id}`")
}

impl Overview {
    /// All of them.
    pub fn new(exercises: &[Exercise], progress: &Progress) -> Self {
        let rows: Vec<Row> =
            exercises.iter().map(|exercise| Row::new(exercise, &progress.of(exercise))).collect();
        Self {
            points: rows.iter().map(|row| row.points).sum(),
            points_max: rows.iter().map(|row| row.points_max).sum(),
            done: rows.iter().filter(|row| row.state.is_done()).count(),
            next: next(exercises, progress, None).map(|next| next.id().to_owned()),
            exercises: rows,
        }
    }

    /// The table, the sum, and what comes next. `paint` colours, or does not.
    pub fn text(&self, exercises: &[Exercise], paint: fn(Paint, String) -> String) -> String {
        let widest = |text: fn(&Row) -> &str| {
            self.exercises.iter().map(|row| text(row).chars().count()).max().unwrap_or_default()
        };
        let (id, title) = (widest(|row| &row.id), widest(|row| &row.title));
        let mut lines = vec![format!(
            " no  {:id$}  {:title$}  {:24}  min  hints",
            "exercise", "title", "state"
        )];
        for row in &self.exercises {
            let state = paint(row.state.colour(), format!("{:24}", row.told()));
            let hints = format!("{} of {HINTS}", row.hints);
            lines.push(format!(
                "{:3}  {:id$}  {:title$}  {state}  {:3}  {hints}",
                row.number, row.id, row.title, row.minutes
            ));
        }
        let Self { points, points_max, done, .. } = self;
        let count = self.exercises.len();
        lines.push(format!("{points} of {points_max} points, {done} of {count} exercises done"));
        let next = exercises.iter().find(|one| Some(one.id()) == self.next.as_deref());
        lines.push(match next {
            Some(next) => format!("next: {}: {}", next.id(), how_to_start(next)),
            None => "next: nothing, all exercises are done".to_owned(),
        });
        lines.join("\n")
    }
}

impl Row {
    fn new(exercise: &Exercise, record: &Record) -> Self {
        let description = &exercise.description;
        let state = match (record.is_done(exercise), &record.last) {
            (true, _) if record.solution_shown => State::DoneWithSolutionShown,
            (true, _) => State::Done,
            (false, Some(_)) => State::Begun,
            (false, None) => State::NotStarted,
        };
        Self {
            number: description.number,
            id: description.id.clone(),
            title: description.title.clone(),
            milestone: description.milestone.clone(),
            chapter: chapters::title(&description.chapter).to_owned(),
            parent: description.parent.clone(),
            state,
            points: record.best.min(description.points()),
            points_max: description.points(),
            minutes: description.minutes,
            hints: record.hints,
            solution_shown: record.solution_shown,
        }
    }

    /// The state for people.
    fn told(&self) -> String {
        match self.state {
            State::NotStarted => "not started".to_owned(),
            State::Begun => format!("{} of {} points", self.points, self.points_max),
            State::Done => "done".to_owned(),
            State::DoneWithSolutionShown => "done with solution shown".to_owned(),
        }
    }
}

impl State {
    fn is_done(self) -> bool {
        matches!(self, Self::Done | Self::DoneWithSolutionShown)
    }

    fn colour(self) -> Paint {
        match self {
            Self::Done | Self::DoneWithSolutionShown => Paint::Good,
            Self::Begun => Paint::Bad,
            Self::NotStarted => Paint::Dim,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercises::samples;

    #[test]
    fn the_next_one_has_its_parents_done() {
        let exercises = [
            samples::exercise("m0-one", 1, &[]),
            samples::exercise("m0-two", 2, &["m0-one"]),
            samples::exercise("m0-three", 3, &[]),
        ];
        let mut progress = Progress::default();
        let id = |progress: &Progress, except| {
            next(&exercises, progress, except).map(|one| one.id().to_owned())
        };
        assert_eq!(id(&progress, None).as_deref(), Some("m0-one"));
        assert_eq!(id(&progress, Some("m0-one")).as_deref(), Some("m0-three"));
        progress.of_mut(&exercises[0]).best = 3;
        assert_eq!(id(&progress, None).as_deref(), Some("m0-two"));
        progress.of_mut(&exercises[1]).best = 3;
        progress.of_mut(&exercises[2]).best = 3;
        assert_eq!(id(&progress, None), None);
    }

    #[test]
    fn states_points_and_sums_are_told() {
        let exercises = [
            samples::exercise("m0-one", 1, &[]),
            samples::exercise("m0-two", 2, &[]),
            samples::exercise("m0-three", 3, &[]),
            samples::exercise("m0-four", 4, &[]),
        ];
        let mut progress = Progress::default();
        progress.of_mut(&exercises[0]).best = 3;
        *progress.of_mut(&exercises[1]) =
            Record { best: 3, hints: 2, solution_shown: true, ..Record::default() };
        let last = Some(samples::attempt());
        *progress.of_mut(&exercises[2]) = Record { best: 1, last, ..Record::default() };
        let text = Overview::new(&exercises, &progress).text(&exercises, |_, text| text);
        let lines: Vec<&str> = text.lines().collect();
        for (line, parts) in [
            (lines[1], ["m0-one", "done", "0 of 3"]),
            (lines[2], ["m0-two", "done with solution shown", "2 of 3"]),
            (lines[3], ["m0-three", "1 of 3 points", "0 of 3"]),
            (lines[4], ["m0-four", "not started", "0 of 3"]),
            (lines[5], ["7 of 12 points", "2 of 4", "done"]),
            (lines[6], ["next: m0-three", "exercises/m0-three/README.md", "watch m0-three"]),
        ] {
            assert!(parts.iter().all(|part| line.contains(part)), "{line}");
        }
        assert!(!lines[1].contains("shown"));
    }
}
