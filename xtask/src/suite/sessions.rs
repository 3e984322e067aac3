//! What the book shows of terminals is what commands print.

use super::{
    Test,
    bench::{Bench, Need},
};
use crate::{
    sessions::{self, Session, files, record::record},
    transcript::files::Tools,
    workspace::{Milestone, Workspace},
};
use anyhow::{Result, bail, ensure};

/// A test for each session, one for files that are left over, one for drift.
pub fn tests(workspace: &Workspace) -> Vec<Test> {
    let all = match sessions::all(&workspace.root) {
        Ok(all) => all,
        // What the book shows is nothing that other tests wait for.
        Err(error) => {
            let error = error.to_string();
            return vec![Test::new("transcripts/sessions", [], move |_| bail!("{error}"))];
        }
    };
    let milestones = workspace.milestones();
    let mut tests: Vec<Test> = Vec::new();
    let mut ordered: Vec<&Session> = all.iter().collect();
    // It takes longer than all others together.
    ordered.sort_by_key(|session| session.subcommand() != "bench");
    for session in ordered {
        let milestone = session.boots(&milestones).cloned();
        let (name, session) = (format!("transcripts/sessions/{}", session.name), session.clone());
        tests.push(Test::new(name, needs(milestone.as_ref()), move |bench| {
            unchanged(bench, &session, milestone.as_ref())
        }));
    }
    tests.push(Test::new("transcripts/sessions", [], move |bench| {
        let left_over = files::left_over(&bench.workspace.root, &all)?;
        let names: Vec<String> = left_over.iter().map(|path| path.display().to_string()).collect();
        ensure!(
            names.is_empty(),
            "no session has {}; `cargo xtask bless sessions` removes it",
            names.join(", ")
        );
        Ok(())
    }));
    tests.push(Test::new("transcripts/sessions-refused", [], refused));
    tests
}

fn needs(milestone: Option<&Milestone>) -> Vec<Need> {
    let Some(milestone) = milestone else { return Vec::new() };
    vec![Need::Emulator, Need::LoaderPvh, Need::Kernel(milestone.package.clone())]
}

/// Fails, with all differences, if the session's file has drifted.
fn unchanged(bench: &Bench, session: &Session, milestone: Option<&Milestone>) -> Result<()> {
    let tools = match milestone {
        Some(milestone) => Some(Tools::of(bench.kernel(&milestone.package)?)?),
        None => None,
    };
    let text = record(session, bench.workspace, bench.toolchain)?;
    let path = files::path(&bench.workspace.root, &session.name);
    match files::drifted(&path, session, &text, tools.as_ref())? {
        None => Ok(()),
        Some(difference) => bail!(
            "`{}` no longer prints what the book shows; if that is meant, `cargo xtask bless {}` \
             renews it\n{difference}",
            session.command,
            session.name
        ),
    }
}

/// A session that ends otherwise, or lacks what is kept, is told on one line.
fn refused(bench: &Bench) -> Result<()> {
    let text = "[one]\ncommand = \"cargo xtask diff m0 m0\"\n[two]\nstatus = 2\n\
                command = \"cargo xtask diff m0 m0\"\nkeep = [\"from `nothing like it`\"]\n";
    let sessions = sessions::schema::read("book/sessions/x.toml", text)?;
    for (session, told) in sessions.iter().zip([
        "book/sessions/x.toml: one: it ended with status 2, not 0: error: both are m0",
        "book/sessions/x.toml: two: `keep` does not fit: no line, or none in order, has `nothing",
    ]) {
        let Err(error) = record(session, bench.workspace, bench.toolchain) else {
            bail!("`{}` is recorded", session.name);
        };
        let error = error.to_string();
        ensure!(error.starts_with(told) && error.lines().count() == 1, "{error}");
    }
    Ok(())
}
