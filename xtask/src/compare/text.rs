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

/// Prints every section to stdout.
pub fn print(comparison: &Comparison, columns: Columns) {
    let Comparison { left, right, .. } = comparison;
    println!("{} → {}: {}", left.name, right.name, right.description);
    sequence(comparison, columns);
    modules(comparison);
    dependencies(comparison);
    transcripts(comparison, columns);
    maps(comparison, columns);
    sizes(comparison);
    source(comparison);
}

fn heading(text: &str) {
    println!("\n── {text}\n");
}

fn put(lines: Vec<String>, paint: Option<Paint>) {
    for line in lines {
        match paint {
            Some(paint) => println!("{}", paint.on_stdout(line)),
            None => println!("{line}"),
        }
    }
}

fn sequence(comparison: &Comparison, columns: Columns) {
    heading("boot sequence:  ~ other arguments   » supersedes   - gone   + new");
    let (mut on_left, mut on_right) = (String::new(), String::new());
    for row in &comparison.sequence {
        let left = entered(&mut on_left, &row.left);
        let right = entered(&mut on_right, &row.right);
        if !left.is_empty() || !right.is_empty() {
            put(columns.row(&left, ' ', &right), Some(Paint::Dim));
        }
        let (left, right) = (comment(&row.left), comment(&row.right));
        if !left.is_empty() || !right.is_empty() {
            put(columns.row(&left, ' ', &right), Some(Paint::Dim));
        }
        let call = |step: &Option<Step>| {
            step.as_ref().map_or(String::new(), |step| format!("    {}", step.call))
        };
        let (sign, paint) = sign(row);
        put(columns.row(&call(&row.left), sign, &call(&row.right)), paint);
    }
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

fn modules(comparison: &Comparison) {
    heading("new modules, in lines without tests");
    for module in &comparison.modules {
        print_module(module, 0);
    }
    let lines: usize = comparison.modules.iter().map(Module::all_lines).sum();
    let tests: usize = comparison.modules.iter().map(Module::all_test_lines).sum();
    println!("    {lines:>5}  in all, and {tests} lines of tests");
    heading("what supersedes what");
    if comparison.superseded.is_empty() {
        println!("    nothing: {} uses all that came before as it is", comparison.right.name);
    }
    for one in &comparison.superseded {
        println!("    {} supersedes {}: {}", one.new, one.old, one.sentence);
    }
}

fn print_module(module: &Module, depth: usize) {
    let name = match depth {
        0 => module.path.as_str(),
        _ => module.path.rsplit("::").next().unwrap_or(&module.path),
    };
    let indent = "  ".repeat(depth);
    let text = format!("{:>5}  {indent}{name}: {}", module.lines, module.sentence);
    put(wrap(&format!("    {text}"), 110), None);
    module.modules.iter().for_each(|module| print_module(module, depth + 1));
}

fn dependencies(comparison: &Comparison) {
    heading("new dependencies");
    if comparison.dependencies.is_empty() {
        println!("    none");
    }
    for one in &comparison.dependencies {
        let dependency = &one.dependency;
        println!("    {} ({}): {}", dependency.name, one.milestone, dependency.reason);
    }
}

fn transcripts(comparison: &Comparison, columns: Columns) {
    heading("boot transcripts, captured:  | something else   - gone   + new");
    for row in &comparison.transcripts {
        let (one, other) = (row.left.as_deref(), row.right.as_deref());
        let (sign, paint) = match (one, other) {
            (Some(_), Some(_)) if row.same => (' ', None),
            (Some(_), Some(_)) => ('|', None),
            (Some(_), None) => ('-', Some(Paint::Bad)),
            (None, _) => ('+', Some(Paint::Good)),
        };
        put(columns.row(one.unwrap_or(""), sign, other.unwrap_or("")), paint);
    }
}

fn maps(comparison: &Comparison, columns: Columns) {
    heading("address spaces, captured");
    for side in [&comparison.left, &comparison.right] {
        if side.map.virtual_memory.is_empty() {
            println!("    {}", without_map(side));
        }
    }
    let show = |region: &Option<Region>| {
        region.as_ref().map_or(String::new(), |one| {
            format!("{:#018x} {:5} {:>8} {}", one.start, one.rights, one.size(), one.name)
        })
    };
    let rows = |pairs: &[Pair], signs: bool| {
        for pair in pairs {
            let sign = match (&pair.left, &pair.right) {
                _ if !signs => ' ',
                (Some(_), Some(_)) => ' ',
                (Some(_), None) => '-',
                _ => '+',
            };
            put(columns.row(&show(&pair.left), sign, &show(&pair.right)), None);
        }
    };
    rows(&comparison.virtual_memory, true);
    if both_print_physical(comparison) {
        heading("physical memory, as each tells of it");
        rows(&comparison.physical_memory, false);
    }
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

fn sizes(comparison: &Comparison) {
    let Comparison { left, right, .. } = comparison;
    heading("kernel size and boot");
    let row = |name: &str, one: u64, other: u64, unit: &str| {
        println!("    {name:24} {one:>12} {other:>12} {unit}");
    };
    println!("    {:24} {:>12} {:>12}", "", left.name, right.name);
    for section in &comparison.sections {
        row(&section.name, section.left, section.right, "bytes");
    }
    row("in memory", left.bytes_in_memory, right.bytes_in_memory, "bytes");
    row("own sources", left.lines as u64, right.lines as u64, "lines without tests");
    row("boot", left.boot_instructions, right.boot_instructions, "instructions");
    println!("    A boot's instructions include those that it waits, as for timer ticks.");
}

fn source(comparison: &Comparison) {
    for concept in &comparison.source {
        heading(&format!("source: {}", concept.name));
        for change in &concept.files {
            let new = change.new.display();
            let figures = format!("+{} -{}", change.added, change.removed);
            match &change.old {
                Some(old) => println!("{} → {new} ({figures})", old.display()),
                None => println!("{new} (new, {figures})"),
            }
            for line in change.diff.lines() {
                let paint = match line.chars().next() {
                    Some('+') => Some(Paint::Good),
                    Some('-') => Some(Paint::Bad),
                    Some('@') => Some(Paint::Dim),
                    _ => None,
                };
                put(vec![line.to_owned()], paint);
            }
        }
    }
}
