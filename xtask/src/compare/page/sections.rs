//! The sections of a page: a question, what may be seen before the answer, and the
//! answer.

use super::{super::Comparison, code, observed};

/// One section of a page.
pub struct Section {
    pub id: &'static str,
    pub title: &'static str,
    pub question: String,
    /// What may be seen before the answer.
    pub given: String,
    pub answer: String,
}

/// All sections, in order.
pub fn all(comparison: &Comparison) -> Vec<Section> {
    let Comparison { left, right, .. } = comparison;
    let (one, other) = (left.name.to_uppercase(), right.name.to_uppercase());
    let mut sections = vec![
        Section {
            id: "boot",
            title: "The boot, call by call",
            question: format!(
                "This is the whole boot of {one}. Which calls does {other} add, which does it \
                 change, and where?"
            ),
            given: code::given_sequence(comparison),
            answer: code::sequence(comparison),
        },
        Section {
            id: "modules",
            title: "New modules",
            question: format!(
                "Which parts does {other} need that {one} has not? Which of them will be the \
                 largest?"
            ),
            given: String::new(),
            answer: code::modules(comparison),
        },
        Section {
            id: "superseded",
            title: "What supersedes what",
            question: format!("Which part of what came before can {other} not use as it is?"),
            given: String::new(),
            answer: code::superseded(comparison),
        },
        Section {
            id: "dependencies",
            title: "New dependencies",
            question: "What would you rather take from a library than write, and why?".to_owned(),
            given: String::new(),
            answer: code::dependencies(comparison),
        },
        Section {
            id: "transcripts",
            title: "What the boots print",
            question: format!("What will {other} print that {one} does not?"),
            given: String::new(),
            answer: observed::transcripts(comparison),
        },
        Section {
            id: "memory",
            title: "Address spaces",
            question: format!("Which ranges of addresses does {other} map, and with which rights?"),
            given: String::new(),
            answer: observed::memory(comparison),
        },
        Section {
            id: "size",
            title: "Size and boot time",
            question: match comparison.sections.is_empty() {
                true => "How many lines are there to read? How many instructions does a boot take?",
                false => "How much larger is the kernel? How many instructions does its boot take?",
            }
            .to_owned(),
            given: String::new(),
            answer: observed::sizes(comparison),
        },
    ];
    if !comparison.source.is_empty() {
        sections.push(Section {
            id: "source",
            title: "The sources",
            question: "Which file would you read first?".to_owned(),
            given: String::new(),
            answer: code::source(comparison),
        });
    }
    sections
}

/// A table of two columns, one for each milestone.
pub fn beside(comparison: &Comparison, class: &str, rows: &str) -> String {
    let Comparison { left, right, .. } = comparison;
    format!(
        "<table class=\"beside {class}\">\n<thead><tr><th scope=\"col\">{}</th>\
         <th scope=\"col\">{}</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n",
        left.name.to_uppercase(),
        right.name.to_uppercase(),
    )
}

/// A cell of such a table; empty where a side has nothing.
pub fn cell(side: &str, content: &str) -> String {
    match content.is_empty() {
        true => format!("<td data-side=\"{side}\" class=\"none\"></td>"),
        false => format!("<td data-side=\"{side}\">{content}</td>"),
    }
}
