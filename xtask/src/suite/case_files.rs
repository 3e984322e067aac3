//! The files that describe a package's in-guest tests: `tests/guest.toml`, and
//! each `tests/guest/*.toml`.
//!
//! A file holds single cases (their keys: see [`super::cases`]) and groups. A
//! group's keys are those of a case and hold for all its cases, which are then
//! one line each:
//!
//! ```toml
//! [[group]]
//! serial = ["is killed:", ", ring 3"]
//! cpu    = ["qemu64"]
//! [group.cases]
//! read-null = "page 0 is not mapped for a program"    # name = what it proves
//! halt-cpu  = "a program cannot halt the CPU"
//! ```

use super::cases::{Case, Written};
use crate::workspace::Workspace;
use anyhow::{Context, Result, anyhow, bail, ensure};
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

/// The cases of a package; none if it has no test kernel.
///
/// # Errors
/// The first mistake, with file, case and key.
pub fn read(workspace: &Workspace, package: &str) -> Result<Vec<Case>> {
    let folder = workspace.folder(package).join("tests");
    let mut cases = Vec::new();
    let mut names = HashSet::new();
    for file in files(&folder)? {
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        for case in parse(&text).with_context(|| file.display().to_string())? {
            let unique = names.insert(case.name.clone());
            ensure!(unique, "{}: case `{}` is in another file too", file.display(), case.name);
            cases.push(case);
        }
    }
    Ok(cases)
}

/// The files there are, in a fixed order.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let main = folder.join("guest.toml");
    if !main.is_file() {
        return Ok(Vec::new());
    }
    let mut files = vec![main];
    let more = folder.join("guest");
    if more.is_dir() {
        let unreadable = || format!("cannot list {}", more.display());
        for entry in fs::read_dir(&more).with_context(unreadable)? {
            let path = entry.with_context(unreadable)?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                files.push(path);
            }
        }
    }
    files[1..].sort();
    Ok(files)
}

fn parse(text: &str) -> Result<Vec<Case>> {
    let mut table: toml::Table = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        anyhow!("line {line}: {}", one_line(error.message()))
    })?;
    let mut written = tables(&mut table, "case")?;
    for (index, group) in tables(&mut table, "group")?.into_iter().enumerate() {
        let place = || format!("group {}", index + 1);
        written.extend(spread(group).with_context(place)?);
    }
    if let Some(key) = table.keys().next() {
        bail!("unknown key `{key}`; the file holds [[case]] and [[group]] tables alone");
    }
    ensure!(!written.is_empty(), "there is no [[case]]");
    let mut names = HashSet::new();
    let mut cases = Vec::with_capacity(written.len());
    for (index, table) in written.into_iter().enumerate() {
        let name = table.get("name").and_then(toml::Value::as_str).map(str::to_owned);
        let place = name.map_or(format!("case {}", index + 1), |name| format!("case `{name}`"));
        let case = table
            .try_into::<Written>()
            .map_err(|error| anyhow!("{}", one_line(error.message())))
            .and_then(Written::check)
            .with_context(|| place.clone())?;
        ensure!(names.insert(case.name.clone()), "{place}: key `name`: there are two of them");
        cases.push(case);
    }
    Ok(cases)
}

/// Takes the array of tables called `key`, which may be missing.
fn tables(table: &mut toml::Table, key: &str) -> Result<Vec<toml::Table>> {
    match table.remove(key) {
        None => Ok(Vec::new()),
        Some(value) => value.try_into().map_err(|_| anyhow!("write [[{key}]] above its keys")),
    }
}

