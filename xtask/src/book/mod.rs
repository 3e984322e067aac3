//! The book's side of the tool: what the builder needs to know of xtask, and the builder
//! itself.
//!
//! - [`reference`]: the manual, as data
//! - [`show`]: how a page is shown to somebody
//! - [`browser`]: what it takes to test pages in a browser
//!
//! The builder is a crate of its own, `book-builder`, so that nobody who wants to boot a
//! kernel waits for mdBook to compile.

pub mod browser;
pub mod reference;
pub mod show;

use crate::{
    Cli, build,
    compare::{Comparison, Subjects, page},
    host, process,
    process::{Group, Running},
    toolchain::Toolchain,
    ui,
    workspace::Workspace,
};
use anyhow::{Context, Result, ensure};
use clap::CommandFactory;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, ExitStatus},
    time::Duration,
};

/// The builder's package and its program.
pub const BUILDER: &str = "book-builder";

/// How long a book may take.
const LIMIT: Duration = Duration::from_secs(120);

/// The file with the manual, in the extra folder.
const MANUAL: &str = "commands.json";

/// What makes the book: the builder, and the folder with what only xtask can tell.
pub struct Press {
    /// The course.
    pub root: PathBuf,
    /// The program.
    pub builder: PathBuf,
    extra: PathBuf,
}

impl Press {
    /// Builds the builder and writes the extra folder.
    pub fn prepare(workspace: &Workspace) -> Result<Self> {
        let extra = extra(workspace);
        write_extra(&extra, workspace)?;
        let builder = ui::step("building the book's builder", || builder(workspace))?;
        Ok(Self { root: workspace.root.clone(), builder, extra })
    }

    /// A call of the builder.
    pub fn call(&self, command: &str) -> Command {
        let mut call = Command::new(&self.builder);
        call.arg(command).arg("--root").arg(&self.root).arg("--extra").arg(&self.extra);
        call
    }

    /// Builds the book into `out`; the builder has said what does not hold.
    pub fn print(&self, out: &Path) -> Result<ExitCode> {
        let mut call = self.call("build");
        call.arg("--out").arg(out);
        ui::note("building the book …");
        let mut running = Running::start(&mut call, Group::Shared)
            .with_context(|| format!("cannot start {}", self.builder.display()))?;
        let status = running.wait().context("cannot wait for the book's builder")?;
        Ok(code(status))
    }
}

/// The builder's verdict as ours: 0, 1 for what does not hold, 2 for what could not be
/// tried.
pub fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    match code {
        _ if process::interrupted() => ExitCode::from(process::INTERRUPTED_STATUS),
        Some(code) => ExitCode::from(code),
        None => ExitCode::from(2),
    }
}

/// Where the book is built unless somebody says otherwise.
pub fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("book")
}

/// Builds the book for tests and says where it is.
///
/// # Errors
/// All that does not hold in it.
pub fn tested(workspace: &Workspace) -> Result<PathBuf> {
    let press = Press::prepare(workspace)?;
    let out = folder(workspace).join("tested");
    let mut call = press.call("build");
    let finished = process::capture(call.arg("--out").arg(&out), host::scaled(LIMIT))
        .context("cannot start the book's builder")?;
    ensure!(finished.success(), "the book is not as it must be\n{}", finished.stderr.trim());
    Ok(out)
}

fn builder(workspace: &Workspace) -> Result<PathBuf> {
    let mut command = Toolchain::installed(workspace).cargo(workspace);
    command.args(["build", "--package", BUILDER, "--target-dir"]).arg(&workspace.target);
    let built = build::executables(command, "the book's builder")?;
    let found = built.into_iter().find(|executable| executable.target == BUILDER);
    Ok(found.context("cargo built no executable for the book's builder")?.path)
}

/// Where that is which only xtask can tell.
pub fn extra(workspace: &Workspace) -> PathBuf {
    folder(workspace).join("extra")
}

fn write_extra(folder: &Path, workspace: &Workspace) -> Result<()> {
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let manual = serde_json::to_string_pretty(&reference::Manual::of(&Cli::command()))? + "\n";
    write(&folder.join(MANUAL), &manual)?;
    for pair in workspace.milestones().windows(2) {
        let [left, right] = pair else { continue };
        let name = format!("diff-{}-{}.html", left.name, right.name);
        // The book needs no kernels, so it has nothing of their sizes.
        let subjects =
            Subjects { workspace, left: (left.clone(), None), right: (right.clone(), None) };
        let comparison = Comparison::of(&subjects, false)?;
        write(&folder.join(name), &page::fragment(&comparison))?;
    }
    Ok(())
}

/// Writes a file unless it holds the text already: another call may be reading it.
fn write(path: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|now| now == text) {
        return Ok(());
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
