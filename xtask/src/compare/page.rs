//! The comparison as pages that need no program to be read: one for reading, one
//! where each answer has to be predicted before it is revealed, and the same for a
//! projector.

use super::{
    Comparison, Lines,
    align::{Relation, Row},
    html::{breakable, escape, prose, slug},
    maps::{Pair, Region},
    modules::Module,
    sequence::Step,
    text::without_map,
};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

const STYLE: &str = include_str!("page.css");

/// Which page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Reading,
    Predict,
    Projector,
}

const MODES: [Mode; 3] = [Mode::Reading, Mode::Predict, Mode::Projector];

impl Mode {
    fn file(self, comparison: &Comparison) -> String {
        let Comparison { left, right, .. } = comparison;
        match self {
            Self::Reading => format!("{}-{}.html", left.name, right.name),
            Self::Predict => format!("{}-{}-predict.html", left.name, right.name),
            Self::Projector => format!("{}-{}-projector.html", left.name, right.name),
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Reading => "Read",
            Self::Predict => "Predict, then reveal",
            Self::Projector => "Projector",
        }
    }
}

/// Writes the pages into `folder` and says which.
pub fn write(comparison: &Comparison, folder: &Path) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    MODES
        .into_iter()
        .map(|mode| {
            let path = folder.join(mode.file(comparison));
            std::fs::write(&path, render(comparison, mode))
                .with_context(|| format!("cannot write {}", path.display()))?;
            Ok(path)
        })
        .collect()
}

/// One section of a page.
struct Section {
    id: &'static str,
    title: &'static str,
    question: String,
    /// What may be seen before the answer.
    given: String,
    answer: String,
}

/// A whole page.
pub fn render(comparison: &Comparison, mode: Mode) -> String {
    let Comparison { left, right, .. } = comparison;
    let sections = sections(comparison);
    let (one, other) = (left.name.to_uppercase(), right.name.to_uppercase());
    let class = match mode {
        Mode::Reading | Mode::Predict => "reading",
        Mode::Projector => "projector",
    };
    let contents: String = sections
        .iter()
        .map(|section| format!("<li><a href=\"#{}\">{}</a></li>", section.id, section.title))
        .collect();
    let modes: String = MODES
        .into_iter()
        .map(|to| match to == mode {
            true => format!("<li><span aria-current=\"page\">{}</span></li>", to.label()),
            false => format!("<li><a href=\"{}\">{}</a></li>", to.file(comparison), to.label()),
        })
        .collect();
    let body: String =
        sections.iter().enumerate().map(|(index, one)| section(one, index + 1, mode)).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Myria: from {one} to {other}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body class=\"{class}\">\n<header id=\"top\">\n<p class=\"eyebrow\">Myria, milestone by milestone</p>\n\
         <h1>From {one} to {other}</h1>\n<p class=\"lede\">{}</p>\n\
         <nav aria-label=\"Ways to read\"><ul class=\"modes\">{modes}</ul></nav>\n\
         <nav aria-label=\"Sections\"><ol class=\"contents\">{contents}</ol></nav>\n</header>\n\
         <main>\n{body}</main>\n<footer><p>Made by <code>cargo xtask diff {} {} --html</code> \
         from the sources and from captured boots. <a href=\"#top\">Back to the top</a></p></footer>\n\
         </body>\n</html>\n",
        prose(&right.description),
        left.name,
        right.name,
    )
}

fn section(section: &Section, number: usize, mode: Mode) -> String {
    let Section { id, title, question, given, answer } = section;
    let content = match mode {
        Mode::Reading => answer.clone(),
        Mode::Predict | Mode::Projector => format!(
            "<p class=\"question\">{question}</p>\n{given}\
             <details>\n<summary>Reveal</summary>\n{answer}</details>\n"
        ),
    };
    format!(
        "<section id=\"{id}\">\n<h2><span class=\"number\">{number}</span> {title}</h2>\n\
         {content}</section>\n"
    )
}

