//! A session's command, run in a state that is nobody's own: exercises as they were handed
//! out, a folder that goes away, no colour, a width for the book.

use super::{Session, pieces};
use crate::{
    exercises::{self, desk},
    host, process,
    toolchain::Toolchain,
    trial,
    workspace::Workspace,
};
use anyhow::{Context, Result, bail};
use std::{fs, path::Path, process::Command, time::Duration};

/// How long a command may take on an idle machine; it may have to build something.
const LIMIT: Duration = Duration::from_secs(1800);
/// How wide a terminal is in the book.
const COLUMNS: &str = "88";
/// Subcommands that work on exercises.
const ON_EXERCISES: [&str; 8] =
    ["list", "check", "grade", "hint", "solution", "reset", "exercises", "diff"];

/// The text that is kept of a session: its command and what it printed.
///
/// # Errors
/// One line, if it ended otherwise than it must or lacks what shall be kept.
pub fn record(session: &Session, workspace: &Workspace, toolchain: &Toolchain) -> Result<String> {
    let folder = trial::temporary_folder()?;
    let mut command = Command::new(std::env::current_exe().context("xtask's own file is gone")?);
    command.args(session.words()).current_dir(folder.path());
    command.env("COLUMNS", COLUMNS).env("NO_COLOR", "1");
    if !session.input.is_empty() {
        let script = folder.path().join("input");
        fs::write(&script, session.input.join("\n")).context("cannot write the input")?;
        // In front of what is for the kernel.
        command = with_script(session, &command, &script);
    }
    if ON_EXERCISES.contains(&session.subcommand()) {
        let copy = folder.path().join(exercises::FOLDER);
        hand_out(workspace, toolchain, &copy)?;
        command.env(exercises::FOLDER_VARIABLE, &copy);
    }
    let finished = process::capture(&mut command, host::scaled(LIMIT))
        .with_context(|| session.told("cannot start xtask"))?;
    let status = finished.status.with_context(|| session.told("it does not end"))?.code();
    if status != Some(session.status) {
        let last = |text: &str| text.lines().rfind(|one| !one.trim().is_empty()).map(str::to_owned);
        let said = last(&finished.stderr).or_else(|| last(&finished.stdout)).unwrap_or_default();
        let status = status.map_or("a signal".to_owned(), |status| format!("status {status}"));
        let wanted = session.status;
        bail!("{}", session.told(format_args!("it ended with {status}, not {wanted}: {said}")));
    }
    let stdout = nowhere_else(&finished.stdout, workspace, folder.path());
    let kept = pieces::keep(&stdout, &session.keep).map_err(|error| {
        anyhow::anyhow!("{}", session.told(format_args!("`keep` does not fit: {error}")))
    })?;
    Ok(format!("$ {}\n{kept}", session.command))
}

/// The call with a script, which stands before `--`.
fn with_script(session: &Session, call: &Command, script: &Path) -> Command {
    let mut command = Command::new(call.get_program());
    let words = session.words();
    let end = words.iter().position(|&word| word == "--").unwrap_or(words.len());
    command.args(&words[..end]).arg("--script").arg(script).args(&words[end..]);
    command.envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = call.get_current_dir() {
        command.current_dir(folder);
    }
    command
}

/// A copy of the exercises with every starter in place and nothing done.
fn hand_out(workspace: &Workspace, toolchain: &Toolchain, to: &Path) -> Result<()> {
    exercises::copy(&exercises::folder(workspace), to).context("cannot copy the exercises")?;
    for exercise in exercises::all(workspace)? {
        let starter = desk::starter(&exercise, workspace, toolchain)?;
        let file = to.join(exercise.id()).join(exercises::LEARNER_FILE);
        fs::write(&file, starter).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// `text` without the places of this machine.
fn nowhere_else(text: &str, workspace: &Workspace, folder: &Path) -> String {
    let mut text = text.to_owned();
    for (place, instead) in [(folder, ""), (&*workspace.target, "target/"), (&*workspace.root, "")]
    {
        let place = place.display().to_string();
        text = text.replace(&format!("{place}/"), instead);
        text = text.replace(&place, if instead.is_empty() { "." } else { "target" });
    }
    text
}