/// A group's cases, each with the keys that they share.
fn spread(mut group: toml::Table) -> Result<Vec<toml::Table>> {
    let cases = match group.remove("cases") {
        Some(toml::Value::Table(cases)) if !cases.is_empty() => cases,
        _ => bail!("there are no cases below [group.cases]"),
    };
    for key in ["name", "proves"] {
        ensure!(!group.contains_key(key), "key `{key}`: that is each case's own");
    }
    let case = |(name, proves)| {
        let mut case = group.clone();
        case.insert("name".to_owned(), toml::Value::String(name));
        case.insert("proves".to_owned(), proves);
        case
    };
    Ok(cases.into_iter().map(case).collect())
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{boot::way::Way, suite::expect::Expect};
    use std::time::Duration;

    fn error(text: &str) -> String {
        format!("{:#}", parse(text).expect_err("a mistake"))
    }

    #[test]
    fn defaults_are_filled_in() {
        let cases = parse("[[case]]\nname = \"a-1\"\nproves = \"x\"\n").expect("plain");
        let case = &cases[0];
        assert_eq!(case.expect, Expect::Complete);
        assert_eq!(case.boot, [Way::Fast]);
        assert_eq!(case.memory, ["256M".parse().expect("a size")]);
        assert_eq!(case.cpu, ["max".parse().expect("a model")]);
        assert_eq!(case.hang_after, Duration::from_secs(5));
        assert!(!case.long && !case.seeded && case.nmi_after.is_none());
    }

    #[test]
    fn everything_can_be_given() {
        let text = r#"
            [[case]]
            name = "modules"
            proves = "modules arrive"
            expect = "hang"
            serial = ["one", "two"]
            boot = ["uefi", "limine"]
            memory = ["64M", "3G"]
            cpu = ["qemu64"]
            cmdline = "test=1"
            modules = [{ name = "a", cmdline = "x y", contents = "hello" }]
            timeout_s = 2
            long = true
            seeded = true
            nmi_after = "busy"
            catalogue = "hang-busy"
            report = ["why: "]
        "#;
        let case = &parse(text).expect("plain")[0];
        assert_eq!(case.boot, [Way::Uefi, Way::Limine]);
        assert_eq!(case.memory.len(), 2);
        assert_eq!(case.modules[0].contents, b"hello");
        assert_eq!(case.hang_after, Duration::from_secs(2));
        assert_eq!(case.catalogue.as_deref(), Some("hang-busy"));
        assert_eq!(case.report, ["why: "]);
        assert!(case.long && case.seeded && case.nmi_after.as_deref() == Some("busy"));
    }

    #[test]
    fn a_group_s_keys_hold_for_all_its_cases() {
        let text = r#"
            [[case]]
            name = "alone"
            proves = "x"
            [[group]]
            serial = ["is killed"]
            cpu = ["EPYC"]
            [group.cases]
            one = "x"
            two = "y"
        "#;
        let cases = parse(text).expect("plain");
        let names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names, ["alone", "one", "two"]);
        assert!(cases[0].serial.is_empty());
        for case in &cases[1..] {
            assert_eq!(case.serial, ["is killed"]);
            assert_eq!(case.cpu, ["EPYC".parse().expect("a model")]);
        }
    }

    #[test]
    fn mistakes_are_named_with_case_and_key() {
        let case = |rest: &str| error(&format!("[[case]]\nname = \"a\"\nproves = \"x\"\n{rest}"));
        assert!(case("expct = \"hang\"").starts_with("case `a`: unknown field `expct`"));
        assert!(case("expect = \"boom\"").starts_with("case `a`: key `expect`: `boom` is none of"));
        assert!(case("boot = [\"bios\"]").starts_with("case `a`: key `boot`: `bios` is none of"));
        assert!(case("memory = [\"1T\"]").starts_with("case `a`: key `memory`: `1T` is not"));
        assert!(case("memory = []").starts_with("case `a`: key `memory`: the list is empty"));
        assert!(case("cpu = [\"max\", \"max\"]").starts_with("case `a`: key `cpu`: a value"));
        assert!(case("timeout_s = 2").starts_with("case `a`: key `timeout_s`: it is for"));
        assert!(case("cmdline = \"a\\nb\"").starts_with("case `a`: key `cmdline`: "));
        assert!(case("catalogue = \"x\"").starts_with("case `a`: key `catalogue`: "));
        assert!(case("serial = 3").starts_with("case `a`: invalid type"));
        assert!(case("nmi_after = \"\"").starts_with("case `a`: key `nmi_after`: "));
        let seed_twice = case("seeded = true\ncmdline = \"extra=1\"");
        assert!(seed_twice.starts_with("case `a`: key `seeded`: "), "{seed_twice}");
        let twice = "[[case]]\nname = \"a\"\nproves = \"x\"\n".repeat(2);
        assert!(error(&twice).starts_with("case `a`: key `name`: there are two"));
        assert!(error("[[case]]\nname = \"a\"\n").starts_with("case `a`: missing field `proves`"));
        assert!(error("[[case]]\nname = \"list\"\nproves = \"x\"\n").contains("key `name`"));
        assert!(error("a = \n").starts_with("line 1: "));
        assert_eq!(error(""), "there is no [[case]]");
    }

    #[test]
    fn mistakes_in_groups_are_named_too() {
        assert!(error("[[group]]\ncpu = [\"max\"]\n").starts_with("group 1: there are no cases"));
        let own = "[[group]]\nproves = \"x\"\n[group.cases]\na = \"x\"\n";
        assert!(error(own).starts_with("group 1: key `proves`: "));
        let shared = "[[group]]\nexpect = \"boom\"\n[group.cases]\na = \"x\"\n";
        assert!(error(shared).starts_with("case `a`: key `expect`: "));
        assert!(error("[group]\n").starts_with("write [[group]]"));
    }
}
