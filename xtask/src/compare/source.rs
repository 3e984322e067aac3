//! The text of the sources, grouped by concept: a top-level module with the modules
//! within. A file that took another's place, or is much like one, is shown by what
//! differs.

use super::{Sources, Subjects};
use anyhow::{Context, Result};
use serde::Serialize;
use similar::TextDiff;
use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
};

/// How much two files must have in common to count as one that was renamed.
const ALIKE: f64 = 0.5;
/// Lines shorter than this say little about what a file is.
const TELLING: usize = 12;

/// A concept and its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Concept {
    /// `boot sequence`, or the top-level module.
    pub name: String,
    pub files: Vec<Change>,
}

/// One file's difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The earlier file, if this one stands in its place or is much like it.
    pub old: Option<PathBuf>,
    pub new: PathBuf,
    pub added: usize,
    pub removed: usize,
    /// Lines with `+`, `-` or a space before them, and `@@` headings.
    pub diff: String,
}

struct Source {
    /// `m1_memory::heap::slab`
    module: String,
    path: PathBuf,
    text: String,
}

/// The changes since `before` that `added` bring. `superseded` names modules that
/// others replace.
pub fn read(
    subjects: &Subjects,
    before: &Sources,
    added: &[Sources],
    superseded: &BTreeMap<String, String>,
) -> Result<Vec<Concept>> {
    let before = sources(subjects, before)?;
    let mut concepts: Vec<Concept> = Vec::new();
    for one in added {
        for source in sources(subjects, one)? {
            let name = concept(&source.module);
            let change = change(partner(&source, &before, superseded), &source);
            match concepts.iter_mut().find(|one| one.name == name) {
                Some(concept) => concept.files.push(change),
                None => concepts.push(Concept { name, files: vec![change] }),
            }
        }
    }
    Ok(concepts)
}

/// All sources of a milestone: `main.rs` first, then its modules.
fn sources(subjects: &Subjects, (milestone, modules): &Sources) -> Result<Vec<Source>> {
    let workspace = subjects.workspace;
    let main = subjects.main(milestone);
    let main = main.strip_prefix(&workspace.root).unwrap_or(&main);
    let mut files = vec![("main".to_owned(), main.to_owned())];
    for module in modules {
        files.extend(module.flat().into_iter().map(|one| (one.path.clone(), one.file.clone())));
    }
    files.into_iter().map(|(module, path)| load(&workspace.root, module, path)).collect()
}

fn load(root: &Path, module: String, path: PathBuf) -> Result<Source> {
    let text = std::fs::read_to_string(root.join(&path))
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Source { module, path, text })
}

/// The part of a module's path that names the concept.
fn concept(module: &str) -> String {
    match module.split("::").nth(1) {
        Some(name) => name.to_owned(),
        None => "boot sequence".to_owned(),
    }
}

/// The earlier file that `source` is to be compared with.
fn partner<'a>(
    source: &Source,
    before: &'a [Source],
    superseded: &BTreeMap<String, String>,
) -> Option<&'a Source> {
    let below = |module: &str| module.split_once("::").map(|(_, name)| name.to_owned());
    let replaced = |old: &&Source| superseded.get(&old.module) == Some(&source.module);
    let is_main = |old: &&Source| source.module == "main" && old.module == "main";
    let same_name =
        |old: &&Source| source.module != "main" && below(&old.module) == below(&source.module);
    let found = before.iter().find(|old| replaced(old) || is_main(old));
    found.or_else(|| {
        let alike = |old: &&Source| common(&old.text, &source.text) >= ALIKE;
        before.iter().find(|old| same_name(old) && alike(old)).or_else(|| before.iter().find(alike))
    })
}

/// The part of the telling lines that two texts share.
fn common(one: &str, other: &str) -> f64 {
    let telling = |text| -> HashSet<_> {
        let lines = str::lines(text).map(str::trim);
        lines.filter(|line| line.len() >= TELLING && !line.starts_with("use ")).collect()
    };
    let (one, other): (HashSet<&str>, HashSet<&str>) = (telling(one), telling(other));
    let all = one.union(&other).count().max(1);
    one.intersection(&other).count() as f64 / all as f64
}

fn change(old: Option<&Source>, new: &Source) -> Change {
    let before = old.map_or("", |old| old.text.as_str());
    let diff = TextDiff::from_lines(before, new.text.as_str());
    let text = diff.unified_diff().context_radius(3).missing_newline_hint(false).to_string();
    let count = |sign: char| text.lines().filter(|line| line.starts_with(sign)).count();
    Change {
        old: old.map(|old| old.path.clone()),
        new: new.path.clone(),
        added: count('+'),
        removed: count('-'),
        diff: text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(module: &str, text: &str) -> Source {
        Source { module: module.into(), path: module.into(), text: text.into() }
    }

    const TEXT: &str =
        "//! Something quite long.\nfn first_function() {}\nfn second_function() {}\n";

    #[test]
    fn files_find_their_predecessor() {
        let before = [
            source("main", "fn kernel_entry() { of_m1() }"),
            source("m1::segments", "pub fn init_the_segments() {}"),
            source("m1::policy", TEXT),
        ];
        let superseded = BTreeMap::from([("m1::segments".to_owned(), "m2::gdt".to_owned())]);
        let found = |module: &str, text: &str| {
            partner(&source(module, text), &before, &superseded).map(|old| old.module.as_str())
        };
        assert_eq!(found("main", "fn kernel_entry() {}"), Some("main"));
        assert_eq!(found("m2::gdt", "nothing alike"), Some("m1::segments"));
        assert_eq!(
            found("m2::renamed", &format!("{TEXT}fn third_function() {{}}\n")),
            Some("m1::policy")
        );
        assert_eq!(found("m2::policy", "pub fn something_quite_different() {}"), None);
    }

    #[test]
    fn a_rename_shows_only_what_differs() {
        let (old, new) = (source("m1::a", TEXT), source("m2::b", &TEXT.replace("second", "other")));
        let renamed = change(Some(&old), &new);
        assert_eq!((renamed.added, renamed.removed), (1, 1));
        assert_eq!(change(None, &new).added, 3);
    }

    #[test]
    fn concepts_are_top_level_modules() {
        assert_eq!(concept("m1_memory::heap::slab"), "heap");
        assert_eq!(concept("main"), "boot sequence");
    }
}
