//! The exercises themselves put to the test: every starter scores nothing and says what
//! to do first, every solution scores full, every wrong variant fails by its named check
//! with its message, and nothing gives the solution away.

use super::{
    Exercise, HINT_WORDS_MAX, SOLUTION_FILE, feedback,
    grader::{Grader, fresh_seed},
    outcome::{CheckOutcome, Graded},
    schema::{WRONG_MIN, Wrong},
    stage::Stage,
};
use crate::chapters;
use anyhow::{Context, Result, bail, ensure};
use std::{collections::HashSet, fs, path::PathBuf};

/// One variant of an exercise to be graded, and what must come of it.
#[derive(Clone, Debug)]
pub enum Variant {
    Starter,
    Solution,
    /// A file below `wrong/`, without its ending.
    Wrong(String),
}

impl Variant {
    /// All variants of an exercise.
    pub fn all(exercise: &Exercise) -> Result<Vec<Self>> {
        let mut variants = vec![Self::Starter, Self::Solution];
        let mut names: Vec<String> = wrong_files(exercise)?
            .iter()
            .filter_map(|file| Some(file.file_stem()?.to_string_lossy().into_owned()))
            .collect();
        names.sort_unstable();
        variants.extend(names.into_iter().map(Self::Wrong));
        Ok(variants)
    }

    /// How tests call it.
    pub fn name(&self) -> String {
        match self {
            Self::Starter => "starter".to_owned(),
            Self::Solution => "solution".to_owned(),
            Self::Wrong(name) => format!("wrong/{name}"),
        }
    }

    /// Grades the variant and checks what came of it.
    ///
    /// # Errors
    /// If something else came than must; the error says what, with the feedback.
    pub fn verify(&self, exercise: &Exercise, grader: &Grader, stage: &Stage) -> Result<()> {
        let solution = read(exercise.solution_file())?;
        let text = match self {
            Self::Starter => read(exercise.learner_file())?,
            Self::Solution => solution,
            Self::Wrong(name) => self
                .wrong(exercise, name)?
                .apply(&solution)
                .with_context(|| format!("wrong/{name}.toml"))?,
        };
        let graded = grader.grade(exercise, &text, fresh_seed(), stage)?;
        let judged = match self {
            Self::Starter => starter(exercise, &graded),
            Self::Solution => full(&graded),
            Self::Wrong(name) => wrong(exercise, &self.wrong(exercise, name)?, &graded),
        };
        judged.with_context(|| {
            format!("the feedback was:\n{}", feedback::text(exercise, &graded, |_, text| text))
        })
    }

    fn wrong(&self, exercise: &Exercise, name: &str) -> Result<Wrong> {
        Wrong::read(&exercise.folder.join(format!("wrong/{name}.toml")))
    }
}

/// What can be said without grading anything.
pub fn files(exercise: &Exercise) -> Result<()> {
    let id = exercise.id();
    let wrong = wrong_files(exercise)?.len();
    ensure!(wrong >= WRONG_MIN, "{id} has {wrong} wrong variants; at least {WRONG_MIN} are wanted");
    let chapter = &exercise.description.chapter;
    ensure!(chapters::exists(chapter), "{id}: book/chapters.toml has no chapter `{chapter}`");
    let readme = read(exercise.folder.join("README.md"))?;
    for part in [format!("cargo xtask check {id}"), chapter.clone()] {
        ensure!(readme.contains(&part), "exercises/{id}/README.md lacks `{part}`");
    }
    for link in links(&readme) {
        let target = exercise.folder.join(link);
        ensure!(target.exists(), "exercises/{id}/README.md links to `{link}`, which is not there");
    }
    no_leak(exercise, &readme)
}

/// What a text in Markdown links to inside the repository, without the parts behind `#`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(link, _)| link.split('#').next().unwrap_or(link))
        .filter(|link| !link.is_empty() && !link.contains("://"))
}

