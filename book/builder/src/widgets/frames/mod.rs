//! The frame allocator at work: M1's own code over a made-up memory map, one call a step.
//!
//! - [`machine`]: the map, the allocator, and what is noted of each call
//! - [`story`]: the calls

mod machine;
mod story;

use anyhow::Result;
use machine::Machine;
use serde_json::{Value, json};

/// The map, and the state after each step.
///
/// # Errors
/// If the allocator answers otherwise than the story says.
pub fn data() -> Result<Value> {
    Machine::run(|machine| {
        story::tell(machine)?;
        Ok(json!({
            "chunk": m1_memory::frames::chunk::FRAMES,
            "kinds": machine::kinds(),
            "map": machine::map(),
            "steps": machine.steps(),
        }))
    })
}

#[cfg(test)]
mod tests;
