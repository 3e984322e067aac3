//! The learner's file as it was given, with a backup of what was written.

use super::{Exercise, LEARNER_FILE};
use anyhow::{Context, Result};
use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::Path,
};
use tempfile::NamedTempFile;

/// What became of the learner's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restored {
    /// It was the starter already.
    AsItWas,
    /// There was none.
    New,
    /// It is kept under that name, from the workspace's root.
    KeptAs(String),
}

/// Puts `starter` in the place of the learner's file and keeps that one, under a name
/// that nothing else has.
pub fn restore(exercise: &Exercise, starter: &str) -> Result<Restored> {
    let file = exercise.learner_file();
    let cannot = || format!("cannot restore {}", exercise.shown_file());
    let restored = match fs::read(&file) {
        Ok(old) if old == starter.as_bytes() => return Ok(Restored::AsItWas),
        Ok(old) => Restored::KeptAs(back_up(&file, &old).with_context(cannot)?),
        Err(error) if error.kind() == ErrorKind::NotFound => Restored::New,
        Err(error) => return Err(error).with_context(cannot),
    };
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(cannot)?;
    let mut new = NamedTempFile::with_prefix_in(".lib.rs", folder).with_context(cannot)?;
    new.write_all(starter.as_bytes()).with_context(cannot)?;
    let permissions = fs::metadata(exercise.solution_file()).map(|solution| solution.permissions());
    if let Ok(permissions) = permissions {
        new.as_file().set_permissions(permissions).with_context(cannot)?;
    }
    new.persist(&file).with_context(cannot)?;
    Ok(match restored {
        Restored::KeptAs(name) => {
            Restored::KeptAs(exercise.shown_file().replace(LEARNER_FILE, &format!("src/{name}")))
        }
        other => other,
    })
}

/// Writes `bytes` beside `file`, never over anything. Returns the name.
fn back_up(file: &Path, bytes: &[u8]) -> Result<String> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let mut number = 1u32;
    loop {
        let backup = format!("{name}.backup-{number}");
        match File::create_new(file.with_file_name(&backup)) {
            Ok(mut kept) => {
                kept.write_all(bytes).and_then(|()| kept.sync_all()).context("no backup")?;
                return Ok(backup);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error).with_context(|| format!("cannot write {backup}")),
        }
    }
}

/// One line about it.
pub fn told(exercise: &Exercise, restored: &Restored) -> String {
    let file = exercise.shown_file();
    match restored {
        Restored::AsItWas => format!("{file} is the starter already; nothing was changed"),
        Restored::New => format!("{file} is the starter; there was no file before"),
        Restored::KeptAs(name) => format!("{file} is the starter again; yours is now {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercises::samples;

    #[test]
    fn every_version_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let exercise =
            Exercise { folder: folder.path().into(), ..samples::exercise("m0-sample", 1, &[]) };
        let read = |name: &str| fs::read_to_string(folder.path().join("src").join(name));
        let back =
            |number| Restored::KeptAs(format!("exercises/m0-sample/src/lib.rs.backup-{number}"));
        assert_eq!(restore(&exercise, "starter").expect("restored"), Restored::New);
        assert_eq!(restore(&exercise, "starter").expect("restored"), Restored::AsItWas);
        fs::write(exercise.learner_file(), "mine").expect("written");
        assert_eq!(restore(&exercise, "starter").expect("restored"), back(1));
        fs::write(exercise.learner_file(), "mine too").expect("written");
        assert_eq!(restore(&exercise, "starter").expect("restored"), back(2));
        assert_eq!(read("lib.rs").expect("a file"), "starter");
        assert_eq!(read("lib.rs.backup-1").expect("a file"), "mine");
        assert_eq!(read("lib.rs.backup-2").expect("a file"), "mine too");
    }
}
