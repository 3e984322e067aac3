//! A chapter with everything in place of its directives.

use crate::{
    course::Course,
    defect::Defect,
    directive::{Directive, Segment, segments},
    render,
};
use std::collections::BTreeSet;

/// The chapter that is being expanded.
#[derive(Debug)]
pub struct Page<'a> {
    /// What there is to show.
    pub course: &'a Course,
    /// Its name without ending.
    pub slug: String,
    /// Its file, from the repository's root.
    pub file: String,
    /// What is wrong with it.
    pub defects: Vec<Defect>,
    /// Files that it quotes.
    pub quoted: BTreeSet<String>,
    /// Exercises, entries of the catalogue, widgets and calls that it shows: `exercise ID`.
    pub shown: BTreeSet<String>,
    /// Quizzes so far.
    pub quizzes: usize,
}

/// Why a directive shows nothing.
#[derive(Debug)]
pub enum Refusal {
    /// It is wrong.
    Wrong(String),
    /// What it shows is not made yet.
    Pending(String),
}

impl<T: std::fmt::Display> From<T> for Refusal {
    fn from(error: T) -> Self {
        Self::Wrong(error.to_string())
    }
}

/// What a directive becomes: Markdown.
pub type Shown = Result<String, Refusal>;

impl<'a> Page<'a> {
    /// The chapter `slug`, of which nothing is known yet.
    pub fn new(course: &'a Course, slug: &str) -> Self {
        Self {
            course,
            slug: slug.to_owned(),
            file: format!("book/src/{slug}.md"),
            defects: Vec::new(),
            quoted: BTreeSet::new(),
            shown: BTreeSet::new(),
            quizzes: 0,
        }
    }

    /// Puts everything in place of the directives in `text`, whose first line has the
    /// number `first`. What cannot be shown becomes a defect.
    pub fn expand(&mut self, text: &str, first: usize) -> String {
        let mut expanded = String::new();
        for segment in segments(text, first) {
            match segment {
                Segment::Text(text) => expanded.push_str(&text),
                Segment::Broken(line, why) => {
                    self.defects.push(Defect::new(&*self.file, line, why));
                }
                Segment::Directive(directive) => match self.show(&directive) {
                    Ok(shown) => {
                        expanded.push_str(&shown);
                        expanded.push('\n');
                    }
                    Err(Refusal::Wrong(why)) => {
                        self.defects.push(Defect::new(&*self.file, directive.line, why));
                    }
                    Err(Refusal::Pending(why)) => {
                        self.defects.push(Defect::pending(&*self.file, directive.line, why));
                    }
                },
            }
        }
        expanded
    }

    fn show(&mut self, directive: &Directive) -> Shown {
        let (subject, range) = directive.split()?;
        match directive.name.as_str() {
            "item" => render::listing::item(self, &subject, true),
            "code" => render::listing::item(self, &subject, false),
            "doc" => render::listing::doc(self, &subject, range),
            "part" => render::listing::part(self, &subject, range),
            "transcript" | "regions" | "checks" => {
                render::captured::boot(self, &subject, &directive.name, range)
            }
            "session" => render::captured::session(self, &subject, range),
            "figure" => render::figure::show(self, &subject),
            "widget" => render::widget::one(self, &subject),
            "widgets" => render::widget::all(self),
            "quiz" => render::quiz::show(self, directive),
            "mistake" => render::exercises::mistake(self, &subject),
            "exercises" => render::exercises::of_chapter(self),
            "exercise-index" => render::exercises::index(self),
            "catalogue" => render::catalogue::of_chapter(self, &subject),
            "catalogue-index" => render::catalogue::index(self),
            "syscalls" => render::reference::syscalls(self),
            "syscall-errors" => render::reference::syscall_errors(),
            "commands" => render::commands::manual(self),
            "milestone-diff" => render::reference::milestone_diff(self, &subject),
            other => Err(format!("there is no directive `{other}`").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn course() -> Course {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        Course::read(&root, None).expect("the course")
    }

    /// What is wrong with a chapter of these lines, with the lines' numbers.
    fn wrong(text: &str) -> Vec<(usize, String)> {
        let course = course();
        let mut page = Page::new(&course, "m0-interrupts");
        page.expand(text, 1);
        let defects = page.defects.into_iter().filter(|one| !one.pending);
        defects.map(|one| (one.line, one.message)).collect()
    }

    #[test]
    fn what_is_right_is_shown() {
        let course = course();
        let mut page = Page::new(&course, "m0-interrupts");
        let text = page.expand(
            "a\n\n{{#code m0-boot/src/idt.rs load}}\n\n{{#exercises}}\n\n{{#catalogue}}\n\n\
             {{#transcript m0 from `handshake` to `handshake`}}\n\n\
             {{#mistake m0-idt-gate not-present}}\n\n{{#syscalls}}\n",
            1,
        );
        assert_eq!(page.defects, []);
        for part in ["pub unsafe fn load", "m0-boot/src/idt.rs.html#L", "m0-idt-gate", "`spawn`"] {
            assert!(text.contains(part), "{part}:\n{text}");
        }
        assert!(page.quoted.contains("m0-boot/src/idt.rs"));
        assert!(page.shown.contains("exercise m0-idt-gate"));
    }

    #[test]
    fn whatever_does_not_exist_is_told_with_its_line() {
        for (directive, mention) in [
            ("{{#item m0-boot/src/idt.rs store}}", "no item `store`"),
            ("{{#item m0-boot/src/none.rs load}}", "cannot read m0-boot/src/none.rs"),
            ("{{#item m0-boot/src/idt.rs}}", "which item"),
            ("{{#part m0-boot/src/idt.rs load from `nowhere`}}", "no line with `nowhere`"),
            ("{{#transcript m9}}", "book/captured/m9/transcript.txt"),
            ("{{#transcript m0 from `nothing like it`}}", "no line with"),
            ("{{#session none}}", "has a session `none`"),
            ("{{#figure none}}", "no book/figures/none.svg"),
            ("{{#widget none}}", "no widget `none`"),
            ("{{#mistake m0-idt-gate none}}", "wrong/none.toml"),
            ("{{#catalogue none}}", "no entry `none`"),
            ("{{#include x}}", "no directive `include`"),
            ("see {{#exercises}}", "alone on its line"),
            ("{{#quiz}}\nwhat?\n{{#/quiz}}", "a line `---`"),
            ("{{#quiz}}\nwhat?\n\n(x) a\n(x) b\n---\nb\n{{#/quiz}}", "exactly one"),
        ] {
            let found = wrong(&format!("first\n\n{directive}\n"));
            assert_eq!(found.len(), 1, "{directive}: {found:?}");
            let (line, message) = &found[0];
            assert_eq!(*line, 3, "{directive}");
            assert!(message.contains(mention), "{directive}: {message}");
        }
    }
}
