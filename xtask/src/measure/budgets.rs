//! Limits, and who breaks them.
//!
//! ```toml
//! # what the figure limits
//! "heap/steady/alloc/median" = { at_most = 45 }
//! "heap/usable/64B"          = { at_least = 950 }
//! ```
//!
//! Names are those of figures. A limit on a figure that was not measured is a
//! mistake, in the file or in the kernel, never a limit that is kept.

use super::figures::{Figure, Figures};
use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
};

/// The limit on one figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    AtMost(u64),
    AtLeast(u64),
}

/// As written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    at_most: Option<u64>,
    at_least: Option<u64>,
}

/// All limits, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Budgets(BTreeMap<String, Limit>);

impl Limit {
    /// Whether a value keeps it.
    pub fn holds(self, value: u64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(limit) => write!(f, "≤ {limit}"),
            Self::AtLeast(limit) => write!(f, "≥ {limit}"),
        }
    }
}

impl Budgets {
    /// Reads the limits in `file`.
    ///
    /// # Errors
    /// The first mistake, with file and name.
    pub fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        Self::parse(&text).with_context(|| file.display().to_string())
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let table: toml::Table = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
            anyhow!("line {line}: {}", error.message().replace('\n', " "))
        })?;
        let mut limits = BTreeMap::new();
        for (name, value) in table {
            let written: Written = value
                .try_into()
                .map_err(|error| anyhow!("`{name}`: {}", error.message().replace('\n', " ")))?;
            let limit = match written {
                Written { at_most: Some(limit), at_least: None } => Limit::AtMost(limit),
                Written { at_most: None, at_least: Some(limit) } => Limit::AtLeast(limit),
                _ => bail!("`{name}`: give one of `at_most` and `at_least`"),
            };
            limits.insert(name, limit);
        }
        ensure!(!limits.is_empty(), "there is no limit");
        Ok(Self(limits))
    }

    /// The groups that have limits.
    pub fn groups(&self) -> BTreeSet<&str> {
        self.0.keys().map(|name| name.split('/').next().unwrap_or(name)).collect()
    }

    /// Those of one group.
    pub fn of_group(&self, group: &str) -> Self {
        let of_group = |name: &str| name.split('/').next() == Some(group);
        let limits = self.0.iter().filter(|(name, _)| of_group(name));
        Self(limits.map(|(name, limit)| (name.clone(), *limit)).collect())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The limit on a figure. Peers have none.
    pub fn limit(&self, figure: &Figure) -> Option<Limit> {
        let ours = figure.allocator == super::figures::OURS;
        self.0.get(&figure.name).copied().filter(|_| ours)
    }

    /// The figures that are over their limits.
    ///
    /// # Errors
    /// If a limit is on something that was not measured.
    pub fn broken<'f>(&self, figures: &'f Figures) -> Result<Vec<(&'f Figure, Limit)>> {
        let unknown: Vec<&str> =
            self.0.keys().map(String::as_str).filter(|name| figures.get(name).is_none()).collect();
        ensure!(
            unknown.is_empty(),
            "budgets.toml limits what was not measured: {}",
            unknown.join(", ")
        );
        let limited = figures.iter().filter_map(|figure| Some((figure, self.limit(figure)?)));
        Ok(limited.filter(|(figure, limit)| !limit.holds(figure.value)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::figures::tests::figures;

    const LIMITS: &str =
        "\"heap/alloc/median\" = { at_most = 45 }\n\"heap/usable/64B\" = { at_least = 950 }\n";

    #[test]
    fn a_figure_over_its_limit_is_caught() {
        let budgets = Budgets::parse(LIMITS).expect("good");
        let kept = figures(&["heap/alloc/median 45 instructions", "heap/usable/64B 950 permille"]);
        assert_eq!(budgets.broken(&kept).expect("all measured"), []);
        let broken =
            figures(&["heap/alloc/median 46 instructions", "heap/usable/64B 949 permille"]);
        let found: Vec<_> = budgets.broken(&broken).expect("all measured");
        let found: Vec<_> = found.iter().map(|(figure, limit)| (figure.value, *limit)).collect();
        assert_eq!(found, [(46, Limit::AtMost(45)), (949, Limit::AtLeast(950))]);
    }

    #[test]
    fn a_limit_on_nothing_is_an_error() {
        let budgets = Budgets::parse(LIMITS).expect("good");
        // A peer's figure of that name is no substitute.
        let measured =
            figures(&["heap/alloc/median 1 instructions", "talc:heap/usable/64B 999 permille"]);
        let error = budgets.broken(&measured).expect_err("not measured").to_string();
        assert!(error.ends_with("not measured: heap/usable/64B"), "{error}");
    }

    #[test]
    fn mistakes_name_the_limit() {
        let error = |text: &str| format!("{:#}", Budgets::parse(text).expect_err("a mistake"));
        assert!(error("a = 5").contains("`a`"));
        assert!(error("a = { at_mots = 5 }").contains("at_mots"));
        assert!(error("a = { at_most = -5 }").contains("`a`"));
        assert!(error("a = {}").contains("give one of"));
        assert!(error("a = { at_most = 5, at_least = 1 }").contains("give one of"));
        assert!(error("a = { at_most = 5 }\na = { at_most = 6 }").contains("line 2"));
        assert!(error("").contains("no limit"));
    }

    #[test]
    fn groups_are_the_first_part_of_names() {
        let budgets = Budgets::parse(LIMITS).expect("good");
        assert_eq!(budgets.groups().into_iter().collect::<Vec<_>>(), ["heap"]);
        assert_eq!(budgets.of_group("heap").len(), 2);
        assert_eq!(budgets.of_group("hea").len(), 0);
    }
}
