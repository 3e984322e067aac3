//! What the book quotes is what the milestones say.

use super::{
    Test,
    bench::{Bench, Need},
};
use crate::{
    transcript::{
        capture, drift,
        files::{self, Tools},
        record::Record,
    },
    trial,
    workspace::{Milestone, Workspace},
};
use anyhow::{Context, Result, bail, ensure};
use std::path::Path;

/// A test for each milestone, and one that drift does not go unnoticed.
pub fn tests(workspace: &Workspace) -> Vec<Test> {
    let milestones = workspace.milestones();
    let mut tests: Vec<Test> = milestones
        .iter()
        .map(|milestone| {
            let (name, milestone) = (format!("transcripts/{}", milestone.name), milestone.clone());
            Test::new(name, needs(&milestone), move |bench| {
                let folder = files::folder(&bench.workspace.root);
                let (record, tools) = boot(bench, &milestone)?;
                unchanged(&record, &tools, &milestone, &folder)
            })
        })
        .collect();
    tests.extend(milestones.first().cloned().map(|milestone| {
        Test::new("transcripts/drift-is-caught", needs(&milestone), move |bench| {
            drift_is_caught(bench, &milestone)
        })
    }));
    tests
}

fn needs(milestone: &Milestone) -> Vec<Need> {
    vec![Need::Emulator, Need::LoaderPvh, Need::Kernel(milestone.package.clone())]
}

fn boot(bench: &Bench, milestone: &Milestone) -> Result<(Record, Tools)> {
    let (kernel, loader) = (bench.kernel(&milestone.package)?, bench.file(&Need::LoaderPvh)?);
    let modules = bench.modules(&milestone.package)?;
    let boot = capture::boot(bench.workspace, milestone, kernel, loader, modules)?;
    Ok((Record::of(&boot), Tools::of(kernel)?))
}

/// Fails, with all differences, if a captured file has drifted.
fn unchanged(record: &Record, tools: &Tools, milestone: &Milestone, folder: &Path) -> Result<()> {
    let mut differences = String::new();
    for (part, text) in record.parts() {
        let path = files::path(folder, milestone, part);
        let captured = files::read(&path)?;
        let name = format!("{}/{}", milestone.name, part.file());
        let same_emulator = files::tools(&path).is_some_and(|one| one.emulator == tools.emulator);
        differences.extend(match same_emulator {
            true => drift::between(&name, &captured, text),
            false => drift::between_emulators(&name, &captured, text),
        });
    }
    ensure!(
        differences.is_empty(),
        "{} no longer says what the book quotes; if that is meant, `cargo xtask bless` renews \
         the files in book/captured\n{differences}",
        milestone.name
    );
    Ok(())
}

/// A copy of the files with one word changed fails with a diff of that line; a copy
/// with what only the compiler decides changed does not.
fn drift_is_caught(bench: &Bench, milestone: &Milestone) -> Result<()> {
    let (record, tools) = boot(bench, milestone)?;
    let with = |from: &str, to: &str| -> Result<Result<()>> {
        let folder = trial::temporary_folder()?;
        let original = files::folder(&bench.workspace.root);
        let mut changed = false;
        for (part, _) in record.parts() {
            let text = std::fs::read_to_string(files::path(&original, milestone, part))?;
            let copy = files::path(folder.path(), milestone, part);
            std::fs::create_dir_all(copy.parent().context("a file stands in a folder")?)?;
            changed |= text.contains(from);
            std::fs::write(copy, text.replace(from, to))?;
        }
        ensure!(changed, "no captured file of {} holds `{from}`", milestone.name);
        Ok(unchanged(&record, &tools, milestone, folder.path()))
    };
    let Err(error) = with("MILESTONE COMPLETE", "MILESTONE COMPLETED")? else {
        bail!("a changed line went unnoticed");
    };
    let error = error.to_string();
    for mention in
        ["cargo xtask bless", "-=== M0 MILESTONE COMPLETED ===", "+=== M0 MILESTONE COMPLETE ==="]
    {
        ensure!(error.contains(mention), "the report lacks `{mention}`:\n{error}");
    }
    let added = error.lines().filter(|line| line.starts_with('+')).count();
    ensure!(added == 2, "the report shows more than the changed line and its heading:\n{error}");
    ensure!(with("check ticks ok\n", "")?.is_err(), "a check that is gone went unnoticed");
    with("[   0.00", "[   7.11")?.context("other times count as drift")?;
    let map = "0x0000fed1c000-0x0000fed20000";
    ensure!(with(map, "0x0-0x1")?.is_err(), "a change of the memory map went unnoticed");
    Ok(())
}
