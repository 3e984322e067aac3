//! What the book's widgets work on, computed by the course's own code.

pub mod address;
mod console;
mod descriptor;
pub mod error_code;
mod gate;
mod heap;
mod timeline;

use anyhow::Result;
use serde_json::Value;
use std::path::Path;

/// All widgets, in the order in which the page of tools shows them.
pub const NAMES: [&str; 9] =
    ["gate", "error-code", "address", "pte", "descriptor", "syscall", "timeline", "frames", "heap"];

/// What the widget `name` is given, with the argument that its directive has.
///
/// # Errors
/// If that cannot be computed.
pub fn data(name: &str, root: &Path, argument: &str) -> Result<Value> {
    match name {
        "address" => address::data(root),
        "gate" => gate::data(root),
        "error-code" => Ok(error_code::data()),
        "descriptor" => descriptor::data(root),
        "heap" => heap::data(),
        "timeline" => timeline::data(root, argument),
        _ => Ok(Value::Null),
    }
}
