//! `{{#commands}}`: the manual of `cargo xtask`, from its own description of itself.

use crate::{
    expand::{Page, Refusal, Shown},
    render::{cell, fenced},
};
use serde::Deserialize;
use std::{fmt::Write, fs};

/// The file that xtask writes.
const FILE: &str = "commands.json";

#[derive(Deserialize)]
struct Manual {
    commands: Vec<Command>,
}

/// A subcommand.
#[derive(Deserialize)]
struct Command {
    name: String,
    about: String,
    #[serde(default)]
    usage: String,
    #[serde(default)]
    arguments: Vec<Argument>,
    #[serde(default)]
    examples: Vec<String>,
    #[serde(default)]
    subcommands: Vec<Command>,
}

#[derive(Deserialize)]
struct Argument {
    name: String,
    help: String,
}

/// Every subcommand with its options and examples.
pub fn manual(page: &mut Page) -> Shown {
    let Some(file) = page.course.extra.as_ref().map(|extra| extra.join(FILE)) else {
        return Err(Refusal::Pending(format!("`cargo xtask book` makes {FILE}")));
    };
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let manual: Manual = serde_json::from_str(&text)?;
    let mut shown = String::new();
    for command in &manual.commands {
        page.shown.insert(format!("command {}", command.name));
        show(&mut shown, command, "", 2);
    }
    Ok(shown)
}

fn show(shown: &mut String, command: &Command, parent: &str, level: usize) {
    let name = format!("{parent}{}", command.name);
    // Writing to a string cannot fail.
    let _ = writeln!(shown, "{} `{name}`\n\n{}\n", "#".repeat(level), command.about);
    if !command.usage.is_empty() {
        let _ = writeln!(shown, "{}", fenced("text", &command.usage));
    }
    if !command.arguments.is_empty() {
        shown.push_str("| option or argument | what it says |\n| --- | --- |\n");
        for Argument { name, help } in &command.arguments {
            let _ = writeln!(shown, "| `{}` | {} |", cell(name), cell(help));
        }
        shown.push('\n');
    }
    if !command.examples.is_empty() {
        let _ = writeln!(shown, "{}", fenced("sh", &command.examples.join("\n")));
    }
    for sub in &command.subcommands {
        show(shown, sub, &format!("{name} "), level + 1);
    }
}
