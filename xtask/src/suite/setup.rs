//! `setup`, and what `setup --limine` does with releases good and bad, played with a
//! repository that stands in for Limine's.

use super::{Passed, Test, bench::Need, cli::Xtask};
use crate::{
    limine::{
        BIOS_CD, BIOS_SYSTEM, REPOSITORY_VARIABLE, Release, UEFI_PROGRAM,
        fetch::{Fetched, fetch},
        pinned,
    },
    process::{self, Group, INTERRUPTED_STATUS, Running},
    qemu::find_in_path,
    trial::temporary_folder,
};
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long anything here may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);
/// What stands in for the UEFI program.
const PROGRAM: &str = "MZ stands in for Limine";
/// SHA-256 of [`PROGRAM`], by sha256sum(1).
const PROGRAM_SHA256: &str = "258f7c4ff7f3e78ec0d17f93b862d170f5795b15d64d3da32b8663be237ddabd";

/// A test on a stand-in of its own.
type Body = fn(&StandIn) -> Result<()>;

pub fn tests() -> Vec<Test> {
    let bodies: [(&str, Body); 9] = [
        ("good-release", good_release),
        ("cache-there", cache_there),
        ("wrong-checksum", wrong_checksum),
        ("wrong-commit", wrong_commit),
        ("missing-repository", missing_repository),
        ("interrupted", interrupted),
        ("leftovers", leftovers),
        ("two-at-once", two_at_once),
        ("git-missing", git_missing),
    ];
    let mut tests: Vec<Test> = bodies
        .into_iter()
        .map(|(name, body)| {
            Test::skippable(format!("setup/limine/{name}"), [], move |_| {
                if find_in_path("git").is_none() {
                    return Ok(Passed::Skipped("there is no git".to_owned()));
                }
                body(&StandIn::new()?).map(|()| Passed::Shown)
            })
        })
        .collect();
    tests.push(Test::new("setup/says-what-it-did", [Need::Firmware], |_| {
        let called = Xtask::new(["setup"]).run()?;
        ensure!(called.status == Some(0), "{}", called.stderr);
        for part in ["QEMU: there already", "UEFI firmware: there already", "bare-metal targets"] {
            ensure!(called.stdout.contains(part), "no `{part}` in\n{}", called.stdout);
        }
        Ok(())
    }));
    tests
}

/// A repository with one tagged release, and an empty cache.
struct StandIn {
    folder: TempDir,
    release: Release,
}

impl StandIn {
    fn new() -> Result<Self> {
        let folder = temporary_folder()?;
        let repository = folder.path().join("repository");
        fs::create_dir(&repository)?;
        let git = |arguments: &[&str]| -> Result<String> {
            let mut command = Command::new("git");
            command.current_dir(&repository).env("GIT_CONFIG_GLOBAL", "/dev/null");
            command.args(["-c", "user.name=Myria", "-c", "user.email=myria@localhost"]);
            let finished = process::capture(command.args(arguments), LIMIT)?;
            ensure!(finished.success(), "git {arguments:?}: {}", finished.stderr);
            Ok(finished.stdout.trim().to_owned())
        };
        git(&["init", "--quiet"])?;
        for (name, contents) in
            [(UEFI_PROGRAM, PROGRAM), (BIOS_CD, "boot sector"), (BIOS_SYSTEM, "system")]
        {
            fs::write(repository.join(name), contents)?;
        }
        fs::write(repository.join("limine.c"), "int main(void) { return 0; }\n")?;
        git(&["add", "."])?;
        git(&["commit", "--quiet", "--message=release"])?;
        let commit = git(&["rev-parse", "HEAD"])?;
        let tag = pinned().tag;
        git(&["tag", tag])?;
        let repository = format!("file://{}", repository.display()).into();
        let sha256 = PROGRAM_SHA256.to_owned();
        Ok(Self { folder, release: Release { repository, tag, commit, sha256 } })
    }

