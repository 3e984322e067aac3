//! What is kept of a graded submission: a JSON file, by whose `key` a later run sees that
//! nothing has changed.

use super::{
    find::{Submission, Taken},
    names,
};
use crate::exercises::{
    Exercise,
    grading::{attempt::Learner, file, results},
    outcome::Graded,
    stage::{ROOT_FILES, files, is_learners, place},
};
use anyhow::{Context, Result};
use hmac_sha256::Hash;
use serde_json::{Value, json};
use std::{fs, path::Path};

/// The version of the JSON.
const VERSION: u32 = 1;

/// One submission's JSON.
pub struct Record(Value);

impl Record {
    pub fn new(
        submission: &Submission,
        taken: &Taken,
        key: &str,
        seed: u64,
        graded: &[Graded],
    ) -> Result<Self> {
        let points: u32 = graded.iter().map(|one| one.points).sum();
        let points_max: u32 = graded.iter().map(|one| one.points_max).sum();
        Ok(Self(json!({
            "version": VERSION,
            "name": submission.name,
            "key": key,
            "seed": seed,
            "points": points,
            "points_max": points_max,
            "percent": results::percent(points.into(), points_max.into()),
            "notes": taken.notes,
            "exercises": serde_json::to_value(graded)?,
        })))
    }

    /// What an earlier run kept of the submission, if all was as it is now and could be
    /// graded.
    pub fn read(out: &Path, submission: &Submission, key: &str) -> Option<Self> {
        let name = names::file_name(&submission.folder);
        out.join(format!("{name}.txt")).is_file().then_some(())?;
        let text = fs::read_to_string(out.join(format!("{name}.json"))).ok()?;
        let record = Self(serde_json::from_str(&text).ok()?);
        let same = record.0["version"] == VERSION && record.0["key"] == key;
        (same && record.is_graded()).then_some(record)
    }

    /// Keeps it, together with the feedback.
    pub fn write(&self, out: &Path, submission: &Submission, feedback: &str) -> Result<()> {
        let name = names::file_name(&submission.folder);
        file::write(&out.join(format!("{name}.txt")), feedback)?;
        file::write(&out.join(format!("{name}.json")), &format!("{:#}\n", self.0))
    }

    pub fn name(&self) -> &str {
        self.0["name"].as_str().unwrap_or_default()
    }

    pub fn points(&self) -> u64 {
        self.0["points"].as_u64().unwrap_or_default()
    }

    pub fn points_max(&self) -> u64 {
        self.0["points_max"].as_u64().unwrap_or_default()
    }

    pub fn percent(&self) -> f64 {
        self.0["percent"].as_f64().unwrap_or_default()
    }

    fn exercises(&self) -> impl Iterator<Item = &Value> {
        self.0["exercises"].as_array().into_iter().flatten()
    }

    pub fn points_of(&self, id: &str) -> u64 {
        let one = self.exercises().find(|one| one["id"] == id);
        one.and_then(|one| one["points"].as_u64()).unwrap_or_default()
    }

    /// Whether the grader could work.
    pub fn is_graded(&self) -> bool {
        self.exercises().all(|one| one["not_built"]["kind"] != "not-graded")
    }

    /// What is worth a word in the table.
    pub fn note(&self) -> String {
        let notes = self.0["notes"].as_array().into_iter().flatten();
        let mut notes: Vec<String> = notes.filter_map(Value::as_str).map(str::to_owned).collect();
        if notes.is_empty() {
            for one in self.exercises() {
                let id = one["id"].as_str().unwrap_or_default();
                let reason = one["not_built"]["reason"].as_str().unwrap_or_default();
                match one["not_built"]["kind"].as_str() {
                    Some("not-submitted") => notes.push(format!("{id}: not submitted")),
                    Some("does-not-compile") => notes.push(format!("{id}: does not compile")),
                    Some(_) => notes.push(format!("{id}: {reason}")),
                    None => {}
                }
            }
        }
        notes.join("; ")
    }
}

/// All submissions as one JSON document.
pub fn document(records: &[Record], seed: u64, remarks: &[String]) -> Value {
    let mut submissions = Vec::new();
    for record in records {
        let points = record.exercises().map(|one| {
            let id = one["id"].as_str().unwrap_or_default().to_owned();
            (id, one["points"].clone())
        });
        submissions.push(json!({
            "name": record.name(),
            "points": record.points(),
            "points_max": record.points_max(),
            "percent": record.percent(),
            "note": record.note(),
            "exercises": points.collect::<serde_json::Map<_, _>>(),
        }));
    }
    json!({ "version": VERSION, "seed": seed, "remarks": remarks, "submissions": submissions })
}

/// A short name for all that grading is built from.
pub fn course_digest(root: &Path) -> Result<String> {
    let mut hash = Hash::new();
    let root_files = ROOT_FILES.iter().map(Into::into);
    for path in files(root)?.into_iter().filter(|file| !is_learners(root, file)).chain(root_files) {
        let bytes = fs::read(place(root, &path))
            .with_context(|| format!("cannot read {}", path.display()))?;
        part(&mut hash, path.as_os_str().as_encoded_bytes());
        part(&mut hash, &bytes);
    }
    Ok(hexadecimal(&hash.finalize()))
}

/// A name for everything that decides about a submission's grade.
pub fn key(course: &str, seed: u64, exercises: &[Exercise], taken: &Taken) -> String {
    let mut hash = Hash::new();
    part(&mut hash, course.as_bytes());
    part(&mut hash, &seed.to_le_bytes());
    for (exercise, file) in exercises.iter().zip(&taken.files) {
        part(&mut hash, exercise.id().as_bytes());
        let (kind, text) = match file {
            Learner::Text(text) => ("text", text.as_str()),
            Learner::Missing => ("missing", ""),
            Learner::Unusable(reason) => ("unusable", reason.as_str()),
        };
        part(&mut hash, kind.as_bytes());
        part(&mut hash, text.as_bytes());
    }
    hexadecimal(&hash.finalize())
}

/// Adds something of any length so that its end is known.
fn part(hash: &mut Hash, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercises::samples;

    #[test]
    fn whatever_decides_changes_the_key() {
        let exercises = [samples::exercise("m0-a", 1, &[]), samples::exercise("m0-b", 2, &[])];
        let of = |one: &str, other: &str| Taken {
            files: vec![Learner::Text(one.into()), Learner::Text(other.into())],
            notes: Vec::new(),
        };
        let first = key("c", 1, &exercises, &of("x", "y"));
        assert_eq!(first, key("c", 1, &exercises, &of("x", "y")));
        assert_ne!(first, key("d", 1, &exercises, &of("x", "y")));
        assert_ne!(first, key("c", 2, &exercises, &of("x", "y")));
        assert_ne!(first, key("c", 1, &exercises, &of("xy", "")));
        assert_ne!(first, key("c", 1, &exercises[..1], &of("x", "y")));
    }

    #[test]
    fn a_record_that_could_not_be_graded_is_not_kept() {
        let record = |kind: &str| {
            Record(
                json!({ "exercises": [{ "id": "a", "not_built": { "kind": kind, "reason": "r" } }] }),
            )
        };
        assert!(record("refused").is_graded());
        assert!(!record("not-graded").is_graded());
        assert_eq!(record("refused").note(), "a: r");
        assert_eq!(record("not-submitted").note(), "a: not submitted");
    }
}
