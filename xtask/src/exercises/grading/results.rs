//! What came of grading many exercises, and its JSON.
//!
//! `cargo xtask grade --json` prints one object:
//!
//! ```json
//! {
//!   "version": 1,
//!   "seed": 910751,
//!   "points": 5, "points_max": 8, "percent": 62.5,
//!   "pass_percent": 100, "passed": false,
//!   "hints": 1,
//!   "remarks": ["graded without the changes in …"],
//!   "elapsed_seconds": 2.5,
//!   "exercises": [
//!     {
//!       "id": "m0-idt-gate", "title": "A gate for an interrupt", "seed": 910751,
//!       "points": 5, "points_max": 8, "hints": 1,
//!       "checks": [
//!         {"name": "offset", "kind": "host", "points": 2, "points_max": 2,
//!          "outcome": "passed"}
//!       ],
//!       "remarks": [], "elapsed_seconds": 1.2
//!     }
//!   ]
//! }
//! ```
//!
//! An exercise that was not run has `not_built` with its `kind` (`refused`,
//! `does-not-compile`, `compiler-gave-up`, `not-submitted`, `not-graded`). A check's
//! `outcome` is `passed`, `failed`, `panicked`, `crashed`, `timed-out`, `flooded`,
//! `not-reached` or `not-run`, with `message` and `evidence` as far as there is any;
//! `cargo xtask check --json` prints the same for one exercise. `version` changes when
//! something here changes its meaning or goes; new keys may come at any time.

use crate::exercises::outcome::{Graded, NotBuilt};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// The version of the JSON.
const VERSION: u32 = 1;

/// All exercises, graded.
pub struct Results {
    /// In the order of the course.
    pub graded: Vec<Graded>,
    /// How many hints were taken, by exercise.
    pub hints: BTreeMap<String, usize>,
    pub seed: u64,
    /// The share of points to be reached, in percent.
    pub pass_percent: f64,
    pub remarks: Vec<String>,
    pub elapsed: Duration,
}

impl Results {
    pub fn points(&self) -> u32 {
        self.graded.iter().map(|graded| graded.points).sum()
    }

    pub fn points_max(&self) -> u32 {
        self.graded.iter().map(|graded| graded.points_max).sum()
    }

    /// The share of points that was reached.
    pub fn percent(&self) -> f64 {
        percent(self.points().into(), self.points_max().into())
    }

    /// Whether it is enough.
    pub fn is_passed(&self) -> bool {
        f64::from(self.points()) * 100.0 >= self.pass_percent * f64::from(self.points_max())
    }

    /// Those that could not be graded.
    pub fn not_graded(&self) -> impl Iterator<Item = &Graded> {
        self.graded.iter().filter(|graded| !was_graded(graded))
    }

    pub fn json(&self) -> serde_json::Result<Value> {
        let mut exercises = Vec::new();
        for graded in &self.graded {
            let mut exercise = serde_json::to_value(graded)?;
            exercise["hints"] = self.hints.get(&graded.id).copied().unwrap_or(0).into();
            exercises.push(exercise);
        }
        Ok(json!({
            "version": VERSION,
            "seed": self.seed,
            "points": self.points(),
            "points_max": self.points_max(),
            "percent": self.percent(),
            "pass_percent": self.pass_percent,
            "passed": self.is_passed(),
            "hints": self.hints.values().sum::<usize>(),
            "remarks": self.remarks,
            "elapsed_seconds": (self.elapsed.as_secs_f64() * 1000.0).round() / 1000.0,
            "exercises": exercises,
        }))
    }
}

/// A share in percent, to a hundredth, never rounded up.
pub fn percent(points: u64, points_max: u64) -> f64 {
    if points_max == 0 {
        return 100.0;
    }
    (points * 10_000 / points_max) as f64 / 100.0
}

/// Whether the grader could work.
pub fn was_graded(graded: &Graded) -> bool {
    !matches!(graded.not_built, Some(NotBuilt::NotGraded { .. }))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::exercises::{
        outcome::{CheckOutcome, CheckResult, Evidence},
        samples,
        schema::Kind,
    };

    /// Two exercises: two of three points with a failure that needs escaping, and one
    /// that was not submitted.
    pub fn sample() -> Results {
        let check = |name: &str, points, result| CheckResult {
            name: name.to_owned(),
            kind: Kind::Host,
            points,
            points_max: if points == 0 { 1 } else { points },
            result,
            evidence: Evidence::default(),
        };
        let message = "a < b & \"c\" \u{1b}[1m".to_owned();
        let checks = vec![
            check("first", 2, CheckOutcome::Passed),
            check("second", 0, CheckOutcome::Failed { message }),
        ];
        let one = Graded { points: 2, checks, ..samples::graded() };
        let checks = vec![check("only", 0, CheckOutcome::NotRun)];
        let two = Graded {
            id: "m0-other".to_owned(),
            points_max: 1,
            checks,
            not_built: Some(NotBuilt::NotSubmitted),
            ..samples::graded()
        };
        Results {
            graded: vec![one, two],
            hints: BTreeMap::from([("m0-sample".to_owned(), 2)]),
            seed: 7,
            pass_percent: 50.0,
            remarks: Vec::new(),
            elapsed: Duration::from_millis(1500),
        }
    }

    #[test]
    fn shares_are_never_rounded_up() {
        assert_eq!(percent(2, 3), 66.66);
        assert_eq!(percent(299_999, 300_000), 99.99);
        assert_eq!(percent(0, 0), 100.0);
        let mut results = sample();
        assert!(results.is_passed());
        results.pass_percent = 50.1;
        assert!(!results.is_passed());
    }

    #[test]
    fn the_json_is_as_documented() {
        let json = sample().json().expect("JSON");
        assert_eq!((&json["version"], &json["percent"]), (&json!(1), &json!(50.0)));
        assert_eq!(json["exercises"][0]["hints"], 2);
        assert_eq!(json["exercises"][0]["checks"][1]["outcome"], "failed");
        assert_eq!(json["exercises"][1]["not_built"]["kind"], "not-submitted");
    }
}
