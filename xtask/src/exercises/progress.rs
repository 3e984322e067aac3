//! What the learner has done so far: `exercises/.progress.json`.
//!
//! Every command that changes it reads it anew under a lock and puts a whole new file in
//! its place, so that neither an interruption nor a second terminal loses anything. A
//! file that cannot be understood is left as it is.

use super::{Exercise, outcome::Graded};
use crate::exercises::date;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs::File, io::Write, path::Path};
use tempfile::NamedTempFile;

/// The file's name, in the folder of the exercises.
pub const FILE: &str = ".progress.json";
/// The version that this program reads and writes.
const VERSION: u32 = 1;

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    version: u32,
    exercises: BTreeMap<String, Record>,
}

/// What is known of one exercise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The most points it ever got.
    #[serde(default)]
    pub best: u32,
    /// The last time it was graded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Attempt>,
    /// SHA-256 of the file that last got all points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<String>,
    /// How many hints were taken.
    #[serde(default)]
    pub hints: usize,
    /// Whether the solution was shown before the exercise was done.
    #[serde(default)]
    pub solution_shown: bool,
}

/// One time an exercise was graded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// When, in UTC.
    pub date: String,
    pub points: u32,
    pub points_max: u32,
    /// Repeats its inputs.
    pub seed: u64,
    /// SHA-256 of the learner's file.
    pub file: String,
}

impl Default for Progress {
    fn default() -> Self {
        Self { version: VERSION, exercises: BTreeMap::new() }
    }
}

impl Progress {
    /// Reads the progress noted in the folder of the exercises. Where there is none,
    /// nothing was done yet.
    ///
    /// # Errors
    /// If the file cannot be understood; one line that says what to do.
    pub fn read(folder: &Path) -> Result<Self> {
        let file = folder.join(FILE);
        let text = match std::fs::read_to_string(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            read => read.with_context(|| format!("cannot read {}", file.display()))?,
        };
        Self::parse(&text).map_err(|error| {
            let name = file.display();
            error.context(format!(
                "cannot understand {name}; it was left as it is: correct it, or put it aside \
                 with `mv {name} {name}.old` and begin a new one"
            ))
        })
    }

    fn parse(text: &str) -> Result<Self> {
        /// What all versions have.
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let Head { version } = serde_json::from_str(text)?;
        if version != VERSION {
            bail!("its version is {version}, and this program knows version {VERSION}");
        }
        Ok(serde_json::from_str(text)?)
    }

    /// Changes the noted progress.
    ///
    /// # Errors
    /// If it cannot be read or written; then it is as it was.
    pub fn update<T>(folder: &Path, change: impl FnOnce(&mut Self) -> T) -> Result<T> {
        let _lock = Lock::take(folder)?;
        let before = Self::read(folder)?;
        let mut after = before.clone();
        let outcome = change(&mut after);
        if after != before {
            after.write(folder)?;
        }
        Ok(outcome)
    }

    /// Puts a whole new file in the place of the old one.
    fn write(&self, folder: &Path) -> Result<()> {
        let cannot = || format!("cannot write {}", folder.join(FILE).display());
        let mut file = NamedTempFile::with_prefix_in(FILE, folder).with_context(cannot)?;
        serde_json::to_writer_pretty(&mut file, self).with_context(cannot)?;
        file.write_all(b"\n").with_context(cannot)?;
        file.as_file().sync_all().with_context(cannot)?;
        file.persist(folder.join(FILE)).with_context(cannot)?;
        Ok(())
    }

    /// What is known of an exercise.
    pub fn of(&self, exercise: &Exercise) -> Record {
        self.exercises.get(exercise.id()).cloned().unwrap_or_default()
    }

    /// The same, to be changed.
    pub fn of_mut(&mut self, exercise: &Exercise) -> &mut Record {
        self.exercises.entry(exercise.id().to_owned()).or_default()
    }
}

