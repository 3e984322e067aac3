//! What is said of each instruction: `book/widgets/syscall.toml`, in the order of the code.

use super::source::{ENTRY, Line, Source};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::{fs, path::Path};

const FILE: &str = "book/widgets/syscall.toml";

/// What is said of one instruction or statement.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// The instruction, as the source has it.
    pub text: String,
    /// Why it is there.
    pub why: String,
    /// What an attacker would gain if it were not.
    pub without: String,
    /// Why, in the run that ends at the hole, where that differs.
    pub hole: Option<String>,
}

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notes {
    /// What is said of how the programs come to the call.
    pub start: Start,
    /// The program's own instructions: SYSCALL and the one behind it.
    pub program: Vec<Note>,
    /// The entry's instructions.
    pub entry: Vec<Note>,
    /// The statements of `serve`.
    pub serve: Vec<Note>,
    /// The return from `serve`.
    pub back: Note,
}

/// The beginnings of the two runs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// Of the call that is served.
    pub write: String,
    /// Of the call at the hole.
    pub hole: String,
}

/// The notes, which fit `source` exactly.
///
/// # Errors
/// If an instruction has no note, or a note has no instruction.
pub fn read(root: &Path, source: &Source) -> Result<Notes> {
    let text =
        fs::read_to_string(root.join(FILE)).with_context(|| format!("cannot read {FILE}"))?;
    let notes: Notes = toml::from_str(&text).with_context(|| format!("cannot parse {FILE}"))?;
    fit(&source.entry, &notes.entry)?;
    fit(&source.serve, &notes.serve)?;
    let own = [Line { line: 0, text: "syscall".into() }, source.next.clone()];
    fit(&own, &notes.program)?;
    Ok(notes)
}

/// Each line has its note, and each note its line, in the same order.
pub fn fit(lines: &[Line], notes: &[Note]) -> Result<()> {
    for index in 0..lines.len().max(notes.len()) {
        match (lines.get(index), notes.get(index)) {
            (Some(line), Some(note)) if line.text == note.text => {}
            (Some(Line { line, text }), Some(note)) => {
                bail!("{ENTRY}:{line} has `{text}` where {FILE} has a note for `{}`", note.text)
            }
            (Some(Line { line, text }), None) => {
                bail!("{FILE} has no note for `{text}`, {ENTRY}:{line}")
            }
            (None, Some(note)) => {
                bail!("{ENTRY} has no `{}`, but {FILE} has a note for it", note.text)
            }
            (None, None) => {}
        }
    }
    Ok(())
}