fn sections(comparison: &Comparison) -> Vec<Section> {
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
            given: given_sequence(comparison),
            answer: sequence(comparison),
        },
        Section {
            id: "modules",
            title: "New modules",
            question: format!(
                "Which parts does {other} need that {one} has not? Which of them will be the \
                 largest?"
            ),
            given: String::new(),
            answer: modules(comparison),
        },
        Section {
            id: "superseded",
            title: "What supersedes what",
            question: format!("Which part of what came before can {other} not use as it is?"),
            given: String::new(),
            answer: superseded(comparison),
        },
        Section {
            id: "dependencies",
            title: "New dependencies",
            question: "What would you rather take from a library than write, and why?".to_owned(),
            given: String::new(),
            answer: dependencies(comparison),
        },
        Section {
            id: "transcripts",
            title: "What the boots print",
            question: format!("What will {other} print that {one} does not?"),
            given: String::new(),
            answer: transcripts(comparison),
        },
        Section {
            id: "memory",
            title: "Address spaces",
            question: format!("Which ranges of addresses does {other} map, and with which rights?"),
            given: String::new(),
            answer: memory(comparison),
        },
        Section {
            id: "size",
            title: "Size and boot time",
            question: "How much larger is the kernel? How many instructions does its boot take?"
                .to_owned(),
            given: String::new(),
            answer: sizes(comparison),
        },
    ];
    if !comparison.source.is_empty() {
        sections.push(Section {
            id: "source",
            title: "The sources",
            question: "Which file would you read first?".to_owned(),
            given: String::new(),
            answer: source(comparison),
        });
    }
    sections
}

/// A table of two columns, one for each milestone.
fn beside(comparison: &Comparison, class: &str, rows: &str) -> String {
    let Comparison { left, right, .. } = comparison;
    format!(
        "<table class=\"beside {class}\">\n<thead><tr><th scope=\"col\">{}</th>\
         <th scope=\"col\">{}</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n",
        left.name.to_uppercase(),
        right.name.to_uppercase(),
    )
}

fn cell(side: &str, content: &str) -> String {
    match content.is_empty() {
        true => format!("<td data-side=\"{side}\" class=\"none\"></td>"),
        false => format!("<td data-side=\"{side}\">{content}</td>"),
    }
}

fn sequence(comparison: &Comparison) -> String {
    let row = |row: &Row| {
        let (class, word) = match row.relation {
            Relation::Same => ("same", ""),
            Relation::Changed => ("changed", "other arguments"),
            Relation::Superseded => ("superseded", "supersedes"),
            Relation::Gone => ("gone", "gone"),
            Relation::New => ("new", "new"),
        };
        let badge = match word {
            "" => String::new(),
            _ => format!(" <span class=\"badge\">{word}</span>"),
        };
        let (on_left, on_right) = match row.right.is_some() {
            true => ("", badge.as_str()),
            false => (badge.as_str(), ""),
        };
        let left = row.left.as_ref().map_or(String::new(), |one| step(one, on_left));
        let right = row.right.as_ref().map_or(String::new(), |one| step(one, on_right));
        let Comparison { left: from, right: to, .. } = comparison;
        format!(
            "<tr class=\"{class}\">{}{}</tr>\n",
            cell(&from.name.to_uppercase(), &left),
            cell(&to.name.to_uppercase(), &right)
        )
    };
    let rows: String = comparison.sequence.iter().map(row).collect();
    let intro = "<p>One call a line, as in the two <code>main.rs</code>; what happens on an \
                 error is left out.</p>\n";
    format!("{intro}{}", beside(comparison, "calls", &rows))
}

fn step(step: &Step, badge: &str) -> String {
    let comment = match step.comment.as_str() {
        "" => String::new(),
        comment => format!("<p class=\"comment\">{}</p>", prose(comment)),
    };
    format!("{comment}<code>{}</code>{badge}", breakable(&step.call))
}

/// The earlier boot alone.
fn given_sequence(comparison: &Comparison) -> String {
    let steps: String = comparison
        .sequence
        .iter()
        .filter_map(|row| row.left.as_ref())
        .map(|one| format!("<li>{}</li>\n", step(one, "")))
        .collect();
    format!("<ol class=\"calls\">\n{steps}</ol>\n")
}

fn modules(comparison: &Comparison) -> String {
    let most = comparison.modules.iter().map(Module::all_lines).max().unwrap_or(1).max(1);
    let items: String = comparison.modules.iter().map(|one| module(one, most)).collect();
    let lines: usize = comparison.modules.iter().map(Module::all_lines).sum();
    let tests: usize = comparison.modules.iter().map(Module::all_test_lines).sum();
    format!(
        "<p>In the order in which the library declares them. {lines} lines in all, and {tests} \
         lines of tests.</p>\n<ul class=\"modules\">\n{items}</ul>\n"
    )
}

