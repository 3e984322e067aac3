//! `exercise.toml`: what an exercise says of itself.
//!
//! The keys are documented for authors in `exercises/README.md`; this file decides.

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::{collections::HashSet, fmt, path::Path};

/// How many hints there are, from a direction to nearly the solution.
pub const HINTS: usize = 3;
/// How many wrong variants an exercise has at least.
pub const WRONG_MIN: usize = 3;

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The folder's name: milestone, hyphen, topic.
    pub id: String,
    /// Its place in the course.
    pub number: u32,
    pub title: String,
    /// `m0`, `m1` or `m2`.
    pub milestone: String,
    /// Slug of the book's chapter.
    pub chapter: String,
    /// How long it takes, roughly.
    pub minutes: u32,
    /// How much there is to write, roughly.
    pub lines: u32,
    /// Exercises to do before.
    pub parent: Vec<String>,
    /// What to do first; said as long as the starter is as it was.
    pub first: String,
    /// Whether the learner's file may hold `unsafe`.
    #[serde(default)]
    pub unsafe_code: bool,
    #[serde(rename = "check")]
    pub checks: Vec<Check>,
    #[serde(rename = "hint")]
    pub hints: Vec<Hint>,
    #[serde(default)]
    pub boot: Boot,
}

/// One thing that is checked, and what it is worth.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    pub name: String,
    pub kind: Kind,
    pub points: u32,
    /// One sentence: what holds if it passes.
    pub proves: String,
    /// A question or remark that leads on without giving away the solution.
    pub nudge: String,
}

/// Where a check runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// In a process on this machine.
    Host,
    /// In a kernel in QEMU.
    Boot,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "host",
            Self::Boot => "boot",
        })
    }
}

/// One of the graduated hints.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hint {
    pub text: String,
}

/// The machine of the boot checks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Boot {
    /// Main memory, such as `256M`.
    pub memory: String,
    /// QEMU's CPU model.
    pub cpu: String,
    /// How long the boot may take on an idle machine.
    pub seconds: u64,
}

impl Default for Boot {
    fn default() -> Self {
        Self { memory: "256M".to_owned(), cpu: "max".to_owned(), seconds: 8 }
    }
}

/// A plausible mistake: a change of the solution, and what the checks must say.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wrong {
    /// What was misunderstood.
    pub mistake: String,
    /// The check that must fail, and the only one but those in `also`.
    pub check: String,
    /// Checks that fail as a consequence, whatever they say: a wrong gate in a table
    /// is wrong on the CPU too.
    #[serde(default)]
    pub also: Vec<String>,
    /// What its feedback must say.
    pub message: String,
    #[serde(rename = "edit")]
    pub edits: Vec<Edit>,
}

/// One change: text that stands in the solution exactly once, and what replaces it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    pub find: String,
    pub replace: String,
}

impl Description {
    /// Reads and checks the file of the exercise in `folder`.
    pub fn read(folder: &Path) -> Result<Self> {
        let file = folder.join("exercise.toml");
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        Self::parse(&text, &name).with_context(|| format!("exercises/{name}/exercise.toml"))
    }

    fn parse(text: &str, folder: &str) -> Result<Self> {
        let description: Self = toml::from_str(text).map_err(|error| on_one_line(text, &error))?;
        description.validate(folder)?;
        Ok(description)
    }

    fn validate(&self, folder: &str) -> Result<()> {
        ensure!(
            self.id == folder,
            "id is `{}`, but the folder is `{folder}`; use one name",
            self.id
        );
        ensure!(
            self.id.strip_prefix(&self.milestone).is_some_and(|rest| rest.starts_with('-')),
            "id `{}` must begin with the milestone, `{}-`",
            self.id,
            self.milestone
        );
        ensure!(is_name(&self.id), "id `{}` must be lower-case words with hyphens", self.id);
        for (key, text) in
            [("title", &self.title), ("first", &self.first), ("chapter", &self.chapter)]
        {
            ensure!(!text.trim().is_empty(), "`{key}` is empty; say something");
        }
        ensure!(
            (5..=60).contains(&self.minutes),
            "`minutes` is {}; exercises take 5 to 60",
            self.minutes
        );
        ensure!(
            (1..=80).contains(&self.lines),
            "`lines` is {}; exercises take 1 to 80",
            self.lines
        );
        ensure!(!self.checks.is_empty(), "there is no [[check]]; an exercise needs at least one");
        let mut names = HashSet::new();
        for check in &self.checks {
            let name = &check.name;
            ensure!(is_name(name), "check `{name}` must be lower-case words with hyphens");
            ensure!(names.insert(name), "check `{name}` stands there twice; names differ");
            ensure!(check.points > 0, "check `{name}` has no points; give it at least 1");
            ensure!(!check.proves.trim().is_empty(), "check `{name}` does not say what it proves");
            ensure!(!check.nudge.trim().is_empty(), "check `{name}` has no nudge; add a question");
        }
        let hints = self.hints.len();
        ensure!(hints == HINTS, "there are {hints} hints; give {HINTS}, each saying more");
        ensure!(self.hints.iter().all(|hint| !hint.text.trim().is_empty()), "a hint is empty");
        self.boot
            .memory
            .parse::<crate::machine::Memory>()
            .map_err(anyhow::Error::msg)
            .context("boot.memory")?;
        self.boot
            .cpu
            .parse::<crate::machine::Cpu>()
            .map_err(anyhow::Error::msg)
            .context("boot.cpu")?;
        ensure!(
            (1..=60).contains(&self.boot.seconds),
            "boot.seconds is {}; give 1 to 60",
            self.boot.seconds
        );
        Ok(())
    }

    /// The points of all checks.
    pub fn points(&self) -> u32 {
        self.checks.iter().map(|check| check.points).sum()
    }

    /// Whether any check runs there.
    pub fn has(&self, kind: Kind) -> bool {
        self.checks.iter().any(|check| check.kind == kind)
    }
}

impl Wrong {
    /// Reads `wrong/NAME.toml`.
    pub fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        let wrong: Self = toml::from_str(&text)
            .map_err(|error| on_one_line(&text, &error))
            .with_context(|| file.display().to_string())?;
        for (key, value) in [("mistake", &wrong.mistake), ("message", &wrong.message)] {
            ensure!(!value.trim().is_empty(), "{}: `{key}` is empty", file.display());
        }
        ensure!(!wrong.edits.is_empty(), "{}: there is no [[edit]]", file.display());
        Ok(wrong)
    }

    /// The solution with the mistake in it.
    pub fn apply(&self, solution: &str) -> Result<String> {
        let mut text = solution.to_owned();
        for edit in &self.edits {
            match text.matches(&edit.find).count() {
                1 => text = text.replacen(&edit.find, &edit.replace, 1),
                0 => bail!("`{}` does not stand in solution/lib.rs", edit.find.escape_debug()),
                n => bail!(
                    "`{}` stands in solution/lib.rs {n} times; find more",
                    edit.find.escape_debug()
                ),
            }
        }
        Ok(text)
    }
}

/// Lower-case words and numbers with hyphens between.
pub fn is_name(text: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    text.split('-').all(word)
}

/// toml's error with its line, without the picture.
fn on_one_line(text: &str, error: &toml::de::Error) -> anyhow::Error {
    let line =
        error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
    anyhow::anyhow!("line {line}: {}", error.message().replace('\n', ", "))
}
