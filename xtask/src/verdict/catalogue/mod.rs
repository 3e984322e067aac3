//! The fault catalogue: what goes wrong in kernels, how it is recognised, what it
//! means, what to check first and where to read about it.
//!
//! The data stand in `xtask/catalogue.toml`, which describes its own format and is
//! printed in the book as well.
//!
//! - [`evidence`]: what is known of a run
//! - [`condition`]: what an entry demands of it
//! - [`place`], [`instruction`]: addresses and machine code by class

pub mod condition;
pub mod evidence;
pub mod instruction;
pub mod place;
#[cfg(test)]
mod tests;

use condition::Condition;
use evidence::Evidence;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// The file's text.
const TEXT: &str = include_str!("../../../catalogue.toml");

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    // Checked by a unit test, so nobody ever sees this.
    Catalogue::parse(TEXT).unwrap_or_else(|error| panic!("xtask/catalogue.toml: {error}"))
});

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// In the order of the file.
    #[serde(rename = "entry")]
    entries: Vec<Entry>,
}

/// One thing that goes wrong.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name, which never changes.
    pub id: String,
    /// Its name for people.
    pub title: String,
    /// What is the matter, in a sentence.
    pub explanation: String,
    /// Where to look first.
    pub check_first: String,
    /// The chapter of the book.
    pub chapter: String,
    /// The manual's section.
    pub manual: String,
    /// How it is recognised.
    #[serde(rename = "when", skip_serializing)]
    pub condition: Condition,
}

impl Catalogue {
    /// The catalogue that xtask was built with.
    pub fn get() -> &'static Self {
        &CATALOGUE
    }

    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The entry with the most conditions that all hold; of several, the first in
    /// the file.
    pub fn find(&self, evidence: &Evidence) -> Option<&Entry> {
        let fitting = self.entries.iter().filter(|entry| entry.condition.holds(evidence));
        // `max_by_key` would take the last.
        fitting.rev().max_by_key(|entry| entry.condition.weight())
    }

    /// The entry called `id`.
    pub fn entry(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// The names of all entries.
    #[cfg(test)]
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.id.as_str())
    }
}
