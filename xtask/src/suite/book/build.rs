//! `cargo xtask book`, as people call it.

use super::super::{
    Test,
    bench::{Bench, Need},
    cli::Xtask,
};
use crate::{Cli, trial};
use anyhow::{Context, Result, ensure};
use clap::CommandFactory;
use std::{
    collections::BTreeMap,
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

pub fn tests() -> Vec<Test> {
    vec![
        Test::new("book/build", [Need::Book], build),
        Test::new("book/open", [Need::Book], open),
        Test::new("book/reference", [Need::Book], reference),
    ]
}

/// It builds the same book again, quietly, and says where it is.
fn build(bench: &Bench) -> Result<()> {
    let folder = trial::temporary_folder()?;
    let out = folder.path().join("book");
    let path = out.to_str().context("the temporary folder's name is not text")?;
    for _ in 0..2 {
        // The second time in place of the first.
        let called = Xtask::new(["book", "-o", path]).run()?;
        ensure!(called.status == Some(0), "status {:?}\n{}", called.status, called.stderr);
        let index = format!("{}\n", out.join("index.html").display());
        ensure!(called.stdout == index, "not the path alone:\n{}", called.stdout);
        let noise = called.stderr.lines().find(|line| !is_progress(line));
        ensure!(noise.is_none(), "it is not quiet: {noise:?}");
    }
    let (one, other) = (files(bench.file(&Need::Book)?)?, files(&out)?);
    let names = |all: &BTreeMap<PathBuf, Vec<u8>>| all.keys().cloned().collect::<Vec<_>>();
    ensure!(names(&one) == names(&other), "two builds have different files");
    let differing = one.iter().find(|(name, text)| other[*name] != **text);
    ensure!(differing.is_none(), "two builds differ in {:?}", differing.map(|(name, _)| name));
    ensure!(one.contains_key(Path::new("index.html")), "there is no first page");

    let taken = folder.path().join("taken");
    fs::create_dir(&taken)?;
    fs::write(taken.join("mine"), "")?;
    let path = taken.to_str().context("the temporary folder's name is not text")?;
    let called = Xtask::new(["book", "-o", path]).run()?;
    let told = called.stderr.contains("is not a book") && called.status == Some(2);
    ensure!(told && taken.join("mine").is_file(), "status {:?}\n{}", called.status, called.stderr);
    Ok(())
}

/// Lines about what is going on: ours, and cargo's while it waits or compiles.
fn is_progress(line: &str) -> bool {
    line.starts_with("xtask: ") || line.starts_with("    Blocking ") || line.starts_with("   Comp")
}

/// Every file below a folder, with what it holds.
fn files(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in next.read_dir()? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder)?.to_owned(), fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

/// The page goes to the desktop's browser; without one, the error says where it is.
fn open(_: &Bench) -> Result<()> {
    let folder = trial::temporary_folder()?;
    let (out, asked) = (folder.path().join("book"), folder.path().join("asked"));
    let opener = folder.path().join("xdg-open");
    fs::write(&opener, format!("#!/bin/sh\necho \"$1\" > '{}'\n", asked.display()))?;
    fs::set_permissions(&opener, fs::Permissions::from_mode(0o755))?;
    let path = out.to_str().context("the temporary folder's name is not text")?;
    let mut search = folder.path().as_os_str().to_owned();
    search.push(":");
    search.push(env::var_os("PATH").unwrap_or_default());
    let call = |display: &str| {
        let call = Xtask::new(["book", "--open", "-o", path]).env("PATH", &search);
        call.env("DISPLAY", display).env("WAYLAND_DISPLAY", "").env("BROWSER", "").run()
    };
    let index = out.join("index.html");
    let without = call("")?;
    let told =
        without.stderr.contains("no display") && without.stderr.contains(&*index.to_string_lossy());
    ensure!(without.status == Some(2) && told, "status {:?}\n{}", without.status, without.stderr);
    ensure!(!asked.exists(), "something was opened nowhere");
    let with = call(":7")?;
    ensure!(with.status == Some(0), "status {:?}\n{}", with.status, with.stderr);
    let page = fs::read_to_string(&asked).context("nothing was opened")?;
    ensure!(page.trim() == fs::canonicalize(&index)?.to_string_lossy(), "{page} was opened");
    Ok(())
}

/// Every command has its heading on the page of commands.
fn reference(bench: &Bench) -> Result<()> {
    let page = bench.file(&Need::Book)?.join("ref-commands.html");
    let html = fs::read_to_string(&page).context("there is no page of commands")?;
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        ensure!(html.contains(&format!(" id=\"{name}\"")), "the page of commands lacks `{name}`");
    }
    Ok(())
}
