//! Where a run of the tests spent its time: building, groups, the slowest tests.

use crate::ui;
use std::{collections::BTreeMap, time::Duration};

/// How many of the slowest tests are shown.
const SLOWEST: usize = 10;

/// What took how long. Tests run side by side, so their times add up to more than
/// the clock shows.
#[derive(Default)]
pub struct Timings {
    /// What was made ready before the first test, in that order.
    pub prepared: Vec<(String, Duration)>,
    /// Each test that ran.
    pub tests: Vec<(String, Duration)>,
    /// From the first test's start to the last one's end.
    pub testing: Duration,
}

impl Timings {
    /// The report: a table for each of the three.
    pub fn report(&self) -> String {
        let preparing: Duration = self.prepared.iter().map(|(_, time)| *time).sum();
        let mut text = format!("made ready in {}\n", ui::seconds(preparing));
        text.push_str(&table(&sorted(self.prepared.clone())));

        let total: Duration = self.tests.iter().map(|(_, time)| *time).sum();
        let clock = self.testing.as_secs_f64();
        let at_once = if clock > 0.0 { total.as_secs_f64() / clock } else { 0.0 };
        text.push_str(&format!(
            "\ntests: {} by the clock, {} added up ({at_once:.1} at once)\n",
            ui::seconds(self.testing),
            ui::seconds(total)
        ));
        text.push_str(&table(&self.groups()));
        text.push_str("\nthe slowest tests\n");
        let mut slowest = sorted(self.tests.clone());
        slowest.truncate(SLOWEST);
        text.push_str(&table(&slowest));
        text
    }

    /// Tests added up by group, the longest first.
    fn groups(&self) -> Vec<(String, Duration)> {
        let mut groups: BTreeMap<&str, (usize, Duration)> = BTreeMap::new();
        for (name, time) in &self.tests {
            let (count, sum) = groups.entry(group(name)).or_default();
            *count += 1;
            *sum += *time;
        }
        let named = |(name, (count, sum))| {
            let tests = if count == 1 { "test" } else { "tests" };
            (format!("{name} ({count} {tests})"), sum)
        };
        sorted(groups.into_iter().map(named).collect())
    }
}

/// A test's group: its name's first level, and the package of in-guest tests.
fn group(name: &str) -> &str {
    let levels = if name.starts_with("guest/") { 2 } else { 1 };
    let end = name.match_indices('/').nth(levels - 1).map_or(name.len(), |(at, _)| at);
    &name[..end]
}

fn sorted(mut rows: Vec<(String, Duration)>) -> Vec<(String, Duration)> {
    rows.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
    rows
}

fn table(rows: &[(String, Duration)]) -> String {
    rows.iter().map(|(name, time)| format!("{:>10}  {name}\n", ui::seconds(*time))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_add_up_and_the_longest_comes_first() {
        let seconds = Duration::from_secs;
        let test = |name: &str, time| (name.to_owned(), seconds(time));
        let timings = Timings {
            prepared: vec![test("loader-pvh", 2)],
            tests: vec![
                test("guest/m1-memory/a", 1),
                test("guest/m2-usermode/b/max", 5),
                test("guest/m2-usermode/c", 1),
                test("fmt", 2),
            ],
            testing: seconds(3),
        };
        let groups: Vec<String> = timings.groups().into_iter().map(|(name, _)| name).collect();
        let expected = ["guest/m2-usermode (2 tests)", "fmt (1 test)", "guest/m1-memory (1 test)"];
        assert_eq!(groups, expected);
        let report = timings.report();
        assert!(report.contains("3.00 s by the clock, 9.00 s added up (3.0 at once)"), "{report}");
        assert!(report.contains("    2.00 s  loader-pvh\n"), "{report}");
    }
}
