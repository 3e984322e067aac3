//! What it takes to test pages in a browser: Chromium, Node.js with npm, and the tests'
//! libraries, whose versions `book/browser/package-lock.json` pins.

use super::folder;
use crate::{
    exercises, host,
    packages::{self, CHROMIUM, NODE, NPM, Package},
    process,
    qemu::find_in_path,
    workspace::Workspace,
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// Names another browser than the system's.
pub const VARIABLE: &str = "CHROMIUM";
/// What Chromium is called.
const BROWSERS: [&str; 2] = ["chromium", "chromium-browser"];
/// What node and npm are called.
const PROGRAMS: [(&str, Package); 2] = [("node", NODE), ("npm", NPM)];
/// Where the tests stand, from the workspace's root.
const TESTS: &str = "book/browser";
/// How long npm may take to fetch two libraries.
const FETCH_LIMIT: Duration = Duration::from_secs(300);
/// Says for which lock file the libraries were fetched.
const STAMP: &str = ".fetched";

/// The browser: the one that the variable names, or the system's.
pub fn find() -> Option<OsString> {
    let named = env::var_os(VARIABLE).filter(|value| !value.is_empty());
    let installed = || BROWSERS.into_iter().find_map(find_in_path).map(PathBuf::into_os_string);
    named.or_else(installed)
}

/// Where a program of the tests is, `node` or `npm`.
pub fn program(name: &str) -> Option<PathBuf> {
    find_in_path(name)
}

/// Makes sure of the programs, and of a copy of the tests with their libraries; says
/// where it is.
pub fn prepare(workspace: &Workspace) -> Result<PathBuf> {
    let mut missing: Vec<Package> = Vec::new();
    missing.extend(find().is_none().then_some(CHROMIUM));
    missing
        .extend(PROGRAMS.iter().filter(|(name, _)| program(name).is_none()).map(|(_, one)| *one));
    if !missing.is_empty() {
        packages::install(&missing, "testing the book in a browser")?;
    }
    let (tests, copy) = (workspace.root.join(TESTS), folder(workspace).join("browser"));
    let lock = fs::read_to_string(tests.join("package-lock.json"))
        .with_context(|| format!("{TESTS}/package-lock.json cannot be read"))?;
    let fetched = copy.join(STAMP);
    let has_libraries = fs::read_to_string(&fetched).is_ok_and(|text| text == lock);
    refresh(&tests, &copy, has_libraries)
        .with_context(|| format!("cannot copy {TESTS} to {}", copy.display()))?;
    if !has_libraries {
        fetch(&copy)?;
        fs::write(&fetched, lock).with_context(|| format!("cannot write {}", fetched.display()))?;
    }
    Ok(copy)
}

/// Makes `copy` hold what `tests` does; libraries stay if they are still right.
fn refresh(tests: &Path, copy: &Path, keep: bool) -> Result<()> {
    fs::create_dir_all(copy)?;
    for entry in copy.read_dir()? {
        let path = entry?.path();
        let kept = path.ends_with(LIBRARIES) || path.ends_with(STAMP);
        if keep && kept {
            continue;
        } else if path.is_dir() {
            fs::remove_dir_all(&path)?;
        } else {
            fs::remove_file(&path)?;
        }
    }
    for entry in tests.read_dir()? {
        let entry = entry?;
        // Somebody may have tried them where they stand.
        if entry.file_name() == LIBRARIES {
            continue;
        }
        let to = copy.join(entry.file_name());
        if entry.path().is_dir() {
            exercises::copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), &to)?;
        }
    }
    Ok(())
}

/// Where npm puts libraries.
const LIBRARIES: &str = "node_modules";

/// Fetches the libraries in the versions of the lock file.
fn fetch(copy: &Path) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(copy);
    let finished =
        process::capture(&mut npm, host::scaled(FETCH_LIMIT)).context("cannot start npm")?;
    if !finished.success() {
        let reason = finished.stderr.lines().find(|line| !line.trim().is_empty());
        bail!("npm cannot fetch what the browser's tests use: {}", reason.unwrap_or("no reason"));
    }
    ensure!(copy.join(LIBRARIES).is_dir(), "npm fetched nothing");
    Ok(())
}
