//! A learner's file beside the starter or the reference.

use crate::ui::Paint;
use serde::Serialize;
use similar::{ChangeTag, TextDiff};

/// The format's version.
const VERSION: u32 = 1;
/// How many unchanged lines stand around a change.
const CONTEXT: usize = 3;

/// One file against another; printed as it is by `--json`.
#[derive(Debug, Serialize)]
pub struct Mine {
    version: u32,
    exercise: String,
    /// `starter` or `reference`.
    against: &'static str,
    added: usize,
    removed: usize,
    /// Groups of lines around changes.
    groups: Vec<Vec<Line>>,
}

/// A line of either file.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Line {
    change: Change,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Change {
    Same,
    Added,
    Removed,
}

impl Mine {
    /// What `right` has that `left` has not, and the other way round.
    pub fn of(exercise: &str, against: &'static str, left: &str, right: &str) -> Self {
        let diff = TextDiff::from_lines(left, right);
        let line = |change: similar::Change<&str>| Line {
            change: match change.tag() {
                ChangeTag::Equal => Change::Same,
                ChangeTag::Insert => Change::Added,
                ChangeTag::Delete => Change::Removed,
            },
            text: change.value().trim_end_matches('\n').to_owned(),
        };
        let groups: Vec<Vec<Line>> = diff
            .grouped_ops(CONTEXT)
            .iter()
            .map(|group| group.iter().flat_map(|op| diff.iter_changes(op)).map(line).collect())
            .collect();
        let count = |wanted| groups.iter().flatten().filter(|line| line.change == wanted).count();
        let (added, removed) = (count(Change::Added), count(Change::Removed));
        Self { version: VERSION, exercise: exercise.to_owned(), against, added, removed, groups }
    }

    /// For people. `title` says what is compared.
    pub fn text(&self, title: &str, paint: fn(Paint, String) -> String) -> String {
        let mut lines = vec![match (self.added, self.removed) {
            (0, 0) => format!("{}: {title}: no difference", self.exercise),
            (added, removed) => {
                format!("{}: {title}: {added} lines more, {removed} fewer", self.exercise)
            }
        }];
        for group in &self.groups {
            lines.push(String::new());
            lines.extend(group.iter().map(|line| match line.change {
                Change::Same => format!("  {}", line.text).trim_end().to_owned(),
                Change::Added => paint(Paint::Good, format!("+ {}", line.text)),
                Change::Removed => paint(Paint::Bad, format!("- {}", line.text)),
            }));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_stand_with_their_surroundings() {
        let left = "a\nb\nc\nd\ne\nf\ng\nh\n";
        let mine = Mine::of("m0-x", "starter", left, &left.replace("b\n", "B\nB\n"));
        assert_eq!((mine.added, mine.removed), (2, 1));
        let text = mine.text("yours against the starter", |_, text| text);
        assert_eq!(
            text,
            "m0-x: yours against the starter: 2 lines more, 1 fewer\n\n  a\n- b\n+ B\n+ B\n  c\n  d\n  e\n"
        );
        assert!(
            Mine::of("m0-x", "starter", left, left).text("t", |_, t| t).contains("no difference")
        );
    }
}
