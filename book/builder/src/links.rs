//! Links inside the book lead somewhere: to a page that there is, and to an anchor on it.

use crate::{course::entries, defect::Defect, prose};
use anyhow::{Context, Result};
use regex::Regex;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

/// The anchors of every page below a folder, by the page's path in it.
#[derive(Debug)]
pub struct Anchors(BTreeMap<PathBuf, BTreeSet<String>>);

/// Everything that a built page links to.
#[derive(Debug)]
pub struct Page {
    path: PathBuf,
    links: Vec<String>,
}

/// Reads the pages below `folder`.
///
/// # Errors
/// If one cannot be read.
pub fn read(folder: &Path) -> Result<(Anchors, Vec<Page>)> {
    let id = Regex::new(r#"\sid="([^"]*)""#)?;
    let link = Regex::new(r#"\s(?:href|src)="([^"]*)""#)?;
    let (mut anchors, mut pages) = (BTreeMap::new(), Vec::new());
    for path in files(folder)? {
        let short = path.strip_prefix(folder).unwrap_or(&path).to_owned();
        let is_page = path.extension().is_some_and(|end| end == "html");
        let mut ids = BTreeSet::new();
        if is_page {
            let html = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let all = |what: &Regex| -> Vec<String> {
                what.captures_iter(&html).map(|found| unescape(&found[1])).collect()
            };
            ids.extend(all(&id));
            pages.push(Page { path: short.clone(), links: all(&link) });
        }
        anchors.insert(short, ids);
    }
    Ok((Anchors(anchors), pages))
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() { all.extend(files(&path)?) } else { all.push(path) }
    }
    Ok(all)
}

fn unescape(text: &str) -> String {
    text.replace("&amp;", "&").replace("&#x27;", "'").replace("&lt;", "<").replace("&gt;", ">")
}

/// What is wrong with a chapter's links; `slug` is its name, `pages` those that there are,
/// and `planned` those that there will be.
pub fn of_chapter(
    slug: &str,
    text: &str,
    anchors: &Anchors,
    planned: &BTreeSet<String>,
) -> Vec<Defect> {
    let file = format!("book/src/{slug}.md");
    let own = format!("{slug}.html");
    let mut defects = Vec::new();
    for prose::Link { line, to } in prose::links(text) {
        if is_external(&to) {
            continue;
        }
        let (page, anchor) = to.split_once('#').unwrap_or((&to, ""));
        let page = match page.strip_suffix(".md") {
            _ if page.is_empty() => own.clone(),
            Some(slug) => format!("{slug}.html"),
            None => page.to_owned(),
        };
        match anchors.leads(Path::new(&page), anchor) {
            Ok(()) => {}
            Err(why) if planned.contains(page.trim_end_matches(".html")) => {
                defects.push(Defect::pending(&*file, line, why));
            }
            Err(why) => defects.push(Defect::new(&*file, line, format!("[…]({to}): {why}"))),
        }
    }
    defects
}

/// What is wrong with the links of built pages, whoever made them.
pub fn of_pages(pages: &[Page], anchors: &Anchors) -> Vec<Defect> {
    let mut defects = Vec::new();
    for Page { path, links } in pages {
        for to in links.iter().filter(|to| !is_external(to) && !to.is_empty()) {
            let (page, anchor) = to.split_once('#').unwrap_or((to, ""));
            let target = match page {
                "" => path.clone(),
                page => resolve(path, page),
            };
            if let Err(why) = anchors.leads(&target, anchor) {
                let page = path.display();
                defects.push(Defect::new(format!("{page}"), 0, format!("{to}: {why}")));
            }
        }
    }
    defects
}

impl Anchors {
    fn leads(&self, page: &Path, anchor: &str) -> Result<(), String> {
        let Some(ids) = self.0.get(page) else {
            return Err(format!("there is no page {}", page.display()));
        };
        if anchor.is_empty() || ids.contains(anchor) {
            return Ok(());
        }
        Err(format!("{} has no anchor #{anchor}", page.display()))
    }
}

fn is_external(to: &str) -> bool {
    ["https://", "http://", "mailto:", "data:"].iter().any(|scheme| to.starts_with(scheme))
}

/// Where a relative link on `page` leads.
fn resolve(page: &Path, to: &str) -> PathBuf {
    let mut path = page.parent().map(Path::to_owned).unwrap_or_default();
    for part in Path::new(to).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> (tempfile::TempDir, Anchors, Vec<Page>) {
        let folder = tempfile::tempdir().expect("a folder");
        let page = |name: &str, html: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, html).expect("written");
        };
        page("a.html", "<h1 id=\"top\">A</h1><a href=\"b.html#x\">b</a>");
        page("b.html", "<p id=\"x\">x</p><a href=\"#y\">y</a> <a href=\"s/c.html\">c</a>");
        page("s/c.html", "<a href=\"../a.html#top\">a</a> <a href=\"../d.html\">d</a>");
        let (anchors, pages) = read(folder.path()).expect("read");
        (folder, anchors, pages)
    }

    #[test]
    fn what_leads_nowhere_is_found_on_pages() {
        let (_folder, anchors, pages) = site();
        let defects = of_pages(&pages, &anchors);
        let found: Vec<String> = defects.iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            ["b.html: #y: b.html has no anchor #y", "s/c.html: ../d.html: there is no page d.html"]
        );
    }

    #[test]
    fn what_leads_nowhere_is_found_in_chapters_with_its_line() {
        let (_folder, anchors, _) = site();
        let text = "one [b](b.md#x)\n[a](#top) [z](z.md)\n\n[e](e.md) [w](https://x.org/y)\n";
        let planned = BTreeSet::from(["e".to_owned()]);
        let found = of_chapter("a", text, &anchors, &planned);
        let found: Vec<_> = found.iter().map(|one| (one.line, one.pending)).collect();
        assert_eq!(found, [(2, false), (4, true)]);
    }
}
