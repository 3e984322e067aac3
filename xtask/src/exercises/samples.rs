//! Exercises that exist nowhere, for unit tests.

use super::{
    Exercise,
    outcome::Graded,
    progress::Attempt,
    schema::{Boot, Check, Description, Hint, Kind},
};
use std::{path::PathBuf, time::Duration};

/// An exercise with one check of three points.
pub fn exercise(id: &str, number: u32, parent: &[&str]) -> Exercise {
    let text = |text: &str| text.to_owned();
    let check = Check {
        name: text("only"),
        kind: Kind::Host,
        points: 3,
        proves: text("something holds"),
        nudge: text("why not?"),
    };
    let hints = ["where to look", "how to do it", "nearly there"];
    let description = Description {
        id: text(id),
        number,
        title: text("A sample"),
        milestone: text("m0"),
        chapter: text("m0-complete"),
        minutes: 10,
        lines: 5,
        parent: parent.iter().map(|parent| text(parent)).collect(),
        first: text("begin"),
        unsafe_code: false,
        checks: vec![check],
        hints: hints.map(|hint| Hint { text: text(hint) }).into(),
        boot: Boot::default(),
    };
    Exercise { description, folder: PathBuf::from("/nonexistent").join(id) }
}

/// A result without points.
pub fn graded() -> Graded {
    Graded {
        id: "m0-sample".to_owned(),
        title: "A sample".to_owned(),
        seed: 1,
        points: 0,
        points_max: 3,
        not_built: None,
        checks: Vec::new(),
        remarks: Vec::new(),
        elapsed: Duration::ZERO,
    }
}

/// An attempt that got one point.
pub fn attempt() -> Attempt {
    Attempt {
        date: "2026-03-31T09:05:00Z".to_owned(),
        points: 1,
        points_max: 3,
        seed: 1,
        file: String::new(),
    }
}