fn module(module: &Module, most: usize) -> String {
    let lines = module.all_lines();
    let width = (lines * 100).div_ceil(most);
    let (id, path) = (slug(&module.path), breakable(&module.path));
    let head = format!(
        "<h3 id=\"{id}\"><code>{path}</code></h3>\n<p>{}</p>\n<p class=\"lines\">\
         <span class=\"bar\" style=\"width:{width}%\"></span> <span>{lines} lines</span></p>\n",
        prose(&module.sentence)
    );
    let within: Vec<&Module> = module.flat().into_iter().skip(1).collect();
    if within.is_empty() {
        return format!("<li>{head}</li>\n");
    }
    let parts: String = within
        .iter()
        .map(|one| {
            let name = one.path.strip_prefix(&module.path).unwrap_or(&one.path);
            format!(
                "<li><code>{}</code> {} <span class=\"count\">{} lines</span></li>\n",
                breakable(name.trim_start_matches("::")),
                prose(&one.sentence),
                one.lines
            )
        })
        .collect();
    format!(
        "<li>{head}<details class=\"within\"><summary>{} modules within</summary>\n\
         <ul>\n{parts}</ul></details></li>\n",
        within.len()
    )
}

fn superseded(comparison: &Comparison) -> String {
    if comparison.superseded.is_empty() {
        return format!(
            "<p>Nothing: {} uses all that came before as it is.</p>\n",
            comparison.right.name.to_uppercase()
        );
    }
    let items: String = comparison
        .superseded
        .iter()
        .map(|one| {
            format!(
                "<li><a href=\"#{}\"><code>{}</code></a> supersedes <code>{}</code>: {}</li>\n",
                slug(one.new.split("::").take(2).collect::<Vec<_>>().join("::").as_str()),
                breakable(&one.new),
                breakable(&one.old),
                prose(&one.sentence)
            )
        })
        .collect();
    format!("<ul class=\"plain\">\n{items}</ul>\n")
}

fn dependencies(comparison: &Comparison) -> String {
    if comparison.dependencies.is_empty() {
        return "<p>None.</p>\n".to_owned();
    }
    let items: String = comparison
        .dependencies
        .iter()
        .map(|one| {
            format!(
                "<dt><code>{}</code> <span class=\"count\">{}</span></dt><dd>{}</dd>\n",
                breakable(&one.dependency.name),
                one.milestone.to_uppercase(),
                prose(&one.dependency.reason)
            )
        })
        .collect();
    format!("<dl>\n{items}</dl>\n")
}

fn transcripts(comparison: &Comparison) -> String {
    let names = (comparison.left.name.to_uppercase(), comparison.right.name.to_uppercase());
    let row = |row: &Lines| {
        let class = match (&row.left, &row.right) {
            (Some(_), Some(_)) if row.same => "same",
            (Some(_), Some(_)) => "other",
            (Some(_), None) => "gone",
            _ => "new",
        };
        // A line that is there and empty is something else than no line.
        let show = |line: &Option<String>| match line.as_deref() {
            None => String::new(),
            Some("") => "&nbsp;".to_owned(),
            Some(line) => format!("<samp>{}</samp>", escape(line)),
        };
        let (left, right) = (cell(&names.0, &show(&row.left)), cell(&names.1, &show(&row.right)));
        format!("<tr class=\"{class}\">{left}{right}</tr>\n")
    };
    let rows: String = comparison.transcripts.iter().map(row).collect();
    let intro = "<p>Captured on a machine whose time is the number of instructions executed: one \
                 is a nanosecond.</p>\n";
    format!("{intro}{}", beside(comparison, "transcript", &rows))
}

