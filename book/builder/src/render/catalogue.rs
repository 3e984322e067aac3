//! The fault catalogue, for a chapter and as a whole.

use crate::{
    course::Entry,
    expand::{Page, Refusal, Shown},
};
use std::fmt::Write;

/// `{{#catalogue}}`: the entries that send readers to this chapter; `{{#catalogue ID}}`: one.
pub fn of_chapter(page: &mut Page, id: &str) -> Shown {
    let slug = &page.slug;
    let wanted =
        |entry: &&Entry| if id.is_empty() { entry.chapter == *slug } else { entry.id == id };
    let entries: Vec<&Entry> = page.course.catalogue.iter().filter(wanted).collect();
    if entries.is_empty() {
        return Err(Refusal::Wrong(match id {
            "" => "no entry of xtask/catalogue.toml sends readers to this chapter".into(),
            id => format!("xtask/catalogue.toml has no entry `{id}`"),
        }));
    }
    let mut shown = String::new();
    for entry in entries {
        page.shown.insert(format!("catalogue {}", entry.id));
        shown += &one(entry, "");
    }
    Ok(shown)
}

/// `{{#catalogue-index}}`: all entries, by the kind of failure.
pub fn index(page: &mut Page) -> Shown {
    let mut shown = String::new();
    let mut verdict = "";
    for entry in &page.course.catalogue {
        if entry.when.verdict != verdict {
            verdict = &entry.when.verdict;
            // Writing to a string cannot fail.
            let _ = writeln!(shown, "\n## {}\n", heading(verdict));
        }
        page.shown.insert(format!("catalogue {}", entry.id));
        let title = page.course.chapters.get(&entry.chapter).map_or("", String::as_str);
        let more = format!(" Read [{title}]({}.md).", entry.chapter);
        shown += &one(entry, &more);
    }
    Ok(shown)
}

/// `triple-fault` for people.
fn heading(verdict: &str) -> String {
    let mut chars = verdict.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    first + &chars.as_str().replace('-', " ")
}

fn one(entry: &Entry, more: &str) -> String {
    let Entry { id, title, explanation, check_first, manual, .. } = entry;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "**{title}**\n: {}", explanation.trim());
    let _ = write!(text, "  *Check first:* {}{more}", check_first.trim());
    if let Some(manual) = manual {
        let _ = write!(text, " ({})", manual.trim());
    }
    let _ = writeln!(text, " `{id}`\n");
    text
}
