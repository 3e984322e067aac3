//! Listings: an item or a part of a file, with a link to where it stands.

use crate::{
    code::{self, Piece},
    directive::Range,
    expand::{Page, Shown},
    render::{escape, fenced},
    sources,
};
use regex::Regex;
use std::path::Path;

/// `{{#item FILE ITEM}}`, and `{{#code FILE ITEM}}` without the documentation in front.
pub fn item(page: &mut Page, subject: &str, docs: bool) -> Shown {
    let (file, name) = subject.split_once(' ').ok_or("say which file, and which item of it")?;
    let piece = code::item(&page.course.root, file, name)?;
    Ok(show(page, file, &if docs { piece } else { piece.without_docs() }))
}

/// `{{#part FILE ITEM from `…` to `…`}}`; without an item, of the whole file.
pub fn part(page: &mut Page, subject: &str, range: Range) -> Shown {
    let piece = match subject.split_once(' ') {
        Some((file, name)) => code::item(&page.course.root, file, name)?,
        None => code::whole(&page.course.root, subject)?,
    };
    let piece = piece.between(range.from, range.to)?;
    let file = subject.split(' ').next().unwrap_or(subject);
    Ok(show(page, file, &piece))
}

/// `{{#doc FILE from `…` to `…`}}`: a piece of a module's documentation, as what it is:
/// Markdown.
pub fn doc(page: &mut Page, file: &str, range: Range) -> Shown {
    let piece = code::whole(&page.course.root, file)?.between(range.from, range.to)?;
    let text = undocumented(&piece.text).ok_or("not every line there begins with `//!`")?;
    page.quoted.insert(file.to_owned());
    Ok(without_links(&text)?)
}

/// The links of documentation lead to items, of which the book knows nothing.
fn without_links(text: &str) -> Result<String, regex::Error> {
    let link = Regex::new(r"\[(`[^`]+`)\](?:\([^)]*\))?")?;
    Ok(link.replace_all(text, "$1").into_owned())
}

/// What stands behind the `//!` of each line.
fn undocumented(text: &str) -> Option<String> {
    let lines = text.lines().map(|line| line.strip_prefix("//!"));
    let lines: Option<Vec<&str>> = lines.collect();
    Some(
        lines?
            .iter()
            .map(|line| line.strip_prefix(' ').unwrap_or(line))
            .fold(String::new(), |text, line| text + line + "\n"),
    )
}

fn show(page: &mut Page, file: &str, piece: &Piece) -> String {
    page.quoted.insert(file.to_owned());
    // A drawing in a module's documentation needs no comment signs.
    let (language, text) = match undocumented(&piece.text) {
        Some(drawing) => ("text", drawing),
        None => (language(file), piece.text.clone()),
    };
    format!(
        "<figure class=\"listing\">\n\n{}\n<figcaption><a href=\"{}#L{}\">{}, line {}</a></figcaption>\n</figure>\n",
        fenced(language, &text),
        sources::page(file),
        piece.line,
        escape(file),
        piece.line,
    )
}

/// What highlights a file, by its ending.
fn language(file: &str) -> &'static str {
    match Path::new(file).extension().and_then(|end| end.to_str()) {
        Some("rs") => "rust,noplayground",
        Some("toml") => "toml",
        Some("sh") => "sh",
        Some("json") => "json",
        Some("yml") => "yaml",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documentation_becomes_markdown() {
        let text = undocumented("//! | [`conf`], [`a`](b::a) |\n//!\n").expect("documentation");
        assert_eq!(without_links(&text).expect("a pattern"), "| `conf`, `a` |\n\n");
        assert_eq!(undocumented("//! one\nfn two() {}"), None);
    }
}
