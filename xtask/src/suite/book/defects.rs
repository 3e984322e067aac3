//! A copy of the course with mistakes planted in its book: each is told by file and line.

use super::super::{
    Test,
    bench::{Bench, Need},
    endings::copy_sources,
};
use crate::{book, host, process, trial};
use anyhow::{Context, Result, ensure};
use std::{fs, path::Path, process::Command, time::Duration};

/// How long checking the book may take.
const LIMIT: Duration = Duration::from_secs(120);
/// The chapter that gets the mistakes.
const CHAPTER: &str = "book/src/welcome.md";
/// Mistakes, and what is told of them.
const MISTAKES: [(&str, &str); 8] = [
    ("{{#item m0-boot/src/none.rs load}}", "m0-boot/src/none.rs"),
    ("{{#item m0-boot/src/idt.rs nothing_like_it}}", "`nothing_like_it`"),
    ("{{#unknown m0}}", "`unknown`"),
    ("{{#session nothing-like-it}}", "`nothing-like-it`"),
    ("{{#figure nothing-like-it}}", "nothing-like-it.svg"),
    ("See [there](nothing-like-it.md).", "nothing-like-it"),
    ("See [there](m0-interrupts.md#nothing-like-it).", "#nothing-like-it"),
    ("See [there](../../nothing-like-it.rs).", "nothing-like-it.rs"),
];
/// The chapter that loses its exercises, and one of them.
const STRIPPED: (&str, &str) = ("book/src/m0-interrupts.md", "m0-idt-gate");

pub fn test() -> Test {
    Test::new("book/check-catches", [Need::BookBuilder], check_catches)
}

fn check_catches(bench: &Bench) -> Result<()> {
    let copy = trial::temporary_folder()?;
    copy_sources(&bench.workspace.root, copy.path())?;
    let mut text = read(copy.path(), CHAPTER)?;
    let mut wanted = Vec::new();
    for (mistake, mention) in MISTAKES {
        text.push_str(&format!("\n{mistake}\n"));
        wanted.push((format!("{CHAPTER}:{}: ", text.lines().count()), mention));
    }
    fs::write(copy.path().join(CHAPTER), text)?;
    let (chapter, exercise) = STRIPPED;
    let text = read(copy.path(), chapter)?.replace("{{#exercises}}", "");
    fs::write(copy.path().join(chapter), text)?;
    wanted.push((chapter.to_owned(), exercise));

    let extra = book::extra(bench.workspace);
    let mut command = Command::new(bench.file(&Need::BookBuilder)?);
    command.arg("check").arg("--root").arg(copy.path()).arg("--extra").arg(extra);
    let finished = process::capture(&mut command, host::scaled(LIMIT))?;
    let status = finished.status.and_then(|status| status.code());
    ensure!(status == Some(1), "status {status:?} of a book with mistakes\n{}", finished.stderr);
    for (place, mention) in &wanted {
        let told = |line: &str| line.starts_with(place.as_str()) && line.contains(mention);
        ensure!(
            finished.stderr.lines().any(told),
            "`{mention}` is not told at {place}\n{}",
            finished.stderr
        );
    }
    Ok(())
}

fn read(root: &Path, file: &str) -> Result<String> {
    fs::read_to_string(root.join(file)).with_context(|| format!("cannot read {file}"))
}
