//! Gates of a real boot, from the console's `idt`.

use super::console::Console;
use crate::cases::{interrupt_gate, word};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::Path;
use x86_64::{PrivilegeLevel, VirtAddr};

/// The vectors that are shown: one plain, one for ring 3, one with a stack of its own,
/// one of a device.
const SHOWN: [(&str, &str); 4] =
    [("14", "our #PF"), ("3", "our #BP"), ("8", "our #DF"), ("32", "our timer")];

/// The gates, as M0's code writes them.
///
/// # Errors
/// If the recorded table is not as the console prints it.
pub fn data(root: &Path) -> Result<Value> {
    let Some(console) = Console::read(root)? else { return Ok(Value::Null) };
    let table = console.answer("idt")?;
    let mut gates = Vec::new();
    for (vector, name) in SHOWN {
        let line = table.iter().find(|line| line.split_whitespace().next() == Some(vector));
        let line = line.with_context(|| format!("`idt` shows no vector {vector}"))?;
        let [low, high] = gate(line).with_context(|| format!("`idt` printed {line}"))?;
        gates.push(json!({ "name": name, "low": word(low), "high": word(high) }));
    }
    Ok(json!({ "gates": gates }))
}

/// `    14  0xffffffff8002ad50     0x0008    0    0       1  page fault`
fn gate(line: &str) -> Option<[u64; 2]> {
    let mut columns = line.split_whitespace().skip(1);
    let mut hexadecimal = || u64::from_str_radix(columns.next()?.strip_prefix("0x")?, 16).ok();
    let (handler, selector) = (hexadecimal()?, hexadecimal()?);
    let ist = columns.next()?.parse().ok()?;
    let ring = PrivilegeLevel::from_u16(columns.next()?.parse().ok()?);
    Some(interrupt_gate(VirtAddr::new(handler), selector as u16, ist, ring))
}
