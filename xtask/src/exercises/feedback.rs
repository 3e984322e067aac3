//! What grading came to, for people: what failed, what was expected, what came, where,
//! and what to think about next. Never the solution.

use super::{
    Exercise,
    outcome::{CheckOutcome, CheckResult, Graded, NotBuilt},
    picture,
};
use crate::{
    chapters,
    ui::{self, Paint},
};

/// How many lines of a story are shown for one check.
const STORY_LINES: usize = 24;

/// Everything there is to say about one exercise. `paint` colours, or does not.
pub fn text(exercise: &Exercise, graded: &Graded, paint: fn(Paint, String) -> String) -> String {
    let mut lines = vec![format!("{}: {}", graded.id, graded.title)];
    match &graded.not_built {
        Some(why) => lines.extend(explain_not_built(exercise, why)),
        None if graded.is_not_started() => lines.extend(not_started(exercise, graded)),
        None => {
            for check in &graded.checks {
                lines.extend(explain(exercise, check, paint));
            }
        }
    }
    for remark in &graded.remarks {
        lines.push(format!("  note: {remark}"));
    }
    lines.push(closing(graded, paint));
    lines.join("\n")
}

/// The last line: points, time, and how to repeat it.
fn closing(graded: &Graded, paint: fn(Paint, String) -> String) -> String {
    let Graded { id, points, points_max, seed, .. } = graded;
    let colour = if graded.is_full() { Paint::Good } else { Paint::Bad };
    let points = paint(colour, format!("{points} of {points_max} points"));
    let mut line = format!("{points} in {} (seed {seed})", ui::seconds(graded.elapsed));
    if !graded.is_full() {
        line.push_str(&format!("; stuck? `cargo xtask hint {id}`"));
    }
    line
}

fn not_started(exercise: &Exercise, graded: &Graded) -> Vec<String> {
    let mut lines = vec![format!("  not started. First: {}", exercise.description.first)];
    if let Some(check) = graded.first_failure()
        && let (Some(todo), CheckOutcome::Panicked { location, .. }) =
            (check.result.todo(), &check.result)
    {
        lines.push(format!("  the first `todo!` is at {location}"));
        if !todo.is_empty() {
            lines.push(format!("  it says: {todo}"));
        }
    }
    lines.push(format!("  the task: exercises/{}/README.md", graded.id));
    lines
}

fn explain_not_built(exercise: &Exercise, why: &NotBuilt) -> Vec<String> {
    match why {
        NotBuilt::Refused { reason } => vec![format!("  {}: {reason}", exercise.shown_file())],
        NotBuilt::CompilerGaveUp { reason } => {
            vec![format!("  {}: {reason}", exercise.shown_file())]
        }
        NotBuilt::NotSubmitted | NotBuilt::NotGraded { .. } => {
            vec![format!("  {}", why.headline())]
        }
        NotBuilt::DoesNotCompile { errors, messages } => {
            let count =
                if *errors == 1 { "an error".to_owned() } else { format!("{errors} errors") };
            let mut lines = vec![
                format!("  it does not compile: {count}; start with the first"),
                String::new(),
            ];
            lines.extend(messages.lines().map(|line| format!("  {line}")));
            lines
        }
    }
}

fn explain(
    exercise: &Exercise,
    check: &CheckResult,
    paint: fn(Paint, String) -> String,
) -> Vec<String> {
    let described = exercise.description.checks.iter().find(|one| one.name == check.name);
    let proves = described.map_or("", |one| one.proves.as_str());
    let (mark, colour) = match &check.result {
        CheckOutcome::Passed => ("✓", Paint::Good),
        CheckOutcome::NotReached { .. } | CheckOutcome::NotRun => ("·", Paint::Dim),
        _ => ("✗", Paint::Bad),
    };
    let mark = paint(colour, mark.to_owned());
    let CheckResult { name, points, points_max, .. } = check;
    let mut lines = vec![format!("  {mark} {name} {points}/{points_max}: {proves}")];
    if check.result.is_pass() {
        return lines;
    }
    let mut say = |text: String| {
        lines.extend(text.lines().map(|line| format!("      {line}").trim_end().to_owned()));
    };
    match check.result.todo() {
        Some("") => say("still to be written".to_owned()),
        Some(todo) => say(format!("still to be written: {todo}")),
        None => say(check.result.headline()),
    }
    if matches!(check.result, CheckOutcome::NotReached { .. } | CheckOutcome::NotRun) {
        return lines;
    }
    if let CheckOutcome::Panicked { location, .. } = &check.result {
        say(format!("at {location}"));
    }
    let evidence = &check.evidence;
    if let Some(source) = &evidence.source {
        say(source.clone());
    }
    if !evidence.inputs.is_empty() {
        let inputs: Vec<String> =
            evidence.inputs.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        say(format!("with {}", inputs.join(", ")));
    }
    if let Some(expected) = &evidence.expected {
        say(format!("expected  {expected}"));
    }
    if let Some(got) = &evidence.got {
        say(format!("yours     {got}"));
    }
    for bits in &evidence.bits {
        say(picture::draw(bits).join("\n"));
    }
    if let CheckOutcome::Crashed { story, .. }
    | CheckOutcome::TimedOut { story, .. }
    | CheckOutcome::Flooded { story, .. } = &check.result
    {
        story.iter().take(STORY_LINES).for_each(|line| say(line.clone()));
    }
    if let Some(described) = described.filter(|_| check.result.todo().is_none()) {
        say(format!("think: {}", described.nudge));
        let chapter = &exercise.description.chapter;
        say(format!("read: \"{}\" ({chapter}) in the book", chapters::title(chapter)));
    }
    lines
}