    /// `XDG_CACHE_HOME` for calls.
    fn home(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn caches(&self) -> PathBuf {
        self.home().join("myria")
    }

    fn place(&self) -> PathBuf {
        self.release.place(&self.caches())
    }

    fn partial(&self) -> PathBuf {
        self.place().with_added_extension("part")
    }

    fn fetch(&self) -> Result<Fetched> {
        fetch(&self.release, &self.caches(), &silent)
    }

    /// Fetches the stand-in through the command line, where it is not the pinned
    /// release.
    fn call(&self) -> Xtask {
        Xtask::new(["setup", "--limine"])
            .env("XDG_CACHE_HOME", self.home())
            .env(REPOSITORY_VARIABLE, &self.release.repository)
    }

    /// Fails unless the cache holds nothing but perhaps its lock.
    fn ensure_empty(&self) -> Result<()> {
        for entry in fs::read_dir(self.caches())? {
            let name = entry?.file_name();
            ensure!(name == "limine.lock", "{} was left behind", name.display());
        }
        Ok(())
    }

    fn ensure_whole(&self) -> Result<()> {
        let found = fs::read_to_string(self.place().join(UEFI_PROGRAM))?;
        ensure!(found == PROGRAM, "the cache holds {found:?}");
        ensure!(!self.place().join(".git").exists(), "the cache holds a repository");
        ensure!(!self.partial().exists(), "the partial download was left behind");
        Ok(())
    }
}

/// Takes what a fetch says of its progress.
fn silent(_: &str) {}

fn good_release(stand_in: &StandIn) -> Result<()> {
    let fetched = stand_in.fetch()?;
    ensure!(fetched == Fetched::Downloaded(stand_in.place()), "{fetched:?}");
    stand_in.ensure_whole()?;
    for name in [BIOS_CD, BIOS_SYSTEM] {
        ensure!(stand_in.place().join(name).is_file(), "{name} is missing");
    }
    if find_in_path("cc").is_some() {
        ensure!(stand_in.place().join("limine").is_file(), "the tool was not built");
    }
    Ok(())
}

/// What is there is taken without a repository; what is damaged is fetched again.
fn cache_there(stand_in: &StandIn) -> Result<()> {
    stand_in.fetch()?;
    let offline = Release { repository: "file:///nonexistent".into(), ..stand_in.release.clone() };
    let fetched = fetch(&offline, &stand_in.caches(), &silent)?;
    ensure!(fetched == Fetched::There(stand_in.place()), "{fetched:?}");
    fs::write(stand_in.place().join(UEFI_PROGRAM), "damaged")?;
    ensure!(fetch(&offline, &stand_in.caches(), &silent).is_err(), "a damaged cache was accepted");
    let fetched = stand_in.fetch()?;
    ensure!(fetched == Fetched::Downloaded(stand_in.place()), "{fetched:?}");
    stand_in.ensure_whole()
}

fn wrong_checksum(stand_in: &StandIn) -> Result<()> {
    let sha256 = pinned().sha256;
    let release = Release { sha256: sha256.clone(), ..stand_in.release.clone() };
    let text = failure(fetch(&release, &stand_in.caches(), &silent))?;
    ensure!(text.contains(&sha256) && text.contains(PROGRAM_SHA256), "{text}");
    stand_in.ensure_empty()
}

/// Somebody moved the tag: through the command line, for its status and its line.
fn wrong_commit(stand_in: &StandIn) -> Result<()> {
    let called = stand_in.call().run()?;
    let line = one_error(called.status, &called.stderr)?;
    for part in [&pinned().commit, &stand_in.release.commit] {
        ensure!(line.contains(part.as_str()), "the error lacks {part}: {line}");
    }
    stand_in.ensure_empty()
}

fn missing_repository(stand_in: &StandIn) -> Result<()> {
    // Port 1 of this machine answers at once that nobody is there.
    for repository in ["file:///nonexistent/limine", "http://127.0.0.1:1/limine.git"] {
        let called = stand_in.call().env(REPOSITORY_VARIABLE, repository).run()?;
        let line = one_error(called.status, &called.stderr)?;
        ensure!(line.contains(repository) && line.contains("--boot uefi"), "{line}");
        stand_in.ensure_empty()?;
    }
    Ok(())
}

/// Ctrl-C in the middle of a download leaves nothing, and the next one succeeds.
fn interrupted(stand_in: &StandIn) -> Result<()> {
    let programs = stand_in.folder.path().join("programs");
    fs::create_dir(&programs)?;
    let git = find_in_path("git").context("git")?;
    let stalled = stand_in.folder.path().join("stalled");
    // A git that stalls as soon as it should download.
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *fetch*) echo half > \"$GIT_DIR/half\"; : > '{}'; \
         while :; do sleep 1; done;; esac\nexec '{}' \"$@\"\n",
        stalled.display(),
        git.display()
    );
    fs::write(programs.join("git"), script)?;
    fs::set_permissions(programs.join("git"), fs::Permissions::from_mode(0o755))?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(programs).chain(std::env::split_paths(&path));
    let mut command = stand_in.call().env("PATH", std::env::join_paths(folders)?).command();
    let mut running = Running::start(&mut command, Group::Own)?;
    let deadline = Instant::now() + LIMIT;
    while !stalled.exists() {
        let moment = Instant::now() + Duration::from_millis(20);
        let ended = running.wait_until(moment)?;
        ensure!(ended.is_none(), "the call ended before its download");
        ensure!(moment < deadline, "the download did not begin");
    }
    ensure!(stand_in.partial().exists(), "nothing was half-written");
    kill_process(Pid::from_child(running.pipes()), Signal::INT)?;
    let status = running.wait_until(deadline)?.context("the call did not end on Ctrl-C")?;
    ensure!(status.code() == Some(INTERRUPTED_STATUS.into()), "{status}");
    stand_in.ensure_empty()?;
    stand_in.fetch()?;
    stand_in.ensure_whole()
}

