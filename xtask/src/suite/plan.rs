//! All tests there are, in the order they run: the longest first, so that no
//! processor idles at the end.

use super::{
    Test, book, boots, budgets, cli, comparisons, endings, exercises, gdb, grading, guest,
    hardware, host, hostile, image_reader, images, learner, loader_refusals, miri, monitor,
    refusals, sessions, setup, static_checks, tampering, toolchains, transcripts, watch,
};
use crate::{toolchain::Choice, workspace::Workspace};
use anyhow::{Result, ensure};
use std::collections::HashSet;

/// Collects the tests whose names contain `filter`, long ones if asked for.
pub fn tests(workspace: &Workspace, choice: Choice, filter: &str, long: bool) -> Result<Vec<Test>> {
    let mut tests = Vec::new();
    tests.extend(toolchains::tests(workspace, choice));
    if long {
        tests.extend(miri::tests());
    }
    tests.extend(book::tests());
    tests.extend(static_checks::tests());
    tests.extend(images::tests(workspace));
    tests.extend(image_reader::tests(workspace));
    tests.extend(boots::tests(workspace)?);
    tests.extend(hardware::tests(workspace));
    tests.extend(budgets::tests(workspace)?);
    tests.extend(transcripts::tests(workspace));
    tests.extend(sessions::tests(workspace));
    tests.extend(comparisons::tests(workspace));
    tests.extend(exercises::tests(workspace)?);
    tests.extend(tampering::tests());
    tests.extend(learner::tests());
    tests.extend(watch::tests());
    tests.extend(hostile::tests(workspace)?);
    tests.extend(grading::tests());
    tests.extend(cli::tests());
    tests.extend(setup::tests());
    tests.extend(endings::tests());
    tests.extend(gdb::tests(workspace));
    tests.extend(monitor::tests());
    tests.extend(host::tests(workspace));
    tests.extend(refusals::tests());
    tests.extend(loader_refusals::tests());
    tests.extend(guest::tests(workspace)?);
    // What the book shows to be typed may be any of them.
    let names = tests.iter().map(|test| test.name.clone()).collect();
    tests.push(book::commands::test(names));

    let mut names = HashSet::new();
    for test in &tests {
        ensure!(names.insert(test.name.clone()), "two tests are called {}", test.name);
    }
    tests.retain(|test| test.name.contains(filter) && (long || !test.long));
    Ok(tests)
}
