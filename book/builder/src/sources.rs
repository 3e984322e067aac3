//! The files that chapters quote, as pages with numbered lines.

use crate::render::escape;
use anyhow::{Context, Result};
use std::{collections::BTreeSet, fs, path::Path};

/// The page of a file, from the book's own folder.
pub fn page(file: &str) -> String {
    // mdBook would take what follows `.md` for a part of a chapter's page.
    let file = file.strip_suffix(".md").map_or(file.to_owned(), |name| format!("{name}-md"));
    format!("source/{file}.html")
}

/// Writes the pages of `files` below `out`.
///
/// # Errors
/// If a file cannot be read or a page not be written.
pub fn write(root: &Path, out: &Path, files: &BTreeSet<String>) -> Result<()> {
    let style = out.join("source/source.css");
    let cannot = || format!("cannot write {}", style.display());
    fs::create_dir_all(out.join("source")).with_context(cannot)?;
    fs::copy(root.join("book/theme/source/source.css"), &style).with_context(cannot)?;
    for file in files {
        let text =
            fs::read_to_string(root.join(file)).with_context(|| format!("cannot read {file}"))?;
        let path = out.join(page(file));
        let cannot = || format!("cannot write {}", path.display());
        let folder = path.parent().with_context(cannot)?;
        fs::create_dir_all(folder).with_context(cannot)?;
        fs::write(&path, render(file, &text)).with_context(cannot)?;
    }
    Ok(())
}

fn render(file: &str, text: &str) -> String {
    let up = "../".repeat(file.matches('/').count() + 1);
    let lines: String = text
        .lines()
        .enumerate()
        .map(|(index, line)| {
            let number = index + 1;
            format!("<span class=\"row\" id=\"L{number}\"><a href=\"#L{number}\" aria-label=\"line {number}\">{number}</a> {}</span>\n", escape(line))
        })
        .collect();
    let file = escape(file);
    format!(
        "<!doctype html>\n<html lang=\"en\" class=\"light\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{file} - Myria</title>\n<link rel=\"stylesheet\" href=\"{up}source/source.css\">\n\
         </head>\n<body>\n<header><h1><code>{file}</code></h1>\n\
         <p><a href=\"{up}index.html\">Myria: the book</a></p></header>\n\
         <main>\n<pre tabindex=\"0\" aria-label=\"{file}\">{lines}</pre>\n</main>\n</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_page_is_called_like_a_chapter() {
        assert_eq!(page("a/b.rs"), "source/a/b.rs.html");
        assert_eq!(page("a/README.md"), "source/a/README-md.html");
    }
}
