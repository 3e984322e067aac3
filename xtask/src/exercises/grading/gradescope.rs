//! Results as Gradescope's autograder takes them: `results/results.json`.
//!
//! Source: Gradescope, "Autograder Specifications", section "Output format",
//! <https://gradescope-autograders.readthedocs.io/en/latest/specs/>.

use super::results::Results;
use crate::exercises::{Exercise, feedback, outcome::Graded};
use serde_json::{Value, json};

/// The whole file: a test for each check. What there is to say stands with the first
/// check of its exercise that did not pass.
pub fn document(results: &Results, exercises: &[Exercise]) -> Value {
    let tests: Vec<Value> =
        results.graded.iter().flat_map(|graded| tests(graded, exercises)).collect();
    json!({
        "score": results.points(),
        "execution_time": results.elapsed.as_secs_f64().ceil(),
        "output": format!("Inputs are random; seed {} repeats them.", results.seed),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    })
}

fn tests(graded: &Graded, exercises: &[Exercise]) -> Vec<Value> {
    let exercise = exercises.iter().find(|exercise| exercise.id() == graded.id);
    let explained = exercise.map(|exercise| feedback::text(exercise, graded, |_, text| text));
    let mut explained = explained.unwrap_or_default();
    let test = |check: &crate::exercises::outcome::CheckResult| {
        let passed = check.result.is_pass();
        let output = match (passed, &graded.not_built) {
            (true, _) => String::new(),
            (false, Some(_)) => std::mem::take(&mut explained),
            (false, None) => match std::mem::take(&mut explained) {
                text if text.is_empty() => check.result.headline(),
                text => text,
            },
        };
        json!({
            "name": format!("{}: {}", graded.id, check.name),
            "score": check.points,
            "max_score": check.points_max,
            "status": if passed { "passed" } else { "failed" },
            "output": output,
            "output_format": "text",
        })
    };
    graded.checks.iter().map(test).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercises::grading::results::tests::sample;

    #[test]
    fn scores_add_up() {
        let document = document(&sample(), &[]);
        assert_eq!(document["score"], 2);
        let tests = document["tests"].as_array().expect("tests");
        assert_eq!(tests.len(), 3);
        assert_eq!(tests[0]["name"], "m0-sample: first");
        assert_eq!((&tests[0]["score"], &tests[0]["status"]), (&json!(2), &json!("passed")));
        let score: u64 = tests.iter().filter_map(|test| test["score"].as_u64()).sum();
        assert_eq!(document["score"], score);
    }
}