impl Record {
    /// Whether the exercise got all points once.
    pub fn is_done(&self, exercise: &Exercise) -> bool {
        self.best >= exercise.description.points()
    }

    /// Whether this text of the learner's file is known to get all points.
    pub fn is_full(&self, learner: &str) -> bool {
        self.full.as_ref().is_some_and(|full| *full == hash(learner))
    }
}

/// Notes what came of grading `learner`.
pub fn record(folder: &Path, exercise: &Exercise, learner: &str, graded: &Graded) -> Result<()> {
    let file = hash(learner);
    Progress::update(folder, |progress| {
        let record = progress.of_mut(exercise);
        record.best = record.best.max(graded.points);
        if graded.is_full() {
            record.full = Some(file.clone());
        } else if record.full.as_ref() == Some(&file) {
            // Other inputs showed what the first ones did not.
            record.full = None;
        }
        record.last = Some(Attempt {
            date: date::now(),
            points: graded.points,
            points_max: graded.points_max,
            seed: graded.seed,
            file,
        });
    })
}

/// SHA-256 of a text, in hexadecimal.
fn hash(text: &str) -> String {
    hmac_sha256::Hash::hash(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Keeps two programs from changing the file at once.
struct Lock(File);

impl Lock {
    /// Waits for the folder of the exercises.
    fn take(folder: &Path) -> Result<Self> {
        let cannot = || format!("cannot lock {}", folder.display());
        let file = File::open(folder).with_context(cannot)?;
        file.lock().with_context(cannot)?;
        Ok(Self(file))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough while a child process that is just being started has
        // the folder open too. If this fails, the lock ends with that child.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercises::samples;
    use std::fs;

    fn graded(points: u32) -> Graded {
        Graded { points, points_max: 3, seed: 7, ..samples::graded() }
    }

    #[test]
    fn grading_is_noted_and_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let exercise = samples::exercise("m0-sample", 1, &[]);
        let of = || Progress::read(folder.path()).expect("progress").of(&exercise);
        assert_eq!(of(), Record::default());
        record(folder.path(), &exercise, "one", &graded(3)).expect("noted");
        record(folder.path(), &exercise, "two", &graded(1)).expect("noted");
        let noted = of();
        assert_eq!((noted.best, noted.last.as_ref().map(|last| last.points)), (3, Some(1)));
        assert!(noted.is_full("one") && !noted.is_full("two") && noted.is_done(&exercise));
        record(folder.path(), &exercise, "one", &graded(2)).expect("noted");
        assert!(!of().is_full("one"), "it failed with other inputs");
        let files: Vec<_> = folder.path().read_dir().expect("readable").collect();
        assert_eq!(files.len(), 1, "{files:?}");
    }

    #[test]
    fn what_cannot_be_understood_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let exercise = samples::exercise("m0-sample", 1, &[]);
        for (text, reason) in [
            ("{\"version\": 1, \"exerc", "line 1"),
            ("", "EOF"),
            ("{\"version\": 2, \"places\": []}", "version is 2"),
            ("{\"version\": 1, \"exercises\": {}, \"more\": 1}", "unknown field `more`"),
        ] {
            let file = folder.path().join(FILE);
            fs::write(&file, text).expect("written");
            let error = record(folder.path(), &exercise, "one", &graded(3)).expect_err("refused");
            let line = format!("{error:#}");
            assert!(line.contains(reason) && line.contains("mv "), "{line}");
            assert_eq!(line.lines().count(), 1, "{line}");
            assert_eq!(fs::read_to_string(&file).expect("readable"), text);
        }
    }

    #[test]
    fn nothing_is_lost_when_many_write_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let exercise = samples::exercise("m0-sample", 1, &[]);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    Progress::update(folder.path(), |progress| {
                        progress.of_mut(&exercise).hints += 1;
                    })
                    .expect("noted");
                });
            }
        });
        assert_eq!(Progress::read(folder.path()).expect("progress").of(&exercise).hints, 8);
    }
}
