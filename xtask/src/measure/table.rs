//! Figures as tables for people.

use super::{
    budgets::{Budgets, Limit},
    figures::{Figure, Row, STATISTICS, Values},
};
use std::fmt::Write;

/// The width of a number's column.
const NUMBER: usize = 10;

/// A column wide enough for all names.
pub fn name_width<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(str::len).max().unwrap_or(0).max("name".len())
}

/// All rows with their limits, and whether those are kept.
pub fn with_budgets(rows: &[Row], budgets: &Budgets) -> String {
    let width = name_width(rows.iter().map(|row| row.name));
    let mut text = heading("name", width);
    text.push_str("  budget\n");
    for row in rows {
        let limits = limits(row, budgets);
        text.push_str(&numbers(row.name, &row.values, width));
        let shown: Vec<String> =
            limits.iter().map(|(what, _, limit)| format!("{what}{limit}")).collect();
        let over: Vec<&str> = limits
            .iter()
            .filter(|(_, figure, limit)| !limit.holds(figure.value))
            .map(|(what, ..)| what.trim_end())
            .collect();
        let word = match (limits.is_empty(), over.is_empty()) {
            (true, _) => String::new(),
            (false, true) => "  ok".to_owned(),
            (false, false) if over == [""] => "  OVER".to_owned(),
            (false, false) => format!("  OVER: {}", over.join(", ")),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {}{word}", shown.join(", "));
    }
    lines_without_trailing_spaces(&text)
}

/// The column titles, first that of the names.
pub fn heading(first: &str, width: usize) -> String {
    let mut text = format!("{first:width$}");
    STATISTICS.iter().for_each(|title| text.push_str(&format!(" {title:>NUMBER$}")));
    text
}

/// A name and its numbers, as wide as [`heading`].
pub fn numbers(name: &str, values: &Values, width: usize) -> String {
    let mut text = format!("{name:width$}");
    match values {
        Values::Statistics(four) => {
            four.iter().for_each(|figure| text.push_str(&format!(" {:>NUMBER$}", figure.value)));
        }
        Values::Single(Figure { value, unit, .. }) => {
            // The value where the median stands, the unit in the rest.
            let rest = 2 * NUMBER + 1;
            text.push_str(&format!(" {:NUMBER$} {value:>NUMBER$} {unit:<rest$}", ""));
        }
    }
    text
}

/// The limits on a row: of which statistic, on which figure.
fn limits<'a>(row: &Row<'a>, budgets: &Budgets) -> Vec<(String, &'a Figure, Limit)> {
    let limited = row.figures().into_iter().enumerate();
    let limited = limited.filter_map(|(place, figure)| {
        let what = match row.values {
            Values::Statistics(_) => format!("{} ", STATISTICS[place]),
            Values::Single(_) => String::new(),
        };
        Some((what, figure, budgets.limit(figure)?))
    });
    limited.collect()
}

fn lines_without_trailing_spaces(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::figures::tests::figures;

    #[test]
    fn a_figure_over_budget_is_named_on_its_line() {
        let figures = figures(&[
            "heap/a/min 1 instructions",
            "heap/a/median 50 instructions",
            "heap/a/p99 60 instructions",
            "heap/a/max 99 instructions",
            "heap/usable/64B 949 permille",
            "heap/init 7 instructions",
        ]);
        let budgets = Budgets::parse(
            "\"heap/a/median\" = { at_most = 45 }\n\"heap/a/max\" = { at_most = 150 }\n\
             \"heap/usable/64B\" = { at_least = 950 }",
        );
        let text = with_budgets(&figures.rows(), &budgets.expect("good"));
        let lines: Vec<Vec<&str>> =
            text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["name", "min", "median", "p99", "max", "budget"]);
        assert_eq!(lines[1][..5], ["heap/a", "1", "50", "60", "99"]);
        assert!(text.contains("median ≤ 45, max ≤ 150  OVER: median\n"), "{text}");
        assert!(text.contains("≥ 950  OVER\n"), "{text}");
        assert_eq!(lines[3], ["heap/init", "7", "instructions"]);
    }
}