/// A run that was killed could not clean up; the next one does.
fn leftovers(stand_in: &StandIn) -> Result<()> {
    let files = stand_in.partial().join("files");
    fs::create_dir_all(&files)?;
    fs::write(files.join(UEFI_PROGRAM), "half")?;
    stand_in.fetch()?;
    stand_in.ensure_whole()
}

fn two_at_once(stand_in: &StandIn) -> Result<()> {
    fs::create_dir_all(stand_in.caches())?;
    let lock = File::create(stand_in.caches().join("limine.lock"))?;
    lock.lock()?;
    let text = failure(stand_in.fetch())?;
    ensure!(text.contains("another `cargo xtask setup --limine` is at work"), "{text}");
    drop(lock);
    stand_in.fetch()?;
    stand_in.ensure_whole()
}

fn git_missing(stand_in: &StandIn) -> Result<()> {
    let empty = stand_in.folder.path().join("empty");
    fs::create_dir(&empty)?;
    let called = stand_in.call().env("PATH", empty).run()?;
    let line = one_error(called.status, &called.stderr)?;
    ensure!(line.contains("needs git; install it: "), "{line}");
    stand_in.ensure_empty()
}

fn failure(outcome: Result<Fetched>) -> Result<String> {
    match outcome {
        Ok(fetched) => bail!("succeeded: {fetched:?}"),
        Err(error) => Ok(format!("{error:#}")),
    }
}

/// The one line of a call that failed as calls should.
fn one_error(status: Option<i32>, stderr: &str) -> Result<&str> {
    ensure!(status == Some(2), "status {status:?}:\n{stderr}");
    let mut lines = stderr.lines().filter(|line| line.starts_with("error: "));
    let line = lines.next().with_context(|| format!("no error:\n{stderr}"))?;
    ensure!(lines.next().is_none(), "more than one error:\n{stderr}");
    Ok(line)
}
