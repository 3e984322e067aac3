//! What a kernel of the bench measured.

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use shared::events::Event;
use std::{collections::BTreeSet, fmt, str::FromStr};

/// What our own code is called beside the peers.
pub const OURS: &str = "myria";

/// One `measure` event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// [`OURS`], or which peer.
    pub allocator: String,
    /// The name without the peer, such as `heap/steady/alloc/median`.
    pub name: String,
    pub value: u64,
    pub unit: Unit,
}

/// What a value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    Instructions,
    Permille,
}

/// What is said of many counts, in the order of the table's columns.
pub const STATISTICS: [&str; 4] = ["min", "median", "p99", "max"];

/// All figures of a run, in the order of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures(Vec<Figure>);

/// The figures that share a line: four statistics, or one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    pub allocator: &'a str,
    /// The name without the statistic.
    pub name: &'a str,
    pub values: Values<'a>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values<'a> {
    Statistics([&'a Figure; 4]),
    Single(&'a Figure),
}

impl FromStr for Unit {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "instructions" => Ok(Self::Instructions),
            "permille" => Ok(Self::Permille),
            _ => anyhow::bail!("`{text}` is no unit of the bench"),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Instructions => "instructions",
            Self::Permille => "permille",
        })
    }
}

impl Figure {
    /// The first part of the name.
    pub fn group(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    /// The statistic, and the name before it.
    fn statistic(&self) -> Option<(&str, usize)> {
        let (row, last) = self.name.rsplit_once('/')?;
        Some((row, STATISTICS.iter().position(|&statistic| statistic == last)?))
    }

    /// Whether less is better: of counts and ratios, but not of what is usable.
    pub fn less_is_better(&self) -> bool {
        let part = |wanted: &str| self.name.split('/').any(|part| part == wanted);
        self.unit == Unit::Instructions || part("spread") || part("resized")
    }
}

impl Figures {
    /// Picks the figures out of a run's events.
    ///
    /// # Errors
    /// If there are none, a name comes twice, or a unit is unknown.
    pub fn from_events(events: &[String]) -> Result<Self> {
        let mut figures = Vec::new();
        let mut names = BTreeSet::new();
        for line in events {
            let Some(Event::Measure { name, value, unit }) = Event::parse(line) else { continue };
            ensure!(names.insert(name), "{name} was measured twice");
            let (allocator, name) = name.split_once(':').unwrap_or((OURS, name));
            let (allocator, name) = (allocator.to_owned(), name.to_owned());
            figures.push(Figure { allocator, name, value, unit: unit.parse()? });
        }
        ensure!(!figures.is_empty(), "the kernel measured nothing");
        Ok(Self(figures))
    }

    /// What the boot of a milestone took: it reports nanoseconds, and where
    /// instructions are counted, each takes one.
    ///
    /// # Errors
    /// If it reports no such thing.
    pub fn from_boot(events: &[String]) -> Result<Self> {
        let value = events.iter().find_map(|line| match Event::parse(line) {
            Some(Event::Measure { name: "boot", value, unit: "ns" }) => Some(value),
            _ => None,
        });
        let value = value.context("the milestone did not say what its boot took")?;
        let name = format!("boot/{}", super::BOOTED);
        Ok(Self(vec![Figure { allocator: OURS.to_owned(), name, value, unit: Unit::Instructions }]))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Figure> {
        self.0.iter()
    }

    /// Those of one group.
    pub fn of_group(&self, group: &str) -> Self {
        Self(self.iter().filter(|figure| figure.group() == group).cloned().collect())
    }

    /// One figure of ours.
    pub fn get(&self, name: &str) -> Option<&Figure> {
        self.iter().find(|figure| figure.allocator == OURS && figure.name == name)
    }

    /// Adds those of another run.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The figures in lines.
    pub fn rows(&self) -> Vec<Row<'_>> {
        let mut rows = Vec::new();
        let mut rest = self.0.as_slice();
        while let [first, others @ ..] = rest {
            let name = first.statistic().filter(|(_, place)| *place == 0).map(|(name, _)| name);
            let complete = |name: &str, four: &[Figure; 4]| {
                four.iter().enumerate().all(|(place, figure)| {
                    figure.allocator == first.allocator && figure.statistic() == Some((name, place))
                })
            };
            match (name, rest.split_first_chunk::<4>()) {
                (Some(name), Some((four, others))) if complete(name, four) => {
                    let values = Values::Statistics(four.each_ref());
                    rows.push(Row { allocator: &first.allocator, name, values });
                    rest = others;
                }
                _ => {
                    let values = Values::Single(first);
                    rows.push(Row { allocator: &first.allocator, name: &first.name, values });
                    rest = others;
                }
            }
        }
        rows
    }
}

impl<'a> Row<'a> {
    /// The figures on this line.
    pub fn figures(&self) -> Vec<&'a Figure> {
        match self.values {
            Values::Statistics(four) => four.to_vec(),
            Values::Single(one) => vec![one],
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Figures from lines without the word `measure`.
    pub fn figures(lines: &[&str]) -> Figures {
        let events: Vec<String> = lines.iter().map(|line| format!("measure {line}")).collect();
        Figures::from_events(&events).expect("measured")
    }

    #[test]
    fn statistics_share_a_row_and_the_rest_stands_alone() {
        let figures = figures(&[
            "heap/a/min 1 instructions",
            "heap/a/median 2 instructions",
            "heap/a/p99 3 instructions",
            "heap/a/max 4 instructions",
            "talc:heap/usable/64B 666 permille",
        ]);
        let rows = figures.rows();
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].name, rows[0].figures().len()), ("heap/a", 4));
        assert_eq!((rows[1].allocator, rows[1].name), ("talc", "heap/usable/64B"));
        assert!(figures.get("heap/usable/64B").is_none(), "a peer's figure is not ours");
    }

    #[test]
    fn an_incomplete_set_of_statistics_is_no_row() {
        let figures = figures(&["a/min 1 instructions", "a/median 2 instructions"]);
        assert_eq!(figures.rows().len(), 2);
    }

    #[test]
    fn doubtful_figures_are_refused() {
        let events = |lines: &[&str]| {
            let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
            Figures::from_events(&lines).expect_err("doubtful").to_string()
        };
        assert!(events(&["boot bench"]).contains("nothing"));
        assert!(events(&["measure a 1 ms"]).contains("no unit"));
        let twice = "measure a 1 permille";
        assert_eq!(events(&[twice, twice]), "a was measured twice");
    }
}
