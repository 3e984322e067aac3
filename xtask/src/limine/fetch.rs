//! Fetches a release of Limine with git and verifies it.
//!
//! Everything happens in a folder beside the release's place, which is renamed
//! there only when it is whole. What a killed run left is swept away by the next.

use super::{Release, UEFI_PROGRAM, tool};
use crate::{
    packages::{self, GIT},
    process::{self, Finished},
    qemu::find_in_path,
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    ffi::OsStr,
    fmt::Write,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// How long the download may take; it is two megabytes.
const FETCH_LIMIT: Duration = Duration::from_secs(600);
/// How long git may take for anything that needs no network.
const LOCAL_LIMIT: Duration = Duration::from_secs(60);

/// What a fetch did.
#[derive(Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The release was there and is what it should be.
    There(PathBuf),
    /// It was downloaded.
    Downloaded(PathBuf),
}

/// Makes sure of `release` in the cache below `caches`, and calls `say` with what is
/// going on.
///
/// # Errors
/// It cannot be downloaded, or is not the pinned one. The cache is as before then.
pub fn fetch(release: &Release, caches: &Path, say: &dyn Fn(&str)) -> Result<Fetched> {
    fs::create_dir_all(caches)
        .with_context(|| format!("cannot make the cache folder {}", caches.display()))?;
    let _lock = lock(caches)?;
    let place = release.place(caches);
    let partial = place.with_added_extension("part");
    sweep(&partial)?;
    if place.exists() {
        match verify(release, &place) {
            Ok(()) => return Ok(Fetched::There(place)),
            Err(error) => say(&format!("{error:#}; fetching it again")),
        }
    }
    ensure!(
        find_in_path("git").is_some(),
        "fetching Limine needs git; install it: {}",
        packages::hint(&[GIT])
    );
    let outcome = download(release, &partial, say).and_then(|()| {
        sweep(&place)?;
        let files = partial.join("files");
        fs::rename(&files, &place).with_context(|| format!("cannot write {}", place.display()))
    });
    // Also after a failure; the failure is what matters then.
    let swept = sweep(&partial);
    outcome.and(swept)?;
    Ok(Fetched::Downloaded(place))
}

/// The files of the release in `partial`/files, verified.
fn download(release: &Release, partial: &Path, say: &dyn Fn(&str)) -> Result<()> {
    let (repository, files) = (partial.join("repository"), partial.join("files"));
    fs::create_dir_all(&files).with_context(|| format!("cannot make {}", files.display()))?;
    git(&["init", "--quiet", "--bare"], Some(&repository), LOCAL_LIMIT)?;
    let source = release.repository.display();
    let tag = format!("refs/tags/{}", release.tag);
    say(&format!("fetching Limine {} from {source} …", release.tag));
    let mut command = git_command(&["fetch", "--quiet", "--depth=1", "--no-tags"]);
    command.env("GIT_DIR", &repository).arg("--").arg(&release.repository).arg(&tag);
    run(command, FETCH_LIMIT).with_context(|| {
        format!(
            "cannot fetch Limine from {source}; without it, boot by `--boot uefi`, or set \
             LIMINE_DIR to a release that you have"
        )
    })?;
    let found = git(&["rev-parse", "FETCH_HEAD^{commit}"], Some(&repository), LOCAL_LIMIT)?;
    let found = found.stdout.trim();
    ensure!(
        found == release.commit,
        "{source} has another {}: commit {found} instead of {}; nothing was kept",
        release.tag,
        release.commit
    );
    let mut command = git_command(&["checkout", "--quiet", "--force", "FETCH_HEAD", "--", "."]);
    command.env("GIT_DIR", &repository).env("GIT_WORK_TREE", &files).current_dir(&files);
    run(command, LOCAL_LIMIT).context("cannot unpack Limine")?;
    verify(release, &files).context("nothing was kept")?;
    if let Err(error) = tool::build(&files) {
        say(&format!("{error:#}; images will boot by UEFI, and by BIOS from a CD, not a stick"));
    }
    Ok(())
}

/// Whether `folder` holds what the release should.
fn verify(release: &Release, folder: &Path) -> Result<()> {
    let program = folder.join(UEFI_PROGRAM);
    let bytes = fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?;
    let found = hexadecimal(&hmac_sha256::Hash::hash(&bytes));
    if found != release.sha256 {
        bail!(
            "{UEFI_PROGRAM} of Limine {} has the SHA-256 {found} instead of {}",
            release.tag,
            release.sha256
        );
    }
    Ok(())
}

/// Keeps two fetches from each other's files.
fn lock(caches: &Path) -> Result<File> {
    let path = caches.join("limine.lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("another `cargo xtask setup --limine` is at work; wait for it, then try again")
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// Removes a folder if it is there.
fn sweep(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn git(arguments: &[&str], repository: Option<&Path>, limit: Duration) -> Result<Finished> {
    let mut command = git_command(arguments);
    if let Some(repository) = repository {
        command.env("GIT_DIR", repository);
    }
    run(command, limit)
}

/// A call of git that asks nobody anything and knows no other repository.
fn git_command(arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"] {
        command.env_remove(name);
    }
    command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
    // A connection that has gone silent ends, long before the limit does.
    command.args(["-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=30"]);
    command.args(["-c", "core.autocrlf=false", "-c", "advice.detachedHead=false"]);
    command.args(arguments);
    command
}

fn run(mut command: Command, limit: Duration) -> Result<Finished> {
    let shown = command.get_args().map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ");
    let finished = process::capture(&mut command, limit).context("cannot start git")?;
    ensure!(finished.status.is_some(), "git gave no answer within {limit:?}: git {shown}");
    if !finished.success() {
        let mut lines = finished.stderr.lines().filter(|line| line.starts_with("fatal: "));
        let reason = lines.next().or(finished.stderr.lines().next()).unwrap_or("no reason given");
        bail!("git: {}", reason.trim_start_matches("fatal: "));
    }
    Ok(finished)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_written_as_everybody_writes_them() {
        // FIPS 180-4's example for the message "abc".
        assert_eq!(
            hexadecimal(&hmac_sha256::Hash::hash(b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
