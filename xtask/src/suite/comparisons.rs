//! Comparisons of milestones, and what is in a kernel: as text, as pages, as JSON.

use super::{
    Test,
    bench::{Bench, Need},
    cli::Xtask,
};
use crate::{
    compare::{Comparison, Subjects, page},
    inspect, trial,
    workspace::{Milestone, Workspace},
};
use anyhow::{Context, Result, ensure};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// A test of each milestone beside the next, of the first beside the last, and of the
/// largest kernel.
pub fn tests(workspace: &Workspace) -> Vec<Test> {
    let milestones = workspace.milestones();
    let mut tests: Vec<Test> =
        milestones.windows(2).map(|pair| beside(&pair[0], &pair[1])).collect();
    // Those in between count as well.
    if let [first, _, .., last] = milestones.as_slice() {
        tests.push(beside(first, last));
    }
    tests.extend(milestones.last().cloned().map(inspected));
    tests
}

fn beside(left: &Milestone, right: &Milestone) -> Test {
    let needs =
        [left, right].map(|one| Need::Kernel(one.package.clone())).into_iter().collect::<Vec<_>>();
    let (left, right) = (left.clone(), right.clone());
    Test::new(format!("diff/{}-{}", left.name, right.name), needs, move |bench| {
        let subjects = Subjects {
            workspace: bench.workspace,
            left: (left.clone(), Some(bench.kernel(&left.package)?.to_owned())),
            right: (right.clone(), Some(bench.kernel(&right.package)?.to_owned())),
        };
        let comparison = Comparison::of(&subjects, true)?;
        complete(&comparison)?;
        pages(&comparison)?;
        check_fragment(&page::fragment(&comparison))?;
        command(&left, &right)?;
        // The rest of the command line is the same for all pairs.
        let milestones = bench.workspace.milestones();
        let first = milestones.starts_with(&[left.clone(), right.clone()]);
        if first { options(&left, &right) } else { Ok(()) }
    })
}

/// Every section has something to say, and what it says is so.
fn complete(comparison: &Comparison) -> Result<()> {
    let Comparison { left, right, sequence, .. } = comparison;
    let has = |key: &str, relation: &str| {
        sequence.iter().any(|row| {
            let step = row.right.as_ref().or(row.left.as_ref());
            let is = serde_json::to_value(row.relation).is_ok_and(|value| value == relation);
            is && step.is_some_and(|step| step.key.ends_with(key))
        })
    };
    ensure!(has("serial::init", "same"), "the boots do not share their first call");
    ensure!(has("traps::init", "changed"), "the fault policy is not told apart");
    ensure!(sequence.iter().any(|row| row.left.is_none()), "no call is new");
    for module in comparison.modules.iter().flat_map(|module| module.flat()) {
        ensure!(!module.sentence.is_empty(), "{} does not say what it is", module.path);
        ensure!(module.lines > 0, "{} has no lines", module.path);
    }
    ensure!(!comparison.modules.is_empty(), "there is no new module");
    ensure!(!comparison.transcripts.is_empty(), "there are no transcripts");
    ensure!(!comparison.virtual_memory.is_empty(), "there is no map");
    ensure!(
        comparison.sections.iter().any(|one| one.name == ".text" && one.right > one.left),
        "the later kernel has no more code"
    );
    ensure!(left.boot_instructions > 0 && right.boot_instructions > 0, "a boot took nothing");
    let concepts = comparison.source.first().context("there is no difference of sources")?;
    ensure!(concepts.files[0].old.is_some(), "the two main.rs are not compared");
    if right.name == "m2" {
        let named: Vec<&str> = comparison.superseded.iter().map(|one| one.old.as_str()).collect();
        ensure!(named == ["m1_memory::segments"], "superseded: {named:?}");
        let relation = if left.name == "m1" { "superseded" } else { "new" };
        ensure!(has("gdt::init", relation), "the call of what supersedes is not {relation}");
    }
    Ok(())
}

/// The pages are sound, and need no program to be read.
fn pages(comparison: &Comparison) -> Result<()> {
    let folder = trial::temporary_folder()?;
    let written = page::write(comparison, folder.path())?;
    let mut pages: BTreeMap<String, String> = BTreeMap::new();
    for path in &written {
        pages.insert(name(path)?, std::fs::read_to_string(path)?);
    }
    ensure!(pages.len() == 3, "{} pages instead of three", pages.len());
    for (name, html) in &pages {
        check_page(html, &pages).with_context(|| name.clone())?;
    }
    Ok(())
}

fn name(path: &Path) -> Result<String> {
    let name = path.file_name().with_context(|| format!("{} has no name", path.display()))?;
    Ok(name.to_string_lossy().into_owned())
}

fn check_page(html: &str, pages: &BTreeMap<String, String>) -> Result<()> {
    for program in ["<script", "\"javascript:", " onclick=\"", " onload=\""] {
        ensure!(!html.contains(program), "holds `{program}`");
    }
    let style = html.split("</style>").next().unwrap_or_default();
    let elsewhere = style.contains("url(") || style.contains("@import");
    ensure!(!elsewhere && attributes(html, "src").is_empty(), "loads something from elsewhere");
    balanced(html)?;
    let mut ids = BTreeSet::new();
    for id in attributes(html, "id") {
        ensure!(ids.insert(id), "the id `{id}` comes twice");
    }
    let links = attributes(html, "href");
    ensure!(links.len() > 8, "there are only {} links", links.len());
    for link in links {
        match link.strip_prefix('#') {
            Some(id) => ensure!(ids.contains(id), "nothing has the id of the link `#{id}`"),
            None => ensure!(pages.contains_key(link), "there is no page `{link}`"),
        }
    }
    Ok(())
}

