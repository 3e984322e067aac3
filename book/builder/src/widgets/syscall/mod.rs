//! A system call, instruction by instruction.
//!
//! - [`source`]: the instructions, read from the kernel's and the programs' sources
//! - [`cpu`]: a CPU that knows exactly these instructions; [`word`]: what it works on
//! - [`notes`]: what is said of each, `book/widgets/syscall.toml`
//! - [`runs`]: the two calls that the page shows; [`frame`](mod@frame): what they build

mod cpu;
mod frame;
mod notes;
mod runs;
mod source;
mod word;

use super::table;
use anyhow::Result;
use serde_json::{Value, json};
use std::path::Path;

/// The listing of the entry, and the runs with the state after each step.
///
/// # Errors
/// If the sources have an instruction that the CPU does not know or that has no note, if
/// a note has no instruction, or if the entry does what it must not.
pub fn data(root: &Path) -> Result<Value> {
    let source = source::read(root)?;
    let notes = notes::read(root, &source)?;
    Ok(json!({
        "file": source::ENTRY,
        "listing": [&source.entry, &source.serve],
        "registers": cpu::SHOWN,
        "runs": [runs::write(&source, &notes)?, runs::hole(&source, &notes)?],
    }))
}

/// The steps of both runs as text.
pub fn text(data: &Value) -> String {
    let mut html = String::new();
    for run in data["runs"].as_array().into_iter().flatten() {
        let columns = ["Instruction", "Why", "Without it"];
        html += &table::open(run["title"].as_str().unwrap_or_default(), &columns);
        for step in run["steps"].as_array().into_iter().flatten() {
            let text = |name: &str| step[name].as_str().unwrap_or_default();
            html += &table::row(&[&format!("`{}`", text("text")), text("why"), text("without")]);
        }
        html += table::CLOSE;
    }
    html
}

#[cfg(test)]
mod tests;
