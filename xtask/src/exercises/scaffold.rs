//! A new exercise to begin with: all files of the pattern, around a sample task of one
//! line, complete enough that `exercises verify` is green at once.

use super::{Exercise, HARNESS, schema};
use crate::{chapters, workspace::Workspace};
use anyhow::{Context, Result, ensure};
use std::{fs, path::Path};

/// The longest name: longer ones break lines that are formatted otherwise.
const ID_MAX: usize = 40;
/// The longest title: `list` has it in a column.
const TITLE_MAX: usize = 60;

/// The files, by their places, with or without a boot check.
const FILES: [(&str, &str); 8] = [
    ("Cargo.toml", include_str!("template/Cargo.toml.txt")),
    ("README.md", include_str!("template/README.md.txt")),
    ("exercise.toml", include_str!("template/exercise.toml.txt")),
    ("src/lib.rs", include_str!("template/lib.rs.txt")),
    ("solution/lib.rs", include_str!("template/solution.rs.txt")),
    ("wrong/rounds-down.toml", include_str!("template/rounds-down.toml.txt")),
    ("wrong/one-page-more.toml", include_str!("template/one-page-more.toml.txt")),
    ("wrong/keeps-the-offset.toml", include_str!("template/keeps-the-offset.toml.txt")),
];
const HOST: (&str, &str) = ("checks/host.rs", include_str!("template/host.rs.txt"));
const BOOT: (&str, &str) = ("checks/boot.rs", include_str!("template/boot.rs.txt"));
const BOOT_EXAMPLE: &str = include_str!("template/boot_example.txt");
const BOOT_CHECK: &str = include_str!("template/boot_check.txt");

/// What a new exercise is to be.
pub struct New<'a> {
    pub id: &'a str,
    pub title: &'a str,
    /// Slug of the book's chapter; without one, the milestone's last.
    pub chapter: Option<&'a str>,
    /// Whether it gets a boot check.
    pub boot: bool,
}

impl New<'_> {
    /// Writes its files. Returns its number.
    ///
    /// # Errors
    /// If it cannot be called that, or is there already; then nothing was written.
    pub fn write(&self, workspace: &Workspace, exercises: &[Exercise]) -> Result<u32> {
        let Self { id, title, .. } = *self;
        let milestones: Vec<String> =
            workspace.milestones().into_iter().map(|milestone| milestone.name).collect();
        let milestone = checked_name(id, &milestones)?;
        ensure!(
            !title.trim().is_empty()
                && title.chars().count() <= TITLE_MAX
                && !title.contains(['"', '\\'])
                && !title.contains(char::is_control),
            "a title is one line of at most {TITLE_MAX} characters, without \" and \\"
        );
        let last = format!("{milestone}-complete");
        let chapter = self.chapter.unwrap_or(&last);
        ensure!(chapters::exists(chapter), "book/chapters.toml has no chapter `{chapter}`");
        let folder = super::folder(workspace);
        let place = folder.join(id);
        let refuse = || format!("there is an exercises/{id} already; choose another name");
        ensure!(!place.exists(), refuse());
        let number = exercises.iter().map(|one| one.description.number).max().unwrap_or(0) + 1;

        let cannot = || format!("cannot write to {}", folder.display());
        let temporary = tempfile::Builder::new().prefix(".new-").tempdir_in(&folder);
        let temporary = temporary.with_context(cannot)?;
        let whole = temporary.path().join(id);
        let boot = if self.boot { vec![BOOT] } else { Vec::new() };
        for (name, text) in FILES.into_iter().chain([HOST]).chain(boot) {
            let text = self.filled(text, milestone, chapter, number);
            write(&whole.join(name), &text).with_context(cannot)?;
        }
        fs::rename(&whole, &place).with_context(refuse)?;
        Ok(number)
    }

    /// A template with this exercise's values.
    fn filled(&self, text: &str, milestone: &str, chapter: &str, number: u32) -> String {
        let boot = |text: &'static str| if self.boot { text } else { "" };
        let mut filled = text.to_owned();
        for (name, value) in [
            ("BOOT_EXAMPLE\n", boot(BOOT_EXAMPLE)),
            ("BOOT_CHECK\n", boot(BOOT_CHECK)),
            ("BOOT_DEPENDENCY\n", boot("shared.workspace = true\n")),
            ("ALSO_BOOT_TOO", boot(", \"in-a-kernel\"")),
            ("ALSO_BOOT", boot("\"in-a-kernel\"")),
            ("ID", self.id),
            ("CRATE", &self.id.replace('-', "_")),
            ("TITLE", self.title),
            ("MILESTONE", milestone),
            ("CHAPTER_TITLE", chapters::title(chapter)),
            ("CHAPTER", chapter),
            ("NUMBER", &number.to_string()),
        ] {
            let (name, end) = name.split_at(name.trim_end().len());
            filled = filled.replace(&format!("{{{{{name}}}}}{end}"), value);
        }
        filled
    }
}

/// The milestone that a name begins with.
fn checked_name<'a>(id: &'a str, milestones: &[String]) -> Result<&'a str> {
    ensure!(
        schema::is_name(id) && id.len() <= ID_MAX && id != HARNESS,
        "`{id}` is no name: lower-case words and numbers with hyphens between, at most \
         {ID_MAX} characters"
    );
    let milestone = id.split_once('-').map_or(id, |(milestone, _)| milestone);
    ensure!(
        milestones.iter().any(|one| one == milestone) && id != milestone,
        "`{id}` must begin with the milestone it is for, as in `{}-{}`; there are {}",
        milestones.first().map_or("m0", String::as_str),
        id.strip_prefix(milestone).unwrap_or_default().trim_start_matches('-'),
        milestones.join(", ")
    );
    Ok(milestone)
}

fn write(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_begin_with_a_milestone() {
        let milestones = ["m0".to_owned(), "m1".to_owned()];
        assert_eq!(checked_name("m1-new-thing", &milestones).expect("a name"), "m1");
        for (name, reason) in [
            ("M1-thing", "no name"),
            ("m1_thing", "no name"),
            ("m1--thing", "no name"),
            ("../m1-thing", "no name"),
            ("", "no name"),
            ("m7-thing", "m0, m1"),
            ("m1", "must begin"),
            ("harness", "no name"),
        ] {
            let error = checked_name(name, &milestones).expect_err(name).to_string();
            assert!(error.contains(reason), "{name}: {error}");
        }
    }

    #[test]
    fn every_place_of_the_templates_is_filled() {
        for boot in [true, false] {
            let new = New { id: "m0-new", title: "New", chapter: None, boot };
            for (name, text) in FILES.into_iter().chain([HOST, BOOT]) {
                let filled = new.filled(text, "m0", "m0-complete", 7);
                assert!(!filled.contains("{{"), "{name}:\n{filled}");
                if name.ends_with(".toml") {
                    toml::from_str::<toml::Table>(&filled).expect(name);
                }
            }
        }
    }
}
