//! What came of grading, as a table for people.

use super::results::Results;
use crate::{
    exercises::outcome::{CheckOutcome, Graded},
    ui::{self, Paint},
};

/// The line of one exercise as it ends.
pub fn progress(graded: &Graded, ended: usize, total: usize) -> String {
    let Graded { id, points, points_max, elapsed, .. } = graded;
    let width = total.to_string().len();
    let seconds = elapsed.as_secs_f64();
    format!("[{ended:width$}/{total}] {id} {points}/{points_max} ({seconds:.1} s)")
}

/// A line for each exercise, its checks as marks, and the totals.
pub fn table(results: &Results, paint: fn(Paint, String) -> String) -> String {
    let width = results.graded.iter().map(|one| one.id.len()).max().unwrap_or(0).max("total".len());
    let hints: usize = results.hints.values().sum();
    let mut text = String::new();
    for graded in &results.graded {
        let points = points(graded.points, graded.points_max);
        let colour = if graded.is_full() { Paint::Good } else { Paint::Bad };
        let mut line =
            format!("{:<width$}  {}  {}", graded.id, paint(colour, points), marks(graded));
        match results.hints.get(&graded.id) {
            Some(1) => line.push_str("  1 hint"),
            Some(count @ 2..) => line.push_str(&format!("  {count} hints")),
            _ => {}
        }
        if let Some(why) = remark(graded) {
            line.push_str(&format!("  {why}"));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let total = points(results.points(), results.points_max());
    text.push_str(&format!("{:<width$}  {total}  {} %", "total", results.percent()));
    text.push_str(match hints {
        0 => "",
        1 => "  1 hint",
        _ => "  ",
    });
    if hints > 1 {
        text.push_str(&format!("{hints} hints"));
    }
    text.push_str(&format!("  in {} (seed {})\n", ui::seconds(results.elapsed), results.seed));
    text
}

/// Whether it was enough, in one line.
pub fn conclusion(results: &Results) -> String {
    let (percent, pass) = (results.percent(), results.pass_percent);
    match results.is_passed() {
        true => format!("passed: {percent} % of the points, {pass} % are asked for"),
        false => format!("not passed: {percent} % of the points, {pass} % are asked for"),
    }
}

fn points(points: u32, points_max: u32) -> String {
    format!("{points:>4} / {points_max:<4}")
}

/// One mark for each check.
fn marks(graded: &Graded) -> String {
    let mark = |outcome: &CheckOutcome| match outcome {
        CheckOutcome::Passed => '✓',
        CheckOutcome::NotReached { .. } | CheckOutcome::NotRun => '·',
        _ => '✗',
    };
    graded.checks.iter().map(|check| mark(&check.result)).collect()
}

/// What is worth a word: why there is nothing, or the first check that failed.
fn remark(graded: &Graded) -> Option<String> {
    if let Some(why) = &graded.not_built {
        return Some(why.headline());
    }
    if graded.is_not_started() {
        return Some("not started".to_owned());
    }
    graded.first_failure().map(|check| check.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercises::grading::results::tests::sample;

    #[test]
    fn every_exercise_has_a_line_and_the_total_comes_last() {
        let results = sample();
        let text = table(&results, |_, text| text);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0], "m0-sample     2 / 3     ✓✗  2 hints  second");
        assert_eq!(lines[1], "m0-other      0 / 1     ·  not submitted");
        assert!(lines[2].starts_with("total         2 / 4     50 %  2 hints"), "{}", lines[2]);
        assert_eq!(progress(&results.graded[0], 3, 28), "[ 3/28] m0-sample 2/3 (0.0 s)");
        assert_eq!(conclusion(&results), "passed: 50 % of the points, 50 % are asked for");
    }
}
