//! A copy of the course in which a learner's file is compiled.
//!
//! Several may be in use at once, one for each thread that grades and for each call of
//! xtask. A stage has the course's layout, so that compiler messages name files as the
//! learner knows them, and a target folder of its own, so that stages do not wait for
//! each other. It holds everything an exercise is built from but solutions and wrong
//! variants; all learners' files but the one that is graded are empty.

use super::{FOLDER, LEARNER_FILE, donor};
use crate::toolchain::Toolchain;
use anyhow::{Context, Result, bail};
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

/// The packages a stage has beside the exercises.
pub const PACKAGES: [&str; 4] = ["shared", "m0-boot", "m1-memory", "m2-usermode"];
/// The files at the root that a stage needs.
pub const ROOT_FILES: [&str; 3] = ["Cargo.toml", "Cargo.lock", ".cargo/config.toml"];
/// How many may be in use at once.
const STAGES_MAX: usize = 64;
/// A learner's file that is not being graded.
const EMPTY: &str = "#![no_std]\n";

/// A stage that nobody else uses as long as this lives.
pub struct Stage {
    /// The copy's root.
    pub root: PathBuf,
    /// Where cargo builds.
    pub target: PathBuf,
    _claim: File,
}

impl Stage {
    /// Claims a free stage and brings it up to date with the course in `source`.
    pub fn claim(toolchain: &Toolchain, source: &Path) -> Result<Self> {
        let folder = toolchain.target.join(FOLDER);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        // One name for one place, whichever links lead there: cargo goes by names.
        let folder = fs::canonicalize(&folder)
            .with_context(|| format!("cannot find {}", folder.display()))?;
        for number in 0..STAGES_MAX {
            let root = folder.join(format!("stage-{number}"));
            fs::create_dir_all(&root).with_context(|| format!("cannot make {}", root.display()))?;
            let claim = File::create(root.join(".claim"))
                .with_context(|| format!("cannot write to {}", root.display()))?;
            match claim.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("cannot lock {}", root.display()));
                }
            }
            let stage = Self { target: root.join("target"), root, _claim: claim };
            stage.fill(source).context("cannot copy the course for grading")?;
            if !donor::is_built(&stage.target) {
                donor::adopt(&stage, &folder)?;
            }
            return Ok(stage);
        }
        bail!("all {STAGES_MAX} folders below {} are in use", folder.display())
    }

    /// Puts `text` in place as the learner's file of the exercise.
    pub fn put(&self, id: &str, text: &str) -> Result<()> {
        self.write(&Path::new(FOLDER).join(id).join(LEARNER_FILE), text.as_bytes())
    }

    /// Makes all else as it is in `source`.
    fn fill(&self, source: &Path) -> Result<()> {
        let files = files(source)?;
        for file in &files {
            let path = place(source, file);
            let bytes = match is_learners(source, file) {
                true => EMPTY.as_bytes().to_vec(),
                false => fs::read(&path).with_context(|| file.display().to_string())?,
            };
            self.write(file, &bytes)?;
        }
        for file in ROOT_FILES {
            let bytes = fs::read(source.join(file)).context(file)?;
            match file {
                "Cargo.toml" => self.write(Path::new(file), &with_members(&bytes)?)?,
                // Cargo drops from the lock file what the stage does not need.
                "Cargo.lock" if self.lock_is_for(&bytes)? => {}
                _ => self.write(Path::new(file), &bytes)?,
            }
        }
        let mut here = BTreeSet::new();
        for top in PACKAGES.iter().chain([&FOLDER]) {
            if self.root.join(top).is_dir() {
                list(&self.root, Path::new(top), &mut here)?;
            }
        }
        for stale in here.difference(&files) {
            fs::remove_file(self.root.join(stale)).with_context(|| stale.display().to_string())?;
        }
        self.sweep().context("cannot remove what is no exercise any more")
    }

    /// Removes the folders of exercises that are gone: cargo would look for a package in
    /// each.
    fn sweep(&self) -> Result<()> {
        for entry in self.root.join(FOLDER).read_dir()? {
            let folder = entry?.path();
            if folder.is_dir() && !folder.join("Cargo.toml").is_file() {
                fs::remove_dir_all(folder)?;
            }
        }
        Ok(())
    }

    /// Whether the stage's lock file was made from this one; notes that it will be.
    fn lock_is_for(&self, bytes: &[u8]) -> Result<bool> {
        let origin = Path::new("Cargo.lock.origin");
        let same = fs::read(self.root.join(origin)).is_ok_and(|old| old == bytes);
        self.write(origin, bytes)?;
        Ok(same && self.root.join("Cargo.lock").is_file())
    }

    /// Writes a file unless it is as it should be: cargo goes by times.
    fn write(&self, file: &Path, bytes: &[u8]) -> Result<()> {
        let path = self.root.join(file);
        if fs::read(&path).is_ok_and(|old| old == bytes) {
            return Ok(());
        }
        let cannot = || format!("cannot write {}", path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(cannot)?;
        }
        fs::write(&path, bytes).with_context(cannot)
    }
}

