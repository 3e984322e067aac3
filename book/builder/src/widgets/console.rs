//! The session in which M2's console was asked for its tables: `book/sessions/w1.toml`.

use crate::code;
use anyhow::{Context, Result};
use std::path::Path;

/// Where it is recorded.
const FILE: &str = "book/captured/sessions/widgets-console.txt";
/// The anchors' name in all captured files.
const ANCHOR: &str = "captured";

/// What was recorded.
pub struct Console(String);

impl Console {
    /// Reads it; None before it was recorded for the first time.
    ///
    /// # Errors
    /// If the file is not as `bless` writes it.
    pub fn read(root: &Path) -> Result<Option<Self>> {
        if !root.join(FILE).is_file() {
            return Ok(None);
        }
        let recorded = code::anchor(root, FILE, ANCHOR)?;
        Ok(Some(Self(recorded.text)))
    }

    /// All of it.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// What the console printed for `command`.
    ///
    /// # Errors
    /// If that was not recorded.
    pub fn answer(&self, command: &str) -> Result<Vec<&str>> {
        const PROMPT: &str = "m2> ";
        let asked = |line: &&str| line.strip_prefix(PROMPT).is_some_and(|typed| typed == command);
        let mut lines = self.0.lines();
        lines.find(asked).with_context(|| format!("{FILE} has no command `{command}`"))?;
        Ok(lines.take_while(|line| !line.starts_with(PROMPT)).collect())
    }
}
