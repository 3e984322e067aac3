//! Results as JUnit XML, which most CI systems show: a suite for each exercise, a case
//! for each check. Whatever did not pass is a failure, whose text is the feedback.

use super::results::Results;
use crate::exercises::{
    Exercise, feedback,
    outcome::{CheckResult, Graded},
};

/// The whole file.
pub fn document(results: &Results, exercises: &[Exercise]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all = results.graded.iter().flat_map(|graded| &graded.checks);
    text.push_str(&format!(
        "<testsuites name=\"exercises\" tests=\"{}\" failures=\"{}\" time=\"{:.3}\">\n",
        all.clone().count(),
        all.filter(|check| !check.result.is_pass()).count(),
        results.elapsed.as_secs_f64()
    ));
    for graded in &results.graded {
        suite(graded, exercises, &mut text);
    }
    text.push_str("</testsuites>\n");
    text
}

fn suite(graded: &Graded, exercises: &[Exercise], text: &mut String) {
    let failures = graded.checks.iter().filter(|check| !check.result.is_pass()).count();
    text.push_str(&format!(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" time=\"{:.3}\">\n",
        escaped(&graded.id),
        graded.checks.len(),
        graded.elapsed.as_secs_f64()
    ));
    let exercise = exercises.iter().find(|exercise| exercise.id() == graded.id);
    let explained = exercise.map(|exercise| feedback::text(exercise, graded, |_, text| text));
    let mut explained = explained.unwrap_or_default();
    for check in &graded.checks {
        case(graded, check, &mut explained, text);
    }
    text.push_str("  </testsuite>\n");
}

/// The feedback goes with the exercise's first failure: it is about all of them.
fn case(graded: &Graded, check: &CheckResult, explained: &mut String, text: &mut String) {
    let (name, id) = (escaped(&check.name), escaped(&graded.id));
    text.push_str(&format!("    <testcase name=\"{name}\" classname=\"{id}\""));
    if check.result.is_pass() {
        text.push_str("/>\n");
        return;
    }
    let message = match &graded.not_built {
        Some(why) => why.headline(),
        None => check.result.headline(),
    };
    text.push_str(&format!(
        ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>\n",
        escaped(&message),
        escaped(&std::mem::take(explained))
    ));
}

/// Text as XML 1.0 can hold it: some characters it cannot, however they are written.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercises::grading::results::tests::sample;

    #[test]
    fn failures_are_counted_and_escaped() {
        let text = document(&sample(), &[]);
        assert!(text.contains("<testsuites name=\"exercises\" tests=\"3\" failures=\"2\""));
        assert!(text.contains("message=\"a &lt; b &amp; &quot;c&quot; \u{fffd}[1m\""), "{text}");
        assert!(text.contains("message=\"not submitted\""), "{text}");
        assert!(text.contains("<testcase name=\"first\" classname=\"m0-sample\"/>"), "{text}");
        assert!(text.ends_with("</testsuites>\n"));
    }
}
