//! The lines that were entered last, to be fetched back with the arrows.

use arrayvec::{ArrayString, ArrayVec};

/// Most bytes of a line: with the prompt it fits a terminal of 80 columns, so that
/// editing never has to move between rows.
pub const LINE_BYTES: usize = 72;

/// A line.
pub type Line = ArrayString<LINE_BYTES>;

/// How many lines are kept.
const KEPT: usize = 16;

/// Lines, oldest first, and the place in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    lines: ArrayVec<Line, KEPT>,
    /// The line that is shown; `lines.len()` for the one being typed.
    place: usize,
    /// What was being typed when the first arrow was pressed.
    draft: Line,
}

impl History {
    /// No lines.
    pub const fn new() -> Self {
        Self { lines: ArrayVec::new_const(), place: 0, draft: ArrayString::new_const() }
    }

    /// Keeps a line, unless it is blank or repeats the last one. The oldest one goes
    /// when there is no room.
    pub fn push(&mut self, line: Line) {
        if !line.trim().is_empty() && self.lines.last() != Some(&line) {
            if self.lines.is_full() {
                self.lines.remove(0);
            }
            self.lines.push(line);
        }
        self.place = self.lines.len();
    }

    /// The line before the one that is shown, which is `current`.
    pub fn older(&mut self, current: Line) -> Option<Line> {
        let older = self.place.checked_sub(1)?;
        if self.place == self.lines.len() {
            self.draft = current;
        }
        self.place = older;
        self.lines.get(older).copied()
    }

    /// The line after the one that is shown; in the end what was being typed.
    pub fn newer(&mut self) -> Option<Line> {
        if self.place == self.lines.len() {
            return None;
        }
        self.place += 1;
        Some(self.lines.get(self.place).copied().unwrap_or(self.draft))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line::from(text).expect("short")
    }

    #[test]
    fn arrows_lead_back_and_forth_to_the_draft() {
        let mut history = History::new();
        assert_eq!((history.older(line("x")), history.newer()), (None, None));
        history.push(line("one"));
        history.push(line("two"));
        assert_eq!(history.older(line("draft")), Some(line("two")));
        assert_eq!(history.older(line("two")), Some(line("one")));
        assert_eq!(history.older(line("one")), None);
        assert_eq!(history.newer(), Some(line("two")));
        assert_eq!(history.newer(), Some(line("draft")));
        assert_eq!(history.newer(), None);
    }

    #[test]
    fn blanks_and_repetitions_are_not_kept_and_the_oldest_goes() {
        let mut history = History::new();
        for number in 0..KEPT + 3 {
            history.push(line(&number.to_string()));
            history.push(line(&number.to_string()));
            history.push(line("  "));
        }
        let mut found = Vec::new();
        while let Some(older) = history.older(line("")) {
            found.push(older.to_string());
        }
        let expected: Vec<_> = (3..KEPT + 3).rev().map(|number| number.to_string()).collect();
        assert_eq!(found, expected);
    }
}