/// No line of the solution that is not in the starter stands anywhere a learner looks
/// before asking for it.
fn no_leak(exercise: &Exercise, readme: &str) -> Result<()> {
    /// A line this short says nothing.
    const TELLING: usize = 24;
    let starter = read(exercise.learner_file())?;
    let solution = read(exercise.solution_file())?;
    let given: HashSet<&str> = starter.lines().map(str::trim).collect();
    let secret: Vec<&str> = solution
        .lines()
        .map(str::trim)
        .filter(|line| line.len() >= TELLING && !line.starts_with("//") && !given.contains(line))
        .collect();
    ensure!(!secret.is_empty(), "the solution differs from the starter by no telling line");
    let hints = exercise.description.hints.iter().map(|hint| ("a hint", hint.text.as_str()));
    let nudges = exercise.description.checks.iter().map(|check| ("a nudge", check.nudge.as_str()));
    let places = [("the starter", starter.as_str()), ("README.md", readme)];
    for (place, text) in places.into_iter().chain(hints).chain(nudges) {
        if let Some(line) = secret.iter().find(|line| text.contains(**line)) {
            bail!("{place} gives away a line of {SOLUTION_FILE}: {line}");
        }
    }
    for hint in &exercise.description.hints {
        let words = hint.text.split_whitespace().count();
        ensure!(words <= HINT_WORDS_MAX, "a hint has {words} words; {HINT_WORDS_MAX} at most");
    }
    Ok(())
}

fn starter(exercise: &Exercise, graded: &Graded) -> Result<()> {
    ensure!(graded.not_built.is_none(), "the starter does not compile");
    ensure!(graded.points == 0, "the starter gets {} points", graded.points);
    ensure!(graded.is_not_started(), "the starter's first check does not end in a `todo!`");
    let text = feedback::text(exercise, graded, |_, text| text);
    ensure!(
        text.contains(&exercise.description.first),
        "the feedback does not say what to do first"
    );
    let todo = graded.first_failure().and_then(|check| check.result.todo());
    ensure!(todo.is_some_and(|todo| !todo.is_empty()), "the first `todo!` has no message");
    Ok(())
}

fn full(graded: &Graded) -> Result<()> {
    ensure!(
        graded.is_full(),
        "the solution gets {} of {} points",
        graded.points,
        graded.points_max
    );
    Ok(())
}

fn wrong(exercise: &Exercise, wrong: &Wrong, graded: &Graded) -> Result<()> {
    let known = |name: &str| exercise.description.checks.iter().any(|check| check.name == name);
    for name in wrong.also.iter().chain([&wrong.check]) {
        ensure!(known(name), "it names check `{name}`, which the exercise does not have");
    }
    ensure!(graded.not_built.is_none(), "it does not compile");
    for check in &graded.checks {
        let named = check.name == wrong.check;
        let failed = !check.result.is_pass();
        let skipped = matches!(check.result, CheckOutcome::NotReached { .. });
        ensure!(!named || failed, "`{}` passes, but must fail", check.name);
        ensure!(!named || !skipped, "`{}` is not reached", check.name);
        ensure!(
            named || !failed || skipped || wrong.also.contains(&check.name),
            "`{}` fails, but only `{}` may",
            check.name,
            wrong.check
        );
        ensure!(
            failed || !wrong.also.contains(&check.name),
            "`{}` passes, but is listed in `also`",
            check.name
        );
    }
    let text = feedback::text(exercise, graded, |_, text| text);
    ensure!(text.contains(&wrong.message), "the feedback does not say `{}`", wrong.message);
    Ok(())
}

fn wrong_files(exercise: &Exercise) -> Result<Vec<PathBuf>> {
    let folder = exercise.folder.join("wrong");
    let cannot = || format!("cannot read {}", folder.display());
    let mut files = Vec::new();
    for entry in folder.read_dir().with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        ensure!(
            path.extension().is_some_and(|ending| ending == "toml"),
            "{}: wrong variants are .toml files",
            path.display()
        );
        files.push(path);
    }
    Ok(files)
}

fn read(file: PathBuf) -> Result<String> {
    fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_into_the_repository_are_found() {
        let text = "[a](b.rs), [c](https://example.org) and [d](../e.md#part), [f](#here)";
        assert_eq!(links(text).collect::<Vec<_>>(), ["b.rs", "../e.md"]);
    }
}
