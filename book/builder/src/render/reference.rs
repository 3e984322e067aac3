//! Tables of the reference that the sources themselves hold.

use crate::{
    code,
    expand::{Page, Refusal, Shown},
};
use m2_usermode::syscall::{Error, table::CALLS};
use std::{fmt::Write, fs};

/// Where the table of system calls stands, next to the code.
const SYSCALLS: &str = "m2-usermode/src/syscall/mod.rs";

/// `{{#syscalls}}`: the table in the module's documentation.
pub fn syscalls(page: &mut Page) -> Shown {
    let table = code::anchor(&page.course.root, SYSCALLS, "calls")?.text;
    let table: Vec<&str> =
        table.lines().map(|line| line.trim_start_matches("//!").trim()).collect();
    let table = table.join("\n");
    for call in &CALLS {
        if !table.contains(&format!("`{}`", call.name)) {
            return Err(Refusal::Wrong(format!("{SYSCALLS} has no row for `{}`", call.name)));
        }
        page.shown.insert(format!("call {}", call.name));
    }
    page.quoted.insert(SYSCALLS.to_owned());
    Ok(table + "\n")
}

/// `{{#syscall-errors}}`: what calls refuse with.
pub fn syscall_errors() -> Shown {
    let mut table = "| number | name | meaning |\n| --- | --- | --- |\n".to_owned();
    for error in Error::ALL {
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| {} | {} | {} |", *error as u8, error.name(), error.meaning());
    }
    Ok(table)
}

/// `{{#milestone-diff m0 m1}}`: what xtask made of it.
pub fn milestone_diff(page: &mut Page, subject: &str) -> Shown {
    let (one, other) = subject.split_once(' ').ok_or("say which two milestones")?;
    let name = format!("diff-{one}-{other}.html");
    let Some(file) = page.course.extra.as_ref().map(|extra| extra.join(&name)) else {
        return Err(Refusal::Pending(format!("`cargo xtask book` makes {name}")));
    };
    let html = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(compact(&html))
}

/// Markdown would take an empty line for the end of the HTML; one in a listing is kept.
fn compact(html: &str) -> String {
    html.lines()
        .map(|line| if line.trim().is_empty() { "&#32;" } else { line })
        .collect::<Vec<_>>()
        .join("\n")
        + "\n"
}
