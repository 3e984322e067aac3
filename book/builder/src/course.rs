//! What the book tells of, read from where it stands: chapters, exercises, the fault
//! catalogue, recorded sessions.

use anyhow::{Context, Result};
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Everything that chapters may refer to.
#[derive(Debug)]
pub struct Course {
    /// The repository.
    pub root: PathBuf,
    /// Where xtask put what only it knows; the pieces from there are pending without it.
    pub extra: Option<PathBuf>,
    /// Chapters that others send readers to: file name without ending, and title.
    pub chapters: BTreeMap<String, String>,
    /// By number.
    pub exercises: Vec<Exercise>,
    /// In the catalogue's order.
    pub catalogue: Vec<Entry>,
    /// By name.
    pub sessions: BTreeMap<String, Session>,
}

/// `exercises/*/exercise.toml`, as far as the book needs it.
#[derive(Clone, Debug, Deserialize)]
pub struct Exercise {
    /// Also its folder's name.
    pub id: String,
    /// Its place in the course.
    pub number: u32,
    /// What it is called.
    pub title: String,
    /// `m0`
    pub milestone: String,
    /// One of the chapters.
    pub chapter: String,
    /// How long it may take.
    pub minutes: u32,
    /// How long a solution is.
    pub lines: u32,
    /// What is judged.
    #[serde(rename = "check")]
    pub checks: Vec<Check>,
}

/// One check of an exercise.
#[derive(Clone, Debug, Deserialize)]
pub struct Check {
    /// Where it runs.
    pub kind: String,
    /// What it is worth.
    pub points: u32,
    /// What holds if it passes.
    pub proves: String,
}

impl Exercise {
    /// All there are.
    pub fn points(&self) -> u32 {
        self.checks.iter().map(|check| check.points).sum()
    }
}

/// An entry of `xtask/catalogue.toml`.
#[derive(Clone, Debug, Deserialize)]
pub struct Entry {
    /// Its name.
    pub id: String,
    /// Its name for people.
    pub title: String,
    /// What is the matter.
    pub explanation: String,
    /// Where to look first.
    pub check_first: String,
    /// Where to read about it.
    pub chapter: String,
    /// Where the manual says so.
    #[serde(default)]
    pub manual: Option<String>,
    /// How it is recognised.
    pub when: When,
}

/// How an entry is recognised, as far as the book sorts by it.
#[derive(Clone, Debug, Deserialize)]
pub struct When {
    /// The kind of verdict.
    pub verdict: String,
}

/// A recorded terminal session of `book/sessions/*.toml`.
#[derive(Clone, Debug, Deserialize)]
pub struct Session {
    /// As a reader types it.
    pub command: String,
    /// The file that defines it.
    #[serde(skip)]
    pub file: String,
}

impl Course {
    /// Reads all of it.
    ///
    /// # Errors
    /// If something cannot be read; the error says which file.
    pub fn read(root: &Path, extra: Option<&Path>) -> Result<Self> {
        #[derive(Deserialize)]
        struct Catalogue {
            entry: Vec<Entry>,
        }
        let catalogue: Catalogue = toml_file(&root.join("xtask/catalogue.toml"))?;
        Ok(Self {
            root: root.to_owned(),
            extra: extra.map(Path::to_owned),
            chapters: toml_file(&root.join("book/chapters.toml"))?,
            exercises: exercises(root)?,
            catalogue: catalogue.entry,
            sessions: sessions(root)?,
        })
    }
}

fn exercises(root: &Path) -> Result<Vec<Exercise>> {
    let mut all = Vec::new();
    for folder in entries(&root.join("exercises"))? {
        let file = folder.join("exercise.toml");
        if file.is_file() {
            all.push(toml_file::<Exercise>(&file)?);
        }
    }
    all.sort_by_key(|one| one.number);
    Ok(all)
}

fn sessions(root: &Path) -> Result<BTreeMap<String, Session>> {
    let mut all = BTreeMap::new();
    let folder = root.join("book/sessions");
    if !folder.is_dir() {
        return Ok(all);
    }
    for path in entries(&folder)? {
        let file = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        for (name, mut session) in toml_file::<BTreeMap<String, Session>>(&path)? {
            session.file.clone_from(&file);
            if let Some(other) = all.insert(name.clone(), session) {
                anyhow::bail!("{file}: the session `{name}` stands in {} too", other.file);
            }
        }
    }
    Ok(all)
}

/// What stands in a folder, by name.
pub fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let cannot = || format!("cannot read the folder {}", folder.display());
    let mut paths = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .with_context(cannot)?;
    let _: &mut Vec<PathBuf> = &mut paths;
    paths.sort();
    Ok(paths)
}

fn toml_file<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not as expected", path.display()))
}
