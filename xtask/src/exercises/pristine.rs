//! The course as it was handed out: what learners' files are graded with.
//!
//! `xtask/pristine.toml` holds git's names of the folders and files that grading builds
//! from. They are exported from git's object store, so that a change of a check, of the
//! harness or of a kernel changes no verdict, whether it was committed or not; it is
//! reported instead. Whoever works on the course writes the file anew with `cargo xtask
//! exercises seal`, and grades with files as they are by `--as-is`.
//!
//! What this cannot do: xtask itself is compiled from the learner's copy. Whoever grades
//! others runs a copy of their own (`grade --submissions`).

use super::{
    Exercise, FOLDER, LEARNER_FILE,
    stage::{PACKAGES, ROOT_FILES, files, place},
};
use crate::{process, toolchain::Toolchain, workspace::Workspace};
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
    time::Duration,
};

/// Where the seal lies, from the workspace's root.
const FILE: &str = "xtask/pristine.toml";
/// The seal that xtask was built with.
const TEXT: &str = include_str!("../../pristine.toml");
/// How long a call of git may take.
const GIT_LIMIT: Duration = Duration::from_secs(120);
/// How many changed files are named.
const NAMED: usize = 3;

static SEAL: LazyLock<Result<Seal, String>> =
    LazyLock::new(|| toml::from_str(TEXT).map_err(|error| format!("{FILE}: {}", error.message())));

/// Git's names of everything that is sealed.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Seal {
    folders: BTreeMap<String, String>,
    files: BTreeMap<String, String>,
}

/// What a stage is filled from.
pub struct Course {
    /// The root of the files.
    pub folder: PathBuf,
    /// What the learner ought to know about them.
    pub remarks: Vec<String>,
}

impl Course {
    /// The course as handed out; the workspace itself if the files shall be taken as they
    /// are, or if it is no git repository.
    ///
    /// # Errors
    /// If git does not have the sealed files.
    pub fn open(workspace: &Workspace, toolchain: &Toolchain, as_is: bool) -> Result<Self> {
        let as_it_is = |remark: &str| {
            let remarks = vec![remark.to_owned()];
            Ok(Self { folder: workspace.root.clone(), remarks })
        };
        if as_is {
            return as_it_is("graded with the checks as they are here (--as-is)");
        }
        if git(workspace, None, &["rev-parse", "--git-dir"]).is_err() {
            return as_it_is(
                "this is no git repository, so the checks are taken as they are here, unverified",
            );
        }
        let folder = toolchain.target.join(FOLDER).join(format!("course-{}", digest()));
        if !folder.is_dir() {
            export(workspace, &folder).with_context(|| {
                format!(
                    "git does not have the course's files as they were handed out ({FILE}); \
                     fetch its history with `git fetch --unshallow`, or use --as-is"
                )
            })?;
        }
        let remarks = changes(&folder, &workspace.root)?.into_iter().collect();
        Ok(Self { folder, remarks })
    }

    /// The same for some exercises, of which one may be too new to be sealed.
    pub fn open_for(
        exercises: &[Exercise],
        workspace: &Workspace,
        toolchain: &Toolchain,
        as_is: bool,
    ) -> Result<Self> {
        let course = Self::open(workspace, toolchain, as_is)?;
        let sealed = |one: &&Exercise| course.folder.join(FOLDER).join(one.id()).is_dir();
        let Some(new) = exercises.iter().find(|one| !sealed(one)) else { return Ok(course) };
        let remark =
            format!("{} is not sealed yet; graded with the checks as they are here", new.id());
        Ok(Self { folder: workspace.root.clone(), remarks: vec![remark] })
    }

    /// The learner's file as it was handed out.
    pub fn starter(&self, exercise: &Exercise) -> Result<String> {
        let file = self.folder.join(FOLDER).join(exercise.id()).join(LEARNER_FILE);
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
    }
}

