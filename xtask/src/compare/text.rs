//! The comparison for a terminal.

use super::{
    Comparison, Side,
    align::{Relation, Row},
    columns::{Columns, wrap},
    maps::{Pair, Region},
    modules::Module,
    sequence::Step,
};
use crate::ui::Paint;
use std::fmt::{self, Write};

/// Every section.
pub fn render(comparison: &Comparison, columns: Columns) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = all(&mut text, comparison, columns);
    text
}

fn all(out: &mut String, comparison: &Comparison, columns: Columns) -> fmt::Result {
    let Comparison { left, right, .. } = comparison;
    writeln!(out, "{} → {}: {}", left.name, right.name, right.description)?;
    sequence(out, comparison, columns)?;
    modules(out, comparison)?;
    dependencies(out, comparison)?;
    transcripts(out, comparison, columns)?;
    maps(out, comparison, columns)?;
    sizes(out, comparison)?;
    source(out, comparison)?;
    Ok(())
}

fn heading(out: &mut String, text: &str) -> fmt::Result {
    writeln!(out, "\n── {text}\n")?;
    Ok(())
}

fn put(out: &mut String, lines: Vec<String>, paint: Option<Paint>) -> fmt::Result {
    for line in lines {
        match paint {
            Some(paint) => writeln!(out, "{}", paint.on_stdout(line))?,
            None => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}

fn sequence(out: &mut String, comparison: &Comparison, columns: Columns) -> fmt::Result {
    heading(out, "boot sequence:  ~ other arguments   » supersedes   - gone   + new")?;
    let (mut on_left, mut on_right) = (String::new(), String::new());
    for row in &comparison.sequence {
        let left = entered(&mut on_left, &row.left);
        let right = entered(&mut on_right, &row.right);
        if !left.is_empty() || !right.is_empty() {
            put(out, columns.row(&left, ' ', &right), Some(Paint::Dim))?;
        }
        let (left, right) = (comment(&row.left), comment(&row.right));
        if !left.is_empty() || !right.is_empty() {
            put(out, columns.row(&left, ' ', &right), Some(Paint::Dim))?;
        }
        let call = |step: &Option<Step>| {
            step.as_ref().map_or(String::new(), |step| format!("    {}", step.call))
        };
        let (sign, paint) = sign(row);
        put(out, columns.row(&call(&row.left), sign, &call(&row.right)), paint)?;
    }
    Ok(())
}

/// The head of a function that a side comes to with this step.
fn entered(function: &mut String, step: &Option<Step>) -> String {
    match step {
        Some(step) if step.function != *function => {
            function.clone_from(&step.function);
            format!("fn {function}")
        }
        _ => String::new(),
    }
}

fn comment(step: &Option<Step>) -> String {
    let text = step.as_ref().map_or("", |step| step.comment.as_str());
    if text.is_empty() { String::new() } else { format!("  // {text}") }
}

fn sign(row: &Row) -> (char, Option<Paint>) {
    match row.relation {
        Relation::Same => (' ', None),
        Relation::Changed => ('~', None),
        Relation::Superseded => ('»', None),
        Relation::Gone => ('-', Some(Paint::Bad)),
        Relation::New => ('+', Some(Paint::Good)),
    }
}

fn modules(out: &mut String, comparison: &Comparison) -> fmt::Result {
    heading(out, "new modules, in lines without tests")?;
    for module in &comparison.modules {
        print_module(out, module, 0)?;
    }
    let lines: usize = comparison.modules.iter().map(Module::all_lines).sum();
    let tests: usize = comparison.modules.iter().map(Module::all_test_lines).sum();
    writeln!(out, "    {lines:>5}  in all, and {tests} lines of tests")?;
    heading(out, "what supersedes what")?;
    if comparison.superseded.is_empty() {
        writeln!(out, "    nothing: {} uses all that came before as it is", comparison.right.name)?;
    }
    for one in &comparison.superseded {
        writeln!(out, "    {} supersedes {}: {}", one.new, one.old, one.sentence)?;
    }
    Ok(())
}

fn print_module(out: &mut String, module: &Module, depth: usize) -> fmt::Result {
    let name = match depth {
        0 => module.path.as_str(),
        _ => module.path.rsplit("::").next().unwrap_or(&module.path),
    };
    let indent = "  ".repeat(depth);
    let text = format!("{:>5}  {indent}{name}: {}", module.lines, module.sentence);
    put(out, wrap(&format!("    {text}"), 110), None)?;
    for module in &module.modules {
        print_module(out, module, depth + 1)?;
    }
    Ok(())
}

fn dependencies(out: &mut String, comparison: &Comparison) -> fmt::Result {
    heading(out, "new dependencies")?;
    if comparison.dependencies.is_empty() {
        writeln!(out, "    none")?;
    }
    for one in &comparison.dependencies {
        let dependency = &one.dependency;
        writeln!(out, "    {} ({}): {}", dependency.name, one.milestone, dependency.reason)?;
    }
    Ok(())
}

fn transcripts(out: &mut String, comparison: &Comparison, columns: Columns) -> fmt::Result {
    heading(out, "boot transcripts, captured:  | something else   - gone   + new")?;
    for row in &comparison.transcripts {
        let (one, other) = (row.left.as_deref(), row.right.as_deref());
        let (sign, paint) = match (one, other) {
            (Some(_), Some(_)) if row.same => (' ', None),
            (Some(_), Some(_)) => ('|', None),
            (Some(_), None) => ('-', Some(Paint::Bad)),
            (None, _) => ('+', Some(Paint::Good)),
        };
        put(out, columns.row(one.unwrap_or(""), sign, other.unwrap_or("")), paint)?;
    }
    Ok(())
}

fn maps(out: &mut String, comparison: &Comparison, columns: Columns) -> fmt::Result {
    heading(out, "address spaces, captured")?;
    for side in [&comparison.left, &comparison.right] {
        if side.map.virtual_memory.is_empty() {
            writeln!(out, "    {}", without_map(side))?;
        }
    }
    let show = |region: &Option<Region>| {
        region.as_ref().map_or(String::new(), |one| {
            format!("{:#018x} {:5} {:>8} {}", one.start, one.rights, one.size(), one.name)
        })
    };
    let rows = |out: &mut String, pairs: &[Pair], signs: bool| -> fmt::Result {
        for pair in pairs {
            let sign = match (&pair.left, &pair.right) {
                _ if !signs => ' ',
                (Some(_), Some(_)) => ' ',
                (Some(_), None) => '-',
                _ => '+',
            };
            put(out, columns.row(&show(&pair.left), sign, &show(&pair.right)), None)?;
        }
        Ok(())
    };
    rows(out, &comparison.virtual_memory, true)?;
    if both_print_physical(comparison) {
        heading(out, "physical memory, as each tells of it")?;
        rows(out, &comparison.physical_memory, false)?;
    }
    Ok(())
}

/// Whether physical memory can be compared: a milestone that does not print it has it
/// all the same.
pub fn both_print_physical(comparison: &Comparison) -> bool {
    let printed = |side: &Side| !side.map.physical_memory.is_empty();
    printed(&comparison.left) && printed(&comparison.right)
}

/// Why a milestone has no map.
pub fn without_map(side: &Side) -> String {
    format!("{} still runs on the loader's page tables, and prints no map of them", side.name)
}

fn sizes(out: &mut String, comparison: &Comparison) -> fmt::Result {
    let Comparison { left, right, .. } = comparison;
    heading(out, "kernel size and boot")?;
    let row = |out: &mut String, name: &str, one: u64, other: u64, unit: &str| -> fmt::Result {
        writeln!(out, "    {name:24} {one:>12} {other:>12} {unit}")
    };
    writeln!(out, "    {:24} {:>12} {:>12}", "", left.name, right.name)?;
    for section in &comparison.sections {
        row(out, &section.name, section.left, section.right, "bytes")?;
    }
    if let (Some(one), Some(other)) = (left.bytes_in_memory, right.bytes_in_memory) {
        row(out, "in memory", one, other, "bytes")?;
    }
    row(out, "own sources", left.lines as u64, right.lines as u64, "lines without tests")?;
    row(out, "boot", left.boot_instructions, right.boot_instructions, "instructions")?;
    writeln!(out, "    A boot's instructions include those that it waits, as for timer ticks.")?;
    Ok(())
}

fn source(out: &mut String, comparison: &Comparison) -> fmt::Result {
    for concept in &comparison.source {
        heading(out, &format!("source: {}", concept.name))?;
        for change in &concept.files {
            let new = change.new.display();
            let figures = format!("+{} -{}", change.added, change.removed);
            match &change.old {
                Some(old) => writeln!(out, "{} → {new} ({figures})", old.display())?,
                None => writeln!(out, "{new} (new, {figures})")?,
            }
            for line in change.diff.lines() {
                let paint = match line.chars().next() {
                    Some('+') => Some(Paint::Good),
                    Some('-') => Some(Paint::Bad),
                    Some('@') => Some(Paint::Dim),
                    _ => None,
                };
                put(out, vec![line.to_owned()], paint)?;
            }
        }
    }
    Ok(())
}