/// What goes into the book is sound by itself, and its names are its own.
fn check_fragment(html: &str) -> Result<()> {
    balanced(html)?;
    let (ids, links) = (attributes(html, "id"), attributes(html, "href"));
    let one = ids.first().context("the fragment has no section")?;
    let prefix = one.strip_suffix("boot").context("the first section is not the boot")?;
    ensure!(prefix.matches('-').count() == 2, "`{prefix}` does not name both milestones");
    ensure!(ids.iter().all(|id| id.starts_with(prefix)), "another prefix: {ids:?}");
    let own = |link: &&str| link.strip_prefix('#').is_some_and(|id| ids.contains(&id));
    ensure!(links.iter().all(own), "a link leads out of the fragment: {links:?}");
    let foreign = ["<style", "<script", "<h1", "<html"].into_iter().find(|tag| html.contains(tag));
    ensure!(foreign.is_none(), "a page's {foreign:?} is in the fragment");
    Ok(())
}

/// The values of an attribute.
fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let before = format!(" {name}=\"");
    html.split(&before).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// Fails on an element that is not closed where it must be.
fn balanced(html: &str) -> Result<()> {
    const EMPTY: [&str; 4] = ["meta", "br", "wbr", "!doctype"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, after) = after.split_once('>').context("a tag does not end")?;
        rest = after;
        let name = tag.trim_start_matches('/').split_whitespace().next().unwrap_or_default();
        if EMPTY.contains(&name) {
            continue;
        }
        if tag.starts_with('/') {
            let last = open.pop();
            ensure!(last == Some(name), "`</{name}>` closes {last:?}");
        } else {
            open.push(name);
        }
        // Style is no markup.
        if tag == "style" {
            rest = rest.split_once("</style>").context("style does not end")?.1;
            open.pop();
        }
    }
    ensure!(open.is_empty(), "never closed: {open:?}");
    Ok(())
}

/// The command itself prints every section.
fn command(left: &Milestone, right: &Milestone) -> Result<()> {
    let (one, other) = (left.name.as_str(), right.name.as_str());
    let called = Xtask::new(["diff", one, other]).env("COLUMNS", "120").run()?;
    ensure!(called.status == Some(0), "status {:?}: {}", called.status, called.stderr);
    for heading in [
        "boot sequence",
        "new modules",
        "what supersedes what",
        "new dependencies",
        "boot transcripts",
        "address spaces",
        "kernel size and boot",
    ] {
        let found = called.stdout.contains(&format!("── {heading}"));
        ensure!(found, "the section `{heading}` is missing:\n{}", called.stdout);
    }
    Ok(())
}

/// JSON, the earlier milestone first, and what is refused.
fn options(left: &Milestone, right: &Milestone) -> Result<()> {
    let (one, other) = (left.name.as_str(), right.name.as_str());
    let called = Xtask::new(["diff", other, one, "--json"]).run()?;
    let value: serde_json::Value = serde_json::from_str(&called.stdout)
        .with_context(|| format!("--json is no JSON: {}", called.stderr))?;
    ensure!(
        value["version"] == 1 && value["left"]["name"] == one,
        "the earlier milestone does not come first"
    );
    for (second, mention) in [("mine", "`mine` comes first"), (one, "two different milestones")] {
        let called = Xtask::new(["diff", one, second]).run()?;
        ensure!(
            called.status == Some(2) && called.stderr.contains(mention) && called.stdout.is_empty(),
            "`diff {one} {second}` is not refused: {}",
            called.stderr
        );
    }
    Ok(())
}

fn inspected(milestone: Milestone) -> Test {
    let needs = vec![Need::Emulator, Need::LoaderPvh, Need::Kernel(milestone.package.clone())];
    Test::new(format!("inspect/{}", milestone.name), needs, move |bench: &Bench| {
        let kernel = inspect::read(bench.kernel(&milestone.package)?, 5)?;
        ensure!(kernel.keeps_w_xor_x(), "a segment is writable and executable");
        let permissions: Vec<&str> =
            kernel.segments.iter().map(|one| one.permissions.as_str()).collect();
        ensure!(permissions == ["r-x", "r--", "rw-"], "segments: {permissions:?}");
        let called = Xtask::new(["inspect", &milestone.name, "--json", "--phases"]).run()?;
        let value: serde_json::Value = serde_json::from_str(&called.stdout)
            .with_context(|| format!("--json is no JSON: {}", called.stderr))?;
        ensure!(value["w_xor_x"] == true && value["bytes"] == kernel.bytes(), "{value}");
        let phases = value["phases"].as_array().context("no phases")?;
        let counted = phases.iter().filter_map(|one| one["thousands"].as_u64()).sum::<u64>();
        ensure!(phases.len() > 5 && counted > 1_000, "{counted} thousand: {phases:?}");
        let called = Xtask::new(["inspect", &milestone.name]).run()?;
        let largest = &kernel.symbols.first().context("no symbol has a size")?.name;
        for mention in [".text", "W^X holds", largest] {
            ensure!(called.stdout.contains(mention), "lacks `{mention}`:\n{}", called.stdout);
        }
        ensure!(called.status == Some(0), "status {:?}", called.status);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_pages_are_found() {
        assert!(balanced("<!doctype html><p class=\"a\">x<br>y</p>").is_ok());
        assert!(balanced("<p><b>x</p></b>").is_err());
        assert!(balanced("<p>").is_err());
        assert_eq!(attributes("<a id=\"x\"><b id=\"y\">", "id"), ["x", "y"]);
    }
}
