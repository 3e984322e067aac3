//! What directives show, each as Markdown with the HTML that Markdown has no words for.
//!
//! - [`listing`]: code; [`captured`]: what was recorded
//! - [`figure`], [`widget`], [`quiz`]: to look at, to play with, to think about
//! - [`exercises`], [`catalogue`], [`commands`], [`reference`]: tables of what there is

pub mod captured;
pub mod catalogue;
pub mod commands;
pub mod exercises;
pub mod figure;
pub mod listing;
pub mod quiz;
pub mod reference;
pub mod widget;

/// `text` for HTML, inside and outside of attributes.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A fenced block; the fence is longer than any in `text`.
pub fn fenced(language: &str, text: &str) -> String {
    let longest = text.split(|char| char != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end())
}

/// `text` for a cell of a Markdown table.
pub fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_is_longer_than_those_inside() {
        assert_eq!(fenced("rust", "a"), "```rust\na\n```\n");
        assert!(fenced("rust", "/// ```text\n").starts_with("````rust\n"));
    }
}
