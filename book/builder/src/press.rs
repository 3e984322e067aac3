//! From chapters to pages: everything is expanded and checked, and the book takes its
//! place only if nothing is wrong with it.

use crate::{
    course::{Course, entries},
    defect::Defect,
    expand::Page,
    links, prose, sources, widgets,
};
use anyhow::{Context, Result, ensure};
use mdbook_driver::{MDBook, config::Config};
use mdbook_summary::parse_summary;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// A book that was built.
#[derive(Debug)]
pub struct Edition {
    /// What does not hold.
    pub defects: Vec<Defect>,
    /// Where its pages are until they take their place.
    folder: tempfile::TempDir,
}

/// Builds the book of `course` into a folder of its own beside `near`.
///
/// # Errors
/// If mdBook fails; what is wrong with the chapters is in the edition.
pub fn print(course: &Course, near: &Path) -> Result<Edition> {
    let cannot = || format!("cannot make a folder in {}", near.display());
    fs::create_dir_all(near).with_context(cannot)?;
    let folder = tempfile::tempdir_in(near).with_context(cannot)?;
    let root = course.root.join("book");
    let (summary, mut defects) = summary(&root)?;
    let config = config(&root, folder.path())?;
    let mut book = MDBook::load_with_config_and_summary(&root, config, parse_summary(&summary)?)?;
    let mut texts = BTreeMap::new();
    let (mut quoted, mut shown) = (BTreeSet::new(), BTreeSet::new());
    book.book.for_each_chapter_mut(|chapter| {
        let Some(path) = &chapter.source_path else { return };
        let slug = path.with_extension("").display().to_string();
        let mut page = Page::new(course, &slug);
        let expanded = page.expand(&chapter.content, 1);
        texts.insert(slug.clone(), std::mem::replace(&mut chapter.content, expanded));
        shown.extend(page.shown.into_iter().map(|what| (slug.clone(), what)));
        quoted.extend(page.quoted);
        defects.extend(page.defects);
    });
    book.build()?;
    sources::write(&course.root, folder.path(), &quoted)?;

    defects.extend(uncovered(course, &texts, &shown));
    let planned = course
        .chapters
        .keys()
        .cloned()
        .chain(pages_of(&fs::read_to_string(root.join("src/SUMMARY.md"))?));
    let planned: BTreeSet<String> = planned.collect();
    let (anchors, pages) = links::read(folder.path())?;
    let of_chapters: Vec<Defect> = texts
        .iter()
        .flat_map(|(slug, text)| links::of_chapter(slug, text, &anchors, &planned))
        .collect();
    // A chapter's link would be told twice, the second time without its line.
    if of_chapters.is_empty() && defects.is_empty() {
        defects.extend(links::of_pages(&pages, &anchors));
    }
    defects.extend(of_chapters);
    defects.sort();
    defects.dedup();
    Ok(Edition { defects, folder })
}

impl Edition {
    /// Puts the pages to where they belong, in place of an earlier edition.
    ///
    /// # Errors
    /// If `out` holds something else than a book, or cannot be written.
    pub fn publish(self, out: &Path) -> Result<()> {
        let cannot = || format!("cannot write the book to {}", out.display());
        if out.exists() {
            let is_free = out.is_dir() && entries(out)?.is_empty();
            ensure!(
                is_free || out.join("searchindex.js").is_file(),
                "{} is not a book; name a folder that is empty or does not exist",
                out.display()
            );
            fs::remove_dir_all(out).with_context(cannot)?;
        }
        let folder = self.folder.keep();
        fs::rename(&folder, out).with_context(cannot)?;
        world_readable(out).with_context(cannot)
    }
}

