//! The manual as data: `cargo xtask`'s own description of itself, for the book's page of
//! commands.

use clap::{Arg, Command};
use serde::Serialize;

/// What `commands.json` holds:
///
/// ```json
/// {
///   "arguments": [{"name": "--toolchain <TOOLCHAIN>", "help": "Where …"}],
///   "commands": [{
///     "name": "run",
///     "about": "Builds … .\n\nThe exit status …",
///     "usage": "cargo xtask run [OPTIONS] <MILESTONE>",
///     "arguments": [{"name": "<MILESTONE>", "help": "The milestone: m0, m1, m2"}],
///     "examples": ["cargo xtask run m2   # a remark"],
///     "subcommands": []
///   }]
/// }
/// ```
///
/// `arguments` beside `commands` are those of every command; no command repeats them.
/// `about` and `help` are plain text with `code` between backticks; paragraphs of `about`
/// are separated by an empty line. `subcommands` has the shape of `commands`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Manual {
    arguments: Vec<Argument>,
    commands: Vec<Entry>,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Entry {
    name: String,
    about: String,
    usage: String,
    arguments: Vec<Argument>,
    examples: Vec<String>,
    subcommands: Vec<Entry>,
}

/// An option or an argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Argument {
    name: String,
    help: String,
}

/// The heading of the examples, in descriptions and below them.
const EXAMPLES: &str = "Examples:";

impl Manual {
    /// That of a program.
    pub fn of(program: &Command) -> Self {
        let mut program = program.clone();
        // Gives each subcommand its full name.
        program.build();
        let of_all = |argument: &&Arg| argument.is_global_set();
        let arguments = program.get_arguments().filter(of_all).filter_map(argument).collect();
        Self { arguments, commands: entries(&program) }
    }
}

fn entries(command: &Command) -> Vec<Entry> {
    let public = command.get_subcommands().filter(|one| !one.is_hide_set());
    public.filter(|one| one.get_name() != "help").map(entry).collect()
}

fn entry(command: &Command) -> Entry {
    let about = command.get_long_about().or_else(|| command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    let (about, inside) = about.split_once(EXAMPLES).unwrap_or((&about, ""));
    let after = command.get_after_long_help().or_else(|| command.get_after_help());
    let after = after.map(ToString::to_string).unwrap_or_default();
    let below = after.split_once(EXAMPLES).map_or("", |(_, below)| below);
    let usage = command.clone().render_usage().to_string();
    let usage: Vec<&str> = usage.trim_start_matches("Usage:").lines().map(str::trim).collect();
    // Positions come first, as in the usage.
    let mut arguments: Vec<&Arg> =
        command.get_arguments().filter(|one| !one.is_global_set()).collect();
    arguments.sort_by_key(|one| !one.is_positional());
    Entry {
        name: command.get_name().to_owned(),
        about: about.trim().to_owned(),
        usage: usage.join("\n"),
        arguments: arguments.into_iter().filter_map(argument).collect(),
        examples: examples(inside).chain(examples(below)).collect(),
        subcommands: entries(command),
    }
}

/// The indented lines below the heading.
fn examples(text: &str) -> impl Iterator<Item = String> {
    let lines = text.lines().skip(1).take_while(|line| line.starts_with("  "));
    lines.map(|line| line.trim().to_owned())
}

/// An argument for people; `None` for those that every program has.
fn argument(argument: &Arg) -> Option<Argument> {
    let usual = ["help", "version"].contains(&argument.get_id().as_str());
    if usual || argument.is_hide_set() {
        return None;
    }
    let short = match (argument.get_short(), argument.get_long()) {
        (Some(short), Some(_)) => format!("-{short}, "),
        _ => String::new(),
    };
    Some(Argument { name: format!("{short}{argument}"), help: help(argument) })
}

fn help(argument: &Arg) -> String {
    let help = argument.get_long_help().or_else(|| argument.get_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    let mut parts = vec![help.split_whitespace().collect::<Vec<_>>().join(" ")];
    let takes_values = argument.get_action().takes_values();
    let values: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|value| takes_values && !value.is_hide_set())
        .map(|value| match value.get_help() {
            Some(help) => format!("`{}` ({help})", value.get_name()),
            None => format!("`{}`", value.get_name()),
        })
        .collect();
    if !values.is_empty() {
        parts.push(format!("one of {}", values.join(", ")));
    }
    let defaults = argument.get_default_values();
    if takes_values && !argument.is_hide_default_value_set() && !defaults.is_empty() {
        let defaults: Vec<_> = defaults.iter().map(|one| one.to_string_lossy()).collect();
        parts.push(format!("default `{}`", defaults.join(" ")));
    }
    if let Some(variable) = argument.get_env() {
        parts.push(format!("from the environment: `{}`", variable.to_string_lossy()));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn find<'a>(entries: &'a [Entry], name: &str) -> &'a Entry {
        entries.iter().find(|one| one.name == name).unwrap_or_else(|| panic!("no {name}"))
    }

    #[test]
    fn the_manual_holds_every_command() {
        let program = crate::Cli::command();
        let manual = Manual::of(&program);
        for command in program.get_subcommands() {
            let entry = find(&manual.commands, command.get_name());
            assert!(!entry.about.is_empty() && !entry.about.contains(EXAMPLES), "{entry:?}");
            assert!(!entry.examples.is_empty(), "{entry:?}");
            assert!(entry.examples.iter().all(|line| line.contains("cargo xtask")), "{entry:?}");
            assert!(entry.usage.starts_with(&format!("cargo xtask {}", entry.name)), "{entry:?}");
            assert!(entry.arguments.iter().all(|one| !one.name.contains("--help")), "{entry:?}");
        }
        assert_eq!(manual.commands.len(), program.get_subcommands().count());
        assert!(manual.arguments[0].name.starts_with("--toolchain"), "{manual:?}");
    }

    #[test]
    fn a_command_is_described_in_full() {
        let manual = Manual::of(&crate::Cli::command());
        let run = find(&manual.commands, "run");
        assert!(run.about.contains("\n\nThe exit status is 0 only if"), "{}", run.about);
        assert_eq!(run.arguments[0].name, "<MILESTONE>");
        let of = |name: &str| {
            let found = run.arguments.iter().find(|one| one.name.starts_with(name));
            found.map(|one| one.help.as_str()).unwrap_or_default()
        };
        assert!(of("--boot").contains("; one of `fast` (QEMU starts our loader"), "{run:?}");
        assert!(of("--memory").ends_with("; default `256M`"), "{run:?}");
        assert_eq!(of("--toolchain"), "");
        let image = find(&manual.commands, "image");
        assert!(image.arguments.iter().any(|one| one.name == "-o, --output <FILE>"), "{image:?}");
        let exercises = find(&manual.commands, "exercises");
        let new = find(&exercises.subcommands, "new");
        assert!(new.usage.starts_with("cargo xtask exercises new "), "{new:?}");
        assert!(exercises.subcommands.iter().all(|one| one.name != "help"));
    }
}
