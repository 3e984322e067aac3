//! Results as GitHub Classroom's autograding takes them from a runner: JSON, which the
//! workflow hands to the reporter in base64.
//!
//! The reporter (`classroom-resources/autograding-grading-reporter@v1`) reads `status`,
//! `max_score` and `tests` with `name`, `status` and `score`; it adds up `score` over the
//! tests and `max_score` over the runners. So all exercises are one runner, and each is a
//! test of its own.

use super::results::Results;
use crate::exercises::{Exercise, feedback};
use serde_json::{Value, json};

/// The version that the reporter's own runners write.
const VERSION: u32 = 1;

/// The whole file.
pub fn document(results: &Results, exercises: &[Exercise]) -> Value {
    let tests = results.graded.iter().map(|graded| {
        let passed = graded.is_full();
        let exercise = exercises.iter().find(|exercise| exercise.id() == graded.id);
        let explained = exercise
            .filter(|_| !passed)
            .map(|exercise| feedback::text(exercise, graded, |_, text| text));
        json!({
            "name": graded.id,
            "status": if passed { "pass" } else { "fail" },
            "message": explained,
            "test_code": format!("cargo xtask check {} --seed {}", graded.id, graded.seed),
            "filename": format!("exercises/{}/src/lib.rs", graded.id),
            "line_no": 0,
            "execution_time": format!("{:.0}ms", graded.elapsed.as_secs_f64() * 1000.0),
            "score": graded.points,
        })
    });
    json!({
        "version": VERSION,
        "status": if results.is_passed() { "pass" } else { "fail" },
        "max_score": results.points_max(),
        "tests": tests.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercises::grading::results::tests::sample;

    #[test]
    fn what_the_reporter_reads_is_there() {
        let document = document(&sample(), &[]);
        assert_eq!((&document["status"], &document["max_score"]), (&json!("pass"), &json!(4)));
        let tests = document["tests"].as_array().expect("tests");
        assert_eq!((&tests[0]["score"], &tests[0]["status"]), (&json!(2), &json!("fail")));
        assert!(tests.iter().all(|test| test["name"].is_string()));
    }
}