/// A short name for what is sealed.
pub fn digest() -> String {
    let hash = hmac_sha256::Hash::hash(TEXT.as_bytes());
    hash[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn seal() -> Result<&'static Seal> {
    SEAL.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
}

/// Writes the sealed files to `folder`, all or none.
fn export(workspace: &Workspace, folder: &Path) -> Result<()> {
    let seal = seal()?;
    let parent = folder.parent().context("the target folder has no parent")?;
    fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let temporary = tempfile::Builder::new().prefix("course-").tempdir_in(parent)?;
    let index = temporary.path().join("index");
    for (name, id) in &seal.folders {
        git(workspace, Some(&index), &["read-tree", &format!("--prefix={name}/"), id])?;
    }
    for (name, id) in &seal.files {
        let entry = format!("100644,{id},{name}");
        git(workspace, Some(&index), &["update-index", "--add", "--cacheinfo", &entry])?;
    }
    let course = temporary.path().join("course");
    let prefix = format!("--prefix={}/", course.display());
    git(workspace, Some(&index), &["checkout-index", "--all", &prefix])?;
    match fs::rename(&course, folder) {
        // Somebody else was quicker.
        Err(_) if folder.is_dir() => Ok(()),
        moved => moved.with_context(|| format!("cannot make {}", folder.display())),
    }
}

/// Which files a learner changed beside their own, in one sentence.
fn changes(course: &Path, root: &Path) -> Result<Option<String>> {
    let sealed = files(course)?;
    let here = files(root)?;
    let learners = |file: &Path| {
        file.ends_with(LEARNER_FILE)
            && course.join(file).with_file_name("../exercise.toml").is_file()
    };
    let same = |file: &Path| match (fs::read(course.join(file)), fs::read(place(root, file))) {
        (Ok(sealed), Ok(here)) => sealed == here,
        _ => false,
    };
    let changed: Vec<String> = sealed
        .union(&here)
        .filter(|file| !learners(file) && !same(file))
        .map(|file| file.display().to_string())
        .collect();
    Ok(match changed.as_slice() {
        [] => None,
        few if few.len() <= NAMED => Some(without(&few.join(", "))),
        many => {
            let rest = many.len() - NAMED;
            Some(without(&format!("{} and {rest} more", many[..NAMED].join(", "))))
        }
    })
}

fn without(files: &str) -> String {
    format!("graded without the changes in {files}; only {LEARNER_FILE} counts")
}

/// What git says the folders and files are called in `tree`.
fn names(workspace: &Workspace, tree: &str) -> Result<Seal> {
    let name = |path: &str| {
        let id = git(workspace, None, &["rev-parse", "--verify", &format!("{tree}:{path}")])?;
        Ok((path.to_owned(), id))
    };
    Ok(Seal {
        folders: PACKAGES.into_iter().chain([FOLDER]).map(name).collect::<Result<_>>()?,
        files: ROOT_FILES.into_iter().map(name).collect::<Result<_>>()?,
    })
}

/// Seals what is in git's index.
pub fn write(workspace: &Workspace) -> Result<()> {
    let mut paths: Vec<&str> = PACKAGES.into_iter().chain([FOLDER]).collect();
    paths.extend(ROOT_FILES);
    let mut unstaged = vec!["diff", "--name-only", "--"];
    unstaged.extend(&paths);
    let unstaged = git(workspace, None, &unstaged)?;
    ensure!(
        unstaged.is_empty(),
        "`git add` first what is to be sealed: {}",
        unstaged.replace('\n', ", ")
    );
    let tree = git(workspace, None, &["write-tree"])?;
    let seal = names(workspace, &tree)?;
    let mut text = "# Git's names of what exercises are graded with, written by\n\
                    # `cargo xtask exercises seal`. See xtask/src/exercises/pristine.rs.\n"
        .to_owned();
    for (title, entries) in [("folders", &seal.folders), ("files", &seal.files)] {
        text.push_str(&format!("\n[{title}]\n"));
        for (name, id) in entries {
            text.push_str(&format!("{name:?} = {id:?}\n"));
        }
    }
    fs::write(workspace.root.join(FILE), text).with_context(|| format!("cannot write {FILE}"))
}

/// The commit must hold what is sealed.
///
/// # Errors
/// If it does not; the error says which folder or file.
pub fn check(workspace: &Workspace) -> Result<()> {
    let (seal, commit) = (seal()?, names(workspace, "HEAD")?);
    let sealed = seal.folders.iter().chain(&seal.files);
    let committed = commit.folders.iter().chain(&commit.files);
    for ((name, sealed), (_, committed)) in sealed.zip(committed) {
        if sealed != committed {
            bail!(
                "{name} was committed otherwise than it is sealed in {FILE}: run `cargo xtask \
                 exercises seal` if you work on the course; a learner's work need not pass this"
            );
        }
    }
    Ok(())
}

/// Calls git in the workspace, with an index of its own if one is given.
fn git(workspace: &Workspace, index: Option<&Path>, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("git");
    command.current_dir(&workspace.root).args(arguments);
    if let Some(index) = index {
        command.env("GIT_INDEX_FILE", index);
    }
    let finished = process::capture(&mut command, GIT_LIMIT).context("cannot start git")?;
    ensure!(
        finished.success(),
        "git {}: {}",
        arguments.first().unwrap_or(&""),
        finished.stderr.trim().replace('\n', ", ")
    );
    Ok(finished.stdout.trim_end().to_owned())
}
