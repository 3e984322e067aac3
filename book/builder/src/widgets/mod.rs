//! What the book's widgets work on, computed by the course's own code.

pub mod address;
mod console;
mod descriptor;
pub mod error_code;
mod frames;
mod gate;
mod heap;
mod syscall;
mod table;
mod timeline;

use anyhow::{Result, bail};
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
        "frames" => frames::data(),
        "heap" => heap::data(),
        "timeline" => timeline::data(root, argument),
        "syscall" => syscall::data(root),
        // It decodes what is typed.
        "pte" => Ok(Value::Null),
        other => bail!("nothing is known of a widget `{other}`"),
    }
}

/// What of a widget's data is shown as text where there is no JavaScript, as HTML.
pub fn text(name: &str, data: &Value) -> String {
    match name {
        "frames" => table::of_steps("What the allocator was asked", data),
        "heap" => heap::text(data),
        "syscall" => syscall::text(data),
        _ => String::new(),
    }
}
