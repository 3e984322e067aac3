//! The comparison as pages that need no program to be read: one for reading, one
//! where each answer has to be predicted before it is revealed, and the same for a
//! projector. The second one is also a fragment of the book's pages.
//!
//! - [`sections`]: what a page consists of
//! - [`code`]: boots, modules, dependencies, sources
//! - [`observed`]: transcripts, memory, sizes

mod code;
mod observed;
mod sections;

use super::{Comparison, html::prose};
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

/// A whole page.
pub fn render(comparison: &Comparison, mode: Mode) -> String {
    let Comparison { left, right, .. } = comparison;
    let sections = sections::all(comparison);
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

/// The sections, each with its answer to be revealed, for a page that has a style and a
/// heading of its own; names begin with those of the milestones.
pub fn fragment(comparison: &Comparison) -> String {
    let Comparison { left, right, .. } = comparison;
    let sections = sections::all(comparison);
    let numbered = sections.iter().enumerate();
    let body: String =
        numbered.map(|(index, one)| section(one, index + 1, Mode::Predict)).collect();
    let (one, other) = (&left.name, &right.name);
    // In texts there are no quotes that are not escaped.
    let body = body
        .replace(" id=\"", &format!(" id=\"{one}-{other}-"))
        .replace(" href=\"#", &format!(" href=\"#{one}-{other}-"));
    format!("<div class=\"milestone-diff\">\n{body}</div>\n")
}

fn section(section: &sections::Section, number: usize, mode: Mode) -> String {
    let sections::Section { id, title, question, given, answer } = section;
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
