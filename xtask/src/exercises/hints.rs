//! Hints, one after the other.

use super::{Exercise, progress::Progress, schema::HINTS};
use crate::compare::columns::wrap;
use anyhow::{Result, ensure};
use std::path::Path;

/// How wide a hint is printed.
const WIDTH: usize = 84;

/// Which hints are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The next one, which is noted. After the last one, all of them.
    Next,
    /// That one, counted from 1, which is noted.
    Level(usize),
    /// Those that were shown.
    Again,
}

/// The text of the hints asked for, with how many are left.
///
/// # Errors
/// If there is nothing to show again, or progress cannot be noted.
pub fn give(folder: &Path, exercise: &Exercise, ask: Ask) -> Result<String> {
    let id = exercise.id();
    let shown = match ask {
        Ask::Again => {
            let taken = Progress::read(folder)?.of(exercise).hints;
            ensure!(
                taken > 0,
                "no hint for {id} was shown yet; `cargo xtask hint {id}` shows the first"
            );
            1..=taken
        }
        Ask::Level(level) => {
            take(folder, exercise, |taken| taken.max(level))?;
            level..=level
        }
        Ask::Next => match take(folder, exercise, |taken| (taken + 1).min(HINTS))? {
            (before, _) if before >= HINTS => 1..=HINTS,
            (_, now) => now..=now,
        },
    };
    let taken = Progress::read(folder)?.of(exercise).hints;
    let mut lines = Vec::new();
    for (level, hint) in (1..).zip(&exercise.description.hints) {
        if shown.contains(&level) {
            lines.push(format!("hint {level} of {HINTS} for {id}:"));
            let wrapped = hint.text.trim().lines().flat_map(|line| wrap(line, WIDTH));
            lines.extend(wrapped.map(|line| format!("  {}", line.trim_start())));
        }
    }
    lines.push(match HINTS.saturating_sub(taken) {
        0 => format!("no hint is left; `cargo xtask solution {id} --give-up` shows the solution"),
        left => format!("{left} left; `cargo xtask hint {id}` shows the next, which says more"),
    });
    Ok(lines.join("\n"))
}

/// Notes how many hints were taken. Returns how many were before, and are now.
fn take(
    folder: &Path,
    exercise: &Exercise,
    change: impl FnOnce(usize) -> usize,
) -> Result<(usize, usize)> {
    Progress::update(folder, |progress| {
        let record = progress.of_mut(exercise);
        let before = record.hints;
        record.hints = change(before);
        (before, record.hints)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercises::samples;

    #[test]
    fn hints_come_one_after_the_other_and_are_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let exercise = samples::exercise("m0-sample", 1, &[]);
        let ask = |ask| give(folder.path(), &exercise, ask);
        let none = ask(Ask::Again).expect_err("nothing to repeat").to_string();
        assert!(none.contains("cargo xtask hint m0-sample"), "{none}");
        let first = ask(Ask::Next).expect("the first");
        assert!(first.contains("where to look") && first.contains("2 left"), "{first}");
        let third = ask(Ask::Level(3)).expect("the third");
        assert!(third.contains("nearly there") && third.contains("no hint is left"), "{third}");
        let again = ask(Ask::Again).expect("all");
        assert_eq!(again.matches("hint ").count() - again.matches("no hint ").count(), 3);
        assert_eq!(ask(Ask::Next).expect("all"), again);
        let repeated = ask(Ask::Level(1)).expect("the first");
        assert!(repeated.contains("where to look") && repeated.contains("no hint is left"));
    }
}
