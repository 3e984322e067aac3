//! What can be said of a chapter's text without building it: its links, its length, the
//! commands that it shows.

use crate::{course::Course, directive::track_fence};
use mdbook_markdown::{
    MarkdownOptions, new_cmark_parser,
    pulldown_cmark::{CodeBlockKind, Event, Tag, TagEnd},
};
use serde::Serialize;

/// A link of a chapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// From 1.
    pub line: usize,
    /// Where it leads, as written.
    pub to: String,
}

/// All links and pictures, in order.
pub fn links(text: &str) -> Vec<Link> {
    let parser = new_cmark_parser(text, &MarkdownOptions::default()).into_offset_iter();
    parser
        .filter_map(|(event, range)| match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                let line = text[..range.start].matches('\n').count() + 1;
                Some(Link { line, to: dest_url.to_string() })
            }
            _ => None,
        })
        .collect()
}

/// Words to be read: without listings and without what directives show.
pub fn words(text: &str) -> usize {
    let mut in_code = false;
    let mut words = 0;
    for event in new_cmark_parser(text, &MarkdownOptions::default()) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::End(TagEnd::CodeBlock) => in_code = false,
            Event::Text(text) | Event::Code(text) if !in_code && !text.starts_with("{{#") => {
                words += text.split_whitespace().count();
            }
            _ => {}
        }
    }
    words
}

/// A command line that the book shows to be typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// From the repository's root.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// As a reader types it.
    pub command: String,
    /// The recorded session that it is, if it is one.
    pub session: Option<String>,
}

/// The command lines of a chapter: lines of blocks fenced as `sh`.
pub fn commands(file: &str, text: &str) -> Vec<Shown> {
    let is_shell = |event: &Event| matches!(event, Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(kind))) if &**kind == "sh");
    let parser = new_cmark_parser(text, &MarkdownOptions::default()).into_offset_iter();
    let mut shown = Vec::new();
    for (_, range) in parser.filter(|(event, _)| is_shell(event)) {
        let first = text[..range.start].matches('\n').count() + 1;
        let mut fence = None;
        for (index, line) in text[range].lines().enumerate() {
            let outside = fence.is_none();
            track_fence(line, &mut fence);
            if outside || fence.is_none() || line.trim().is_empty() {
                continue;
            }
            let (file, command) = (file.to_owned(), line.trim().to_owned());
            shown.push(Shown { file, line: first + index, command, session: None });
        }
    }
    shown
}

/// Those that directives show: the sessions' and, by `check`, the exercises'.
pub fn commands_of_course(course: &Course) -> Vec<Shown> {
    let of_session = |(name, session): (&String, &crate::course::Session)| Shown {
        file: session.file.clone(),
        line: 0,
        command: session.command.clone(),
        session: Some(name.clone()),
    };
    let mut shown: Vec<Shown> = course.sessions.iter().map(of_session).collect();
    shown.extend(course.exercises.iter().map(|exercise| Shown {
        file: format!("exercises/{}/exercise.toml", exercise.id),
        line: 0,
        command: format!("cargo xtask check {}", exercise.id),
        session: None,
    }));
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# A title\n\nSee [there](m0-x.md#y).\n\n```sh\ncargo xtask list\n\n\
                        cargo xtask run m0   # why\n```\n\n```text\nnot this\n```\n";

    #[test]
    fn links_know_their_lines() {
        assert_eq!(links(TEXT), [Link { line: 3, to: "m0-x.md#y".into() }]);
    }

    #[test]
    fn listings_are_no_words() {
        assert_eq!(words(TEXT), 5);
    }

    #[test]
    fn commands_are_the_lines_of_shell_blocks() {
        let found = commands("f", TEXT);
        let found: Vec<_> = found.iter().map(|one| (one.line, one.command.as_str())).collect();
        assert_eq!(found, [(6, "cargo xtask list"), (8, "cargo xtask run m0   # why")]);
    }
}
