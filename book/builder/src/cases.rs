//! Questions for the widgets, with the answers that the course's own code gives.
//!
//! A case is `{"call": FUNCTION, "arguments": […], "answer": …}` and says what the pure
//! function of a widget has to give. Words are strings `0x…`, since JSON's numbers hold
//! 53 bits; an object that is given may have more members than the answer.

mod address;
mod descriptor;
mod error_code;
mod gate;
mod pte;
mod random;

use anyhow::Result;
pub use gate::interrupt as interrupt_gate;
use serde_json::{Value, json};

/// By widget: inputs and right answers.
///
/// # Errors
/// If the course's code refuses what it should do.
pub fn all() -> Result<Value> {
    Ok(json!({
        "address": address::cases()?,
        "gate": gate::cases(),
        "error-code": error_code::cases(),
        "pte": pte::cases(),
        "descriptor": descriptor::cases(),
    }))
}

/// A case.
fn case(call: &str, arguments: &[Value], answer: Value) -> Value {
    json!({ "call": call, "arguments": arguments, "answer": answer })
}

/// A word, as cases and data of widgets hold it.
pub fn word(value: u64) -> Value {
    Value::String(format!("{value:#x}"))
}