/// All files that a stage takes from the course in `root`, but those at the root itself.
pub fn files(root: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    for folder in PACKAGES.into_iter().chain([FOLDER]) {
        list(root, Path::new(folder), &mut files)?;
    }
    Ok(files)
}

/// Whether a learner writes the file; the harness has one of that name too.
pub fn is_learners(root: &Path, file: &Path) -> bool {
    let path = place(root, file);
    let folder = path.parent().and_then(Path::parent);
    file.ends_with(LEARNER_FILE)
        && folder.is_some_and(|folder| folder.join("exercise.toml").is_file())
}

/// Where a file of the course in `root` lies.
pub fn place(root: &Path, file: &Path) -> PathBuf {
    match file.strip_prefix(FOLDER) {
        Ok(below) => super::folder_at(root).join(below),
        Err(_) => root.join(file),
    }
}

/// All files below `folder` that a stage needs, by their paths from `root`.
fn list(root: &Path, folder: &Path, files: &mut BTreeSet<PathBuf>) -> Result<()> {
    const LEFT_OUT: [&str; 4] = ["solution", "wrong", "target", "README.md"];
    let path = place(root, folder);
    for entry in path.read_dir().with_context(|| format!("cannot read {}", path.display()))? {
        let entry = entry.with_context(|| format!("cannot read {}", path.display()))?;
        let name = entry.file_name();
        let hidden = name.as_encoded_bytes().starts_with(b".");
        let backup = name.to_string_lossy().contains(".backup-");
        if hidden || backup || LEFT_OUT.iter().any(|left_out| name == OsStr::new(left_out)) {
            continue;
        }
        let below = folder.join(&name);
        match entry.file_type().with_context(|| below.display().to_string())? {
            kind if kind.is_dir() => list(root, &below, files)?,
            kind if kind.is_file() => {
                files.insert(below);
            }
            // A link could lead anywhere.
            _ => {}
        }
    }
    Ok(())
}

/// The root manifest with the stage's members.
fn with_members(manifest: &[u8]) -> Result<Vec<u8>> {
    let text = std::str::from_utf8(manifest).context("Cargo.toml is not UTF-8")?;
    let start = text.find("members = [").context("Cargo.toml has no `members = [`")?;
    let end = text[start..].find(']').context("Cargo.toml's list of members has no end")?;
    let members: Vec<String> = PACKAGES
        .iter()
        .map(|package| format!("{package:?}"))
        .chain([format!("\"{FOLDER}/*\"")])
        .collect();
    let mut changed = text[..start].to_owned();
    changed.push_str(&format!("members = [{}", members.join(", ")));
    changed.push_str(&text[start + end..]);
    Ok(changed.into_bytes())
}