fn memory(comparison: &Comparison) -> String {
    let mut html = String::new();
    for side in [&comparison.left, &comparison.right] {
        if side.map.virtual_memory.is_empty() {
            html.push_str(&format!(
                "<p>{}.</p>\n",
                escape(&without_map(side).replacen(&side.name, &side.name.to_uppercase(), 1,))
            ));
        }
    }
    html.push_str(
        "<p>High addresses above. Rights: read, write, execute, ring 3 (u), global (g).</p>\n",
    );
    html += &beside(comparison, "map", &pairs(comparison, &comparison.virtual_memory));
    if !comparison.physical_memory.is_empty() {
        let rows = pairs(comparison, &comparison.physical_memory);
        html.push_str("<h3 id=\"physical-memory\">Physical memory, as far as it is printed</h3>\n");
        html += &beside(comparison, "map", &rows);
    }
    html
}

/// Rows of regions, the highest first.
fn pairs(comparison: &Comparison, pairs: &[Pair]) -> String {
    let (one, other) = (comparison.left.name.to_uppercase(), comparison.right.name.to_uppercase());
    let row = |pair: &Pair| {
        let class = match (&pair.left, &pair.right) {
            (Some(_), Some(_)) => "same",
            (Some(_), None) => "gone",
            _ => "new",
        };
        let show = |one: &Option<Region>| one.as_ref().map_or(String::new(), region);
        let (left, right) = (cell(&one, &show(&pair.left)), cell(&other, &show(&pair.right)));
        format!("<tr class=\"{class}\">{left}{right}</tr>\n")
    };
    pairs.iter().rev().map(row).collect()
}

fn region(region: &Region) -> String {
    let kind = match region.rights.as_str() {
        "" => "physical",
        rights if rights.contains('x') => "execute",
        rights if rights.contains('w') => "write",
        _ => "read",
    };
    format!(
        "<div class=\"region {kind}\"><strong>{}</strong> {} \
         <span class=\"count\">{}</span><br><code class=\"address\">{:#018x}</code></div>",
        escape(&region.name),
        match region.rights.as_str() {
            "" => String::new(),
            rights => format!("<code class=\"rights\">{}</code>", escape(rights)),
        },
        region.size(),
        region.start
    )
}

fn sizes(comparison: &Comparison) -> String {
    let Comparison { left, right, .. } = comparison;
    let row = |name: &str, one: u64, other: u64, unit: &str| {
        format!(
            "<tr><th scope=\"row\">{name} <span class=\"count\">{unit}</span></th>\
             <td>{}</td><td>{}</td></tr>\n",
            grouped(one),
            grouped(other)
        )
    };
    let mut rows: String = comparison
        .sections
        .iter()
        .map(|one| {
            let name = format!("<code>{}</code>", escape(&one.name));
            row(&name, one.left, one.right, "bytes")
        })
        .collect();
    rows += &row("In memory", left.bytes_in_memory, right.bytes_in_memory, "bytes");
    rows += &row("Own sources", left.lines as u64, right.lines as u64, "lines");
    rows += &row("Boot", left.boot_instructions, right.boot_instructions, "instructions");
    format!(
        "<table class=\"figures\">\n<thead><tr><th scope=\"col\"></th><th scope=\"col\">{}</th>\
         <th scope=\"col\">{}</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n\
         <p>A boot's instructions include those that it waits, as for timer ticks.</p>\n",
        left.name.to_uppercase(),
        right.name.to_uppercase(),
    )
}

/// A number with a thin space at each thousand.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut result = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            result.push('\u{202f}');
        }
        result.push(digit);
    }
    result
}

fn source(comparison: &Comparison) -> String {
    let concept = |concept: &super::source::Concept| {
        let files: String = concept.files.iter().map(change).collect();
        format!("<h3>{}</h3>\n{files}", escape(&concept.name))
    };
    comparison.source.iter().map(concept).collect()
}

fn change(change: &super::source::Change) -> String {
    let new = breakable(&change.new.display().to_string());
    let title = match &change.old {
        Some(old) => format!("{} → {new}", breakable(&old.display().to_string())),
        None => new,
    };
    let line = |line: &str| {
        let tag = match line.chars().next() {
            Some('+') => "ins",
            Some('-') => "del",
            Some('@') => "i",
            _ => return format!("{}\n", escape(line)),
        };
        format!("<{tag}>{}</{tag}>\n", escape(line))
    };
    let text: String = change.diff.lines().map(line).collect();
    format!(
        "<details class=\"file\"><summary><code>{title}</code> <span class=\"count\">+{} \u{2212}{}\
         </span></summary>\n<pre>{text}</pre></details>\n",
        change.added, change.removed
    )
}
