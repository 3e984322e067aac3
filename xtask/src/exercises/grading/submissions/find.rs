//! Which submissions there are, and what is taken of each: for an exercise `ID` the first
//! of `exercises/ID/src/lib.rs`, `ID/src/lib.rs` and `ID.rs` that is there.
//!
//! Everything in a submission may be hostile. Links are not followed, nothing but plain
//! files is opened, and no more is read than an exercise may have.

use crate::exercises::{Exercise, grading::attempt::Learner, sources::BYTES_MAX};
use anyhow::{Context, Result};
use rustix::fs::OFlags;
use std::{
    fs,
    io::{ErrorKind, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// One submission.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The folder's name, with a mark for each byte that is not UTF-8.
    pub name: String,
    pub folder: PathBuf,
}

/// What was taken of a submission.
pub struct Taken {
    /// A file for each exercise, in their order.
    pub files: Vec<Learner>,
    /// What is worth knowing of the submission as a whole.
    pub notes: Vec<String>,
}

/// All submissions in the order of their names, and the names of what is none. A link is
/// a submission of which nothing is taken: it may stand for somebody's work.
pub fn all(folder: &Path) -> Result<(Vec<Submission>, Vec<String>)> {
    let cannot = || format!("cannot read {}", folder.display());
    let (mut submissions, mut ignored) = (Vec::new(), Vec::new());
    for entry in folder.read_dir().with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().with_context(cannot)?;
        if kind.is_dir() || kind.is_symlink() {
            submissions.push(Submission { name, folder: entry.path() });
        } else {
            ignored.push(name.escape_debug().to_string());
        }
    }
    submissions.sort_by(|one, other| one.folder.cmp(&other.folder));
    ignored.sort_unstable();
    Ok((submissions, ignored))
}

impl Submission {
    /// Takes the files of `exercises`.
    pub fn take(&self, exercises: &[Exercise]) -> Taken {
        if let Some(reason) = self.unusable() {
            let files = vec![Learner::Unusable(reason.clone()); exercises.len()];
            return Taken { files, notes: vec![reason] };
        }
        let files: Vec<Learner> = exercises.iter().map(|one| self.take_one(one.id())).collect();
        let mut notes = Vec::new();
        if files.iter().all(|file| *file == Learner::Missing) {
            notes.push("it holds no file of any exercise".to_owned());
        }
        if self.name.contains('\u{fffd}') {
            notes.push("its name is not UTF-8".to_owned());
        }
        Taken { files, notes }
    }

    /// Why nothing can be taken.
    fn unusable(&self) -> Option<String> {
        match fs::symlink_metadata(&self.folder) {
            Ok(metadata) if metadata.is_symlink() => {
                return Some("the submission is a symbolic link, which is not followed".to_owned());
            }
            Err(error) => return Some(format!("the submission cannot be read: {error}")),
            Ok(_) => {}
        }
        let error = self.folder.read_dir().err()?;
        Some(format!("the submission's folder cannot be read: {error}"))
    }

    fn take_one(&self, id: &str) -> Learner {
        let places =
            [format!("exercises/{id}/src/lib.rs"), format!("{id}/src/lib.rs"), format!("{id}.rs")];
        for place in places {
            match self.read(&place) {
                Learner::Missing => {}
                found => return found,
            }
        }
        Learner::Missing
    }

    /// Reads the file at `place`, a path in the submission.
    fn read(&self, place: &str) -> Learner {
        let unusable = |what: &str| Learner::Unusable(format!("`{place}` {what}"));
        let mut path = self.folder.clone();
        for part in place.split('/') {
            path.push(part);
            match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_symlink() => {
                    return unusable("leads through a symbolic link, which is not followed");
                }
                Ok(_) => {}
                Err(error)
                    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
                {
                    return Learner::Missing;
                }
                Err(error) => return unusable(&format!("cannot be read: {error}")),
            }
        }
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => {}
            _ => return unusable("is no plain file"),
        }
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mut bytes = Vec::new();
        let read = fs::OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(&path)
            .and_then(|file| file.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes));
        match (read, String::from_utf8(bytes)) {
            (Err(error), _) => unusable(&format!("cannot be read: {error}")),
            (Ok(count), _) if count > BYTES_MAX => {
                unusable(&format!("has more than {BYTES_MAX} bytes; such files are not graded"))
            }
            (Ok(_), Err(_)) => unusable("is not UTF-8, as all Rust is"),
            (Ok(_), Ok(text)) => Learner::Text(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercises::samples;
    use std::os::unix::fs::symlink;

    fn take(make: impl Fn(&Path)) -> Learner {
        let folder = tempfile::tempdir().expect("a folder");
        make(folder.path());
        let submission = Submission { name: "x".into(), folder: folder.path().to_owned() };
        submission.take(&[samples::exercise("m0-a", 1, &[])]).files.remove(0)
    }

    fn put(folder: &Path, place: &str, text: impl AsRef<[u8]>) {
        let path = folder.join(place);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    #[test]
    fn the_first_of_three_places_counts() {
        assert_eq!(take(|_| ()), Learner::Missing);
        assert_eq!(take(|folder| put(folder, "m0-a.rs", "3")), Learner::Text("3".into()));
        let all = |folder: &Path| {
            put(folder, "m0-a.rs", "3");
            put(folder, "m0-a/src/lib.rs", "2");
            put(folder, "exercises/m0-a/src/lib.rs", "1");
        };
        assert_eq!(take(all), Learner::Text("1".into()));
        // A file where a folder could be hides nothing.
        let odd = |folder: &Path| {
            put(folder, "exercises", "no folder");
            put(folder, "m0-a/src/lib.rs", "2");
        };
        assert_eq!(take(odd), Learner::Text("2".into()));
    }

    #[test]
    fn what_cannot_be_taken_says_why() {
        let says = |learner: Learner, text: &str| match learner {
            Learner::Unusable(reason) => assert!(reason.contains(text), "{reason}"),
            other => panic!("{other:?}"),
        };
        says(take(|folder| put(folder, "m0-a.rs", [0xff])), "`m0-a.rs` is not UTF-8");
        let long = vec![b' '; BYTES_MAX + 1];
        says(take(|folder| put(folder, "m0-a.rs", &long)), "more than 262144 bytes");
        says(take(|folder| fs::create_dir(folder.join("m0-a.rs")).expect("made")), "no plain file");
        let link = |folder: &Path| symlink("/etc/hostname", folder.join("m0-a.rs")).expect("made");
        says(take(link), "symbolic link");
        let link = |folder: &Path| symlink("/", folder.join("exercises")).expect("made");
        says(take(link), "symbolic link");
    }
}
