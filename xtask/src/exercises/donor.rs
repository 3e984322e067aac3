//! What a stage has compiled, for a stage that has compiled nothing yet: the libraries
//! under all exercises take a minute, to copy them a second.
//!
//! Cargo takes what it finds as its own if the sources' times are those it noted; it
//! names everything by paths from the workspace's root, so the stage's place does not
//! matter. A donor may be in use meanwhile: its libraries do not change, for it has the
//! same sources; the notes by which cargo knows a library, written when that is complete,
//! are copied first; and what belongs to an exercise is left out.

use super::{
    schema::Kind,
    stage::{Stage, files, is_learners},
};
use crate::toolchain::KERNEL_TARGET;
use anyhow::{Context, Result};
use std::{
    ffi::OsStr,
    fs::{self, File},
    path::{Path, PathBuf},
};

/// Where cargo builds with the exercises' profile, from a stage's target folder.
const BUILT: [&str; 2] = ["exercise", "x86_64-unknown-none/exercise"];
/// The parts of such a folder, what marks a unit as complete first.
const PARTS: [&str; 3] = [".fingerprint", "build", "deps"];

/// Whether libraries were compiled for kernels here, which come last.
pub fn is_built(target: &Path) -> bool {
    is_built_for(Kind::Boot, target)
}

/// Whether libraries were compiled here for checks of this kind.
pub fn is_built_for(kind: Kind, target: &Path) -> bool {
    let libraries = match kind {
        Kind::Host => Path::new("exercise/deps").to_owned(),
        Kind::Boot => Path::new(KERNEL_TARGET).join("exercise/deps"),
    };
    target.join(libraries).is_dir()
}

/// Gives `stage` what another stage in `folder` has compiled. Whether there was one.
///
/// # Errors
/// If copying fails half-way; what was copied is complete, and cargo compiles the rest.
pub fn adopt(stage: &Stage, folder: &Path) -> Result<bool> {
    let entries = folder.read_dir().with_context(|| format!("cannot read {}", folder.display()))?;
    let mut others: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    others.sort_unstable();
    for other in others {
        let stages = other.file_name().is_some_and(|name| {
            name.as_encoded_bytes().starts_with(b"stage-") && other != stage.root
        });
        if stages && is_built(&other.join("target")) && same_sources(&other, &stage.root)? {
            copy(&other, stage)
                .with_context(|| format!("cannot copy what {} compiled", other.display()))?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether all but learners' files are the same.
fn same_sources(one: &Path, other: &Path) -> Result<bool> {
    let of_one = files(one)?;
    let same = |file: &PathBuf| {
        is_learners(one, file) || fs::read(one.join(file)).ok() == fs::read(other.join(file)).ok()
    };
    let root = ["Cargo.toml", "Cargo.lock.origin"].map(PathBuf::from);
    Ok(of_one == files(other)? && of_one.iter().chain(&root).all(same))
}

fn copy(donor: &Path, stage: &Stage) -> Result<()> {
    let exercises: Vec<String> = fs::read_dir(stage.root.join(super::FOLDER))?
        .flatten()
        .filter(|entry| entry.path().join("exercise.toml").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let from = donor.join("target");
    for built in BUILT {
        for part in PARTS {
            let below = Path::new(built).join(part);
            if from.join(&below).is_dir() {
                copy_folder(&from.join(&below), &stage.target.join(&below), &exercises)?;
            }
        }
    }
    let _ = copy_file(&from.join(".rustc_info.json"), &stage.target.join(".rustc_info.json"));
    if donor.join("Cargo.lock").is_file() {
        copy_file(&donor.join("Cargo.lock"), &stage.root.join("Cargo.lock"))?;
    }
    for file in files(&stage.root)?.iter().filter(|file| !is_learners(donor, file)) {
        let modified = donor.join(file).metadata()?.modified()?;
        File::options().append(true).open(stage.root.join(file))?.set_modified(modified)?;
    }
    Ok(())
}

/// Copies all but what was compiled of `exercises`.
fn copy_folder(from: &Path, to: &Path, exercises: &[String]) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in from.read_dir()?.flatten() {
        let name = entry.file_name();
        if belongs(&name, exercises) {
            continue;
        }
        let (from, to) = (entry.path(), to.join(&name));
        match entry.file_type()? {
            kind if kind.is_dir() => copy_folder(&from, &to, exercises)?,
            kind if kind.is_file() => copy_file(&from, &to)?,
            _ => {}
        }
    }
    Ok(())
}

/// Whether a unit of `exercises` made the file, by its name.
fn belongs(name: &OsStr, exercises: &[String]) -> bool {
    let name = name.to_string_lossy().replace('_', "-");
    let name = name.strip_prefix("lib").unwrap_or(&name);
    exercises
        .iter()
        .any(|id| name.strip_prefix(id.as_str()).is_some_and(|rest| rest.starts_with('-')))
}

/// Copies a file with its time. Compilers replace libraries, so those may share their
/// bytes; everything else is written in place.
fn copy_file(from: &Path, to: &Path) -> Result<()> {
    let library = [".rlib", ".rmeta"].iter().any(|end| from.to_string_lossy().ends_with(end));
    if library && fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    // It may have gone, if the donor is in use.
    let Ok(metadata) = from.metadata() else { return Ok(()) };
    fs::copy(from, to).with_context(|| to.display().to_string())?;
    let file = File::options().append(true).open(to)?;
    file.set_modified(metadata.modified()?).with_context(|| to.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_an_exercise_is_known_by_name() {
        let exercises = ["m0-idt-gate".to_owned()];
        for name in ["m0-idt-gate-0a1b", "libm0_idt_gate-0a1b.rlib", "m0_idt_gate_host-0a1b.d"] {
            assert!(belongs(OsStr::new(name), &exercises), "{name}");
        }
        for name in ["m0-boot-0a1b", "libm0_boot-0a1b.rlib", "libm0_idt_gates-1.rlib", "build"] {
            assert!(!belongs(OsStr::new(name), &exercises), "{name}");
        }
    }
}
