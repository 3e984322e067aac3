//! A life of M1's heap, step by step: each request is made to the real code, over simulated
//! pages, when the book is built.

mod rig;
mod script;

use super::table;
use anyhow::{Context, Result, ensure};
use m1_memory::heap::page_map::{Kind, PAGE};
use rig::{PAGES, Rig, View};
use script::{Act, STEPS};
use serde_json::{Value, json};

/// What the widget steps through.
///
/// # Errors
/// If the heap does not do what the script says of it.
pub fn data() -> Result<Value> {
    let mut rig = Rig::new();
    let mut steps = Vec::new();
    for (number, step) in STEPS.iter().enumerate() {
        let done = perform(&mut rig, step.act).with_context(|| format!("step {}", number + 1))?;
        steps.push(state(&rig, &done, step.text)?);
    }
    Ok(json!({ "pages": PAGES, "pageBytes": PAGE, "steps": steps }))
}

/// The steps as a table, for readers without JavaScript.
pub fn text(data: &Value) -> String {
    let mut html = table::open("What the heap was asked", &["Step", "Request", "What happens"]);
    for (index, step) in data["steps"].as_array().into_iter().flatten().enumerate() {
        let text = |name: &str| step[name].as_str().unwrap_or_default();
        html += &table::row(&[&(index + 1).to_string(), text("done"), text("text")]);
    }
    html + table::CLOSE
}

/// Does what a step says, and tells it with what came of it.
fn perform(rig: &mut Rig, act: Act) -> Result<String> {
    Ok(match act {
        Act::Nothing => "Nothing was allocated yet.".to_owned(),
        Act::Take(names, bytes) => {
            for name in names.chars() {
                ensure!(rig.take(name, bytes)?, "there is no memory for {name}");
            }
            let (each, place) = match names.len() {
                1 => ("", names.chars().filter_map(|name| place(rig, name)).collect()),
                _ => (" each", String::new()),
            };
            format!("Allocate {}: {} bytes{each}.{place}", list(names), grouped(bytes))
        }
        Act::Give(names) => {
            for name in names.chars() {
                rig.give(name)?;
            }
            format!("Free {}.", list(names))
        }
        Act::Refused(bytes) => {
            ensure!(!rig.take('?', bytes)?, "{bytes} bytes should not be there");
            format!("Allocate {} bytes: the answer is None.", grouped(bytes))
        }
    })
}

/// Where a block lies.
fn place(rig: &Rig, name: char) -> Option<String> {
    let offset = rig.offset(name)?;
    Some(format!(" {name} is on page {} at offset {}.", offset / PAGE, offset % PAGE))
}

/// `A, B, C`.
fn list(names: &str) -> String {
    names.chars().map(String::from).collect::<Vec<_>>().join(", ")
}

/// A number with commas.
fn grouped(number: usize) -> String {
    match number / 1000 {
        0 => number.to_string(),
        thousands => format!("{},{:03}", grouped(thousands), number % 1000),
    }
}

/// The heap after a step.
fn state(rig: &Rig, done: &str, text: &str) -> Result<Value> {
    let (figures, summary) = (rig.statistics(), rig.audit()?);
    let runs: Vec<Value> = rig.runs()?.iter().map(run).collect();
    let mapped: String = rig.mapped().iter().map(|&on| if on { '1' } else { '0' }).collect();
    Ok(json!({
        "done": done,
        "text": text,
        "mapped": mapped,
        "runs": runs,
        "figures": {
            "askedBytes": rig.asked_bytes(),
            "usedBytes": figures.used_bytes,
            "mappedBytes": figures.mapped_bytes,
            "peakBytes": figures.peak_bytes,
            "freeBytes": summary.free_bytes,
            "cached": summary.classes.iter().map(|class| class.cached).sum::<u64>(),
            "allocations": figures.allocations,
            "failures": figures.failures,
        },
    }))
}

fn run(View { run, kind, block_bytes, blocks }: &View) -> Value {
    let kind = match kind {
        Kind::Slab => "slab",
        Kind::Large => "large",
        Kind::Free => "free",
        Kind::Unmapped | Kind::Never => "unmapped",
    };
    json!({
        "first": run.first.0, "pages": run.pages, "kind": kind,
        "blockBytes": block_bytes, "blocks": blocks,
    })
}

#[cfg(test)]
mod tests;
