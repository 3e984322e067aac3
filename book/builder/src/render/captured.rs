//! What was recorded: boots and terminal sessions of `book/captured`.

use crate::{
    code::{self, Piece},
    directive::Range,
    expand::{Page, Refusal, Shown},
    render::fenced,
};

/// The anchors' name in all captured files.
const ANCHOR: &str = "captured";

/// `{{#transcript m1}}` and its like: a text that is kept of a milestone's boot.
pub fn boot(page: &mut Page, milestone: &str, what: &str, range: Range) -> Shown {
    let file = format!("book/captured/{milestone}/{what}.txt");
    let piece = captured(page, &file)?.between(range.from, range.to)?;
    Ok(format!("<div class=\"recorded\">\n\n{}\n</div>\n", fenced("text", &piece.text)))
}

/// `{{#session NAME}}`: the command, to be copied, and what it printed.
pub fn session(page: &mut Page, name: &str, range: Range) -> Shown {
    let session = page
        .course
        .sessions
        .get(name)
        .ok_or_else(|| format!("no file in book/sessions has a session `{name}`"))?;
    let file = format!("book/captured/sessions/{name}.txt");
    if !page.course.root.join(&file).is_file() {
        let why = format!("the session `{name}` is not captured; `cargo xtask bless` does it");
        return Err(Refusal::Pending(why));
    }
    let mut piece = captured(page, &file)?;
    if let Some((first, rest)) =
        piece.text.split_once('\n').filter(|(line, _)| line.starts_with("$ "))
    {
        if first != format!("$ {}", session.command) {
            return Err(Refusal::Wrong(format!(
                "{file} shows another command than {}; `cargo xtask bless` renews it",
                session.file
            )));
        }
        piece = Piece { text: rest.to_owned(), line: piece.line + 1 };
    }
    let piece = piece.between(range.from, range.to)?;
    Ok(format!(
        "<div class=\"recorded\">\n\n{}\n{}\n</div>\n",
        fenced("sh", &session.command),
        fenced("text", &piece.text)
    ))
}

fn captured(page: &Page, file: &str) -> anyhow::Result<Piece> {
    code::anchor(&page.course.root, file, ANCHOR)
}
