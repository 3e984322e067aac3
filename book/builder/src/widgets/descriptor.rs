//! The GDT of a real boot, from the console's `gdt`.

use super::console::Console;
use crate::cases::word;
use anyhow::{Context, Result};
use m2_usermode::gdt;
use serde_json::{Value, json};
use std::path::Path;

/// Its descriptors with our selectors.
///
/// # Errors
/// If the recorded table is not as the console prints it.
pub fn data(root: &Path) -> Result<Value> {
    let Some(console) = Console::read(root)? else { return Ok(Value::Null) };
    let table = console.answer("gdt")?;
    let named = [
        (gdt::KERNEL_CODE, "kernel code"),
        (gdt::KERNEL_DATA, "kernel data"),
        (gdt::USER_DATA, "user data"),
        (gdt::USER_CODE, "user code"),
        (gdt::TASK_STATE, "TSS"),
    ];
    let mut shown = Vec::new();
    for (selector, name) in named {
        const BYTES: u16 = 8;
        let offset = format!("{:#04x} ", selector.index() * BYTES);
        let low = table
            .iter()
            .find_map(|line| hexadecimal(line.strip_prefix(offset.as_str())?))
            .with_context(|| format!("`gdt` shows no descriptor {name}"))?;
        let high = if selector == gdt::TASK_STATE { task_state(&table)? >> 32 } else { 0 };
        shown.push(json!({
            "name": name, "selector": word(selector.0.into()), "low": word(low), "high": word(high),
        }));
    }
    Ok(json!({ "gdt": shown }))
}

/// `      its TSS is at 0xffffffff80049430, 104 bytes`
fn task_state(table: &[&str]) -> Result<u64> {
    let after = |line: &&str| hexadecimal(line.trim_start().strip_prefix("its TSS is at ")?);
    table.iter().find_map(after).context("`gdt` does not say where the TSS is")
}

/// The number at the start of `text`.
fn hexadecimal(text: &str) -> Option<u64> {
    let digits = text.trim_start().strip_prefix("0x")?;
    let end = digits.find(|letter: char| !letter.is_ascii_hexdigit()).unwrap_or(digits.len());
    u64::from_str_radix(&digits[..end], 16).ok()
}