/// Temporary folders are for their owner alone; a book is for everybody.
fn world_readable(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// The book's settings, with the folder to build to and every style and script there is.
fn config(root: &Path, out: &Path) -> Result<Config> {
    let mut config = Config::from_disk(root.join("book.toml"))?;
    config.set("build.build-dir", out)?;
    let with = |folder: &str, ending: &str| -> Result<Vec<PathBuf>> {
        let all = entries(&root.join(folder))?.into_iter();
        let wanted = all.filter(|path| path.extension().is_some_and(|end| end == ending));
        Ok(wanted.map(|path| path.strip_prefix(root).unwrap_or(&path).to_owned()).collect())
    };
    config.set("output.html.additional-css", with("theme", "css")?)?;
    let mut scripts = with("widgets", "js")?;
    // Others use it.
    scripts.sort_by_key(|path| !path.ends_with("widget.js"));
    scripts.extend(with("theme", "js")?);
    config.set("output.html.additional-js", scripts)?;
    Ok(config)
}

/// The summary without the pages that are not written yet, and these as defects.
fn summary(root: &Path) -> Result<(String, Vec<Defect>)> {
    let path = root.join("src/SUMMARY.md");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut defects = Vec::new();
    let mut kept = String::new();
    for (index, line) in text.lines().enumerate() {
        let missing =
            pages_of(line).into_iter().find(|slug| !root.join(format!("src/{slug}.md")).is_file());
        match missing {
            None => kept += &format!("{line}\n"),
            Some(slug) => {
                let why = format!("the page {slug}.md is not written");
                defects.push(Defect::pending("book/src/SUMMARY.md", index + 1, why));
            }
        }
    }
    Ok((kept, defects))
}

/// The pages that a summary's text names.
fn pages_of(text: &str) -> Vec<String> {
    let links = prose::links(text).into_iter();
    links.filter_map(|link| link.to.strip_suffix(".md").map(str::to_owned)).collect()
}

/// What the book should tell of and does not.
fn uncovered(
    course: &Course,
    texts: &BTreeMap<String, String>,
    shown: &BTreeSet<(String, String)>,
) -> Vec<Defect> {
    let mut defects = Vec::new();
    for (slug, title) in &course.chapters {
        let file = format!("book/src/{slug}.md");
        match texts.get(slug) {
            None => defects.push(Defect::pending(file, 0, "the chapter is not written")),
            Some(text) if text.lines().next() != Some(&format!("# {title}")) => {
                let why = format!("its first line is not `# {title}`, as book/chapters.toml says");
                defects.push(Defect::new(file, 1, why));
            }
            Some(_) => {}
        }
    }
    for exercise in &course.exercises {
        let here = (exercise.chapter.clone(), format!("exercise {}", exercise.id));
        if texts.contains_key(&exercise.chapter) && !shown.contains(&here) {
            let why = format!("it does not show its exercise {}: {{{{#exercises}}}}", exercise.id);
            defects.push(Defect::new(format!("book/src/{}.md", exercise.chapter), 0, why));
        }
    }
    let wanted = widgets::NAMES.iter().map(|name| format!("widget {name}"));
    let wanted = wanted.chain(course.catalogue.iter().map(|one| format!("catalogue {}", one.id)));
    for what in wanted {
        if !shown.iter().any(|(_, one)| *one == what) {
            defects.push(Defect::pending("book/src", 0, format!("no page shows the {what}")));
        }
    }
    defects
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course() -> Course {
        Course::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), None)
            .expect("the course")
    }

    fn edition(near: &Path) -> Edition {
        let folder = tempfile::tempdir_in(near).expect("a folder");
        fs::write(folder.path().join("searchindex.js"), "").expect("written");
        fs::write(folder.path().join("index.html"), "new").expect("written");
        Edition { defects: Vec::new(), folder }
    }

    #[test]
    fn a_book_takes_the_place_of_a_book_only() {
        let near = tempfile::tempdir().expect("a folder");
        let out = near.path().join("html");
        for _ in 0..2 {
            edition(near.path()).publish(&out).expect("published");
            assert_eq!(fs::read_to_string(out.join("index.html")).expect("read"), "new");
        }
        let other = near.path().join("letters");
        fs::create_dir(&other).expect("made");
        fs::write(other.join("dear.txt"), "kept").expect("written");
        let error = edition(near.path()).publish(&other).expect_err("not a book").to_string();
        assert!(error.contains("is not a book"), "{error}");
        assert!(other.join("dear.txt").is_file());
        assert_eq!(entries(near.path()).expect("read").len(), 2, "nothing is left over");
    }

    #[test]
    fn a_page_that_is_not_written_is_left_out_and_told() {
        let root = tempfile::tempdir().expect("a folder");
        fs::create_dir(root.path().join("src")).expect("made");
        fs::write(root.path().join("src/a.md"), "# A\n").expect("written");
        let text = "# Contents\n\n- [A](a.md)\n- [B](b.md)\n";
        fs::write(root.path().join("src/SUMMARY.md"), text).expect("written");
        let (kept, defects) = summary(root.path()).expect("read");
        assert_eq!(kept, "# Contents\n\n- [A](a.md)\n");
        let told: Vec<String> = defects.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["book/src/SUMMARY.md:4: the page b.md is not written"]);
    }

    #[test]
    fn what_no_chapter_shows_is_told() {
        let course = course();
        let exercise = &course.exercises[0];
        let title = &course.chapters[&exercise.chapter];
        let told = |title: &str, shown: BTreeSet<(String, String)>| {
            let texts = BTreeMap::from([(exercise.chapter.clone(), format!("# {title}\n"))]);
            let defects = uncovered(&course, &texts, &shown);
            let wrong = defects.into_iter().filter(|one| !one.pending);
            wrong.map(|one| one.message).collect::<Vec<_>>().join("; ")
        };
        assert!(told(title, BTreeSet::new()).contains(&exercise.id));
        assert!(told("Another title", BTreeSet::new()).contains("its first line is not"));
        let of_chapter = |one: &&crate::course::Exercise| one.chapter == exercise.chapter;
        let shown = course.exercises.iter().filter(of_chapter);
        let shown = shown.map(|one| (one.chapter.clone(), format!("exercise {}", one.id)));
        assert_eq!(told(title, shown.collect()), "");
    }
}
