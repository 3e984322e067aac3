//! The frame allocator at work: M1's own code over a made-up memory map, one call a step.
//!
//! - [`map`]: the memory
//! - [`machine`]: the allocator, and what is noted of each call
//! - [`story`]: the calls; [`runs`]: those that are about runs

mod machine;
mod map;
mod runs;
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
            "kinds": map::kinds(),
            "map": map::map(),
            "steps": machine.steps(),
        }))
    })
}

#[cfg(test)]
mod tests;
