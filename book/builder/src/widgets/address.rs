//! Page tables to walk: those of a real boot, and those of a process, which the console
//! cannot show, since no program runs while it is typed at.

mod process;
mod tables;

use super::console::Console;
use anyhow::Result;
use serde_json::{Value, json};
use std::path::Path;

pub use tables::Tables;

/// The dumps, as the console prints them.
///
/// # Errors
/// If the recorded session is not as `bless` writes it.
pub fn data(root: &Path) -> Result<Value> {
    let mut dumps = Vec::new();
    if let Some(console) = Console::read(root)? {
        let name = "our kernel, recorded";
        dumps.push(json!({ "id": "kernel", "name": name, "text": console.text() }));
    }
    let name = "a program of ours, computed";
    dumps.push(json!({ "id": "process", "name": name, "text": process::dump()? }));
    Ok(json!({ "dumps": dumps }))
}
