//! `tests/guest.toml`: what the host must observe of each case of a package's
//! test kernel.
//!
//! ```toml
//! [[case]]
//! name      = "divide-error"          # `test=` on the kernel's command line
//! proves    = "a divide error is reported by name and stops the kernel"
//! expect    = "exception 0"           # default "complete"; forms: see `expect`
//! serial    = ["divide error (#DE)"]  # must appear on serial, in this order
//! memory    = ["64M", "3G"]           # default ["256M"]; every combination of
//! cpu       = ["qemu64", "max"]       # default ["max"];  the two is a test
//! cmdline   = "extra=1"               # appended to the command line
//! modules   = [{ name = "a.txt", cmdline = "x y", contents = "hello" }]
//! timeout_s = 2                       # for `expect = "hang"` alone
//! catalogue = "de-divide"             # the entry that must explain the verdict
//! report    = ["why: ", "> div"]      # must appear in xtask's report, in this order
//! ```

use super::expect::Expect;
use crate::{
    boot::{Module, config},
    machine::{Cpu, Memory},
    verdict::catalogue::Catalogue,
};
use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::Deserialize;
use std::{collections::HashSet, path::Path, str::FromStr, time::Duration};

/// How long a kernel must be stuck to be called hanging, if the case does not say.
const HANG_SECONDS: u64 = 5;

/// One case, with everything checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    pub name: String,
    pub expect: Expect,
    pub serial: Vec<String>,
    pub memory: Vec<Memory>,
    pub cpu: Vec<Cpu>,
    pub cmdline: String,
    pub modules: Vec<Module>,
    /// For a hang: when it is one.
    pub hang_after: Duration,
    /// The fault catalogue's entry that must explain the verdict.
    pub catalogue: Option<String>,
    /// Texts of the report.
    pub report: Vec<String>,
}

/// A case as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    proves: String,
    #[serde(default = "complete")]
    expect: String,
    #[serde(default)]
    serial: Vec<String>,
    #[serde(default = "default_memory")]
    memory: Vec<String>,
    #[serde(default = "default_cpu")]
    cpu: Vec<String>,
    #[serde(default)]
    cmdline: String,
    #[serde(default)]
    modules: Vec<WrittenModule>,
    timeout_s: Option<u64>,
    catalogue: Option<String>,
    #[serde(default)]
    report: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenModule {
    name: String,
    #[serde(default)]
    cmdline: String,
    contents: String,
}

fn complete() -> String {
    "complete".to_owned()
}

fn default_memory() -> Vec<String> {
    vec!["256M".to_owned()]
}

fn default_cpu() -> Vec<String> {
    vec!["max".to_owned()]
}

/// Reads the cases in `file`.
///
/// # Errors
/// The first mistake, with file, case and key.
pub fn read(file: &Path) -> Result<Vec<Case>> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    parse(&text).with_context(|| file.display().to_string())
}

fn parse(text: &str) -> Result<Vec<Case>> {
    let mut table: toml::Table = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        anyhow!("line {line}: {}", one_line(error.message()))
    })?;
    let written = match table.remove("case") {
        Some(toml::Value::Array(cases)) => cases,
        _ => bail!("there is no [[case]]"),
    };
    if let Some(key) = table.keys().next() {
        bail!("unknown key `{key}`; the file holds [[case]] tables alone");
    }
    let mut names = HashSet::new();
    let mut cases = Vec::with_capacity(written.len());
    for (index, value) in written.into_iter().enumerate() {
        let name = value.get("name").and_then(toml::Value::as_str).map(str::to_owned);
        let place = name.map_or(format!("case {}", index + 1), |name| format!("case `{name}`"));
        let case = value
            .try_into::<Written>()
            .map_err(|error| anyhow!("{}", one_line(error.message())))
            .and_then(Written::check)
            .with_context(|| place.clone())?;
        ensure!(names.insert(case.name.clone()), "{place}: key `name`: there are two of them");
        cases.push(case);
    }
    Ok(cases)
}

impl Written {
    fn check(self) -> Result<Case> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        ensure!(
            !self.name.is_empty() && self.name.chars().all(plain) && self.name != "list",
            "key `name`: use lower-case letters, digits and hyphens; `list` is taken"
        );
        ensure!(!self.proves.trim().is_empty(), "key `proves`: say what the case proves");
        let expect: Expect = parse_value("expect", &self.expect)?;
        let hang_after = match (self.timeout_s, &expect) {
            (None, _) => HANG_SECONDS,
            (Some(seconds @ 1..=60), Expect::Hang) => seconds,
            (Some(_), Expect::Hang) => bail!("key `timeout_s`: give 1 to 60 seconds"),
            (Some(_), _) => bail!("key `timeout_s`: it is for `expect = \"hang\"` alone"),
        };
        ensure!(
            self.serial.iter().chain(&self.report).all(|text| is_part_of_line(text)),
            "keys `serial` and `report`: a text is empty or longer than a line"
        );
        if let Some(id) = &self.catalogue {
            ensure!(
                Catalogue::get().entry(id).is_some(),
                "key `catalogue`: xtask/catalogue.toml has no entry `{id}`"
            );
        }
        config::limine_conf("check", &self.cmdline, &[]).context("key `cmdline`")?;
        let modules: Vec<Module> = self.modules.into_iter().map(WrittenModule::module).collect();
        config::limine_conf("check", "", &modules).context("key `modules`")?;
        Ok(Case {
            name: self.name,
            expect,
            serial: self.serial,
            memory: parse_values("memory", &self.memory)?,
            cpu: parse_values("cpu", &self.cpu)?,
            cmdline: self.cmdline,
            modules,
            hang_after: Duration::from_secs(hang_after),
            catalogue: self.catalogue,
            report: self.report,
        })
    }
}

impl WrittenModule {
    fn module(self) -> Module {
        Module { name: self.name, cmdline: self.cmdline, contents: self.contents.into_bytes() }
    }
}

fn is_part_of_line(text: &str) -> bool {
    !text.is_empty() && !text.contains('\n')
}

fn parse_values<T: FromStr<Err = String>>(key: &str, texts: &[String]) -> Result<Vec<T>> {
    ensure!(!texts.is_empty(), "key `{key}`: the list is empty");
    let distinct: HashSet<_> = texts.iter().collect();
    ensure!(distinct.len() == texts.len(), "key `{key}`: a value stands there twice");
    texts.iter().map(|text| parse_value(key, text)).collect()
}

fn parse_value<T: FromStr<Err = String>>(key: &str, text: &str) -> Result<T> {
    text.parse().map_err(|error: String| anyhow!("key `{key}`: {error}"))
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        format!("{:#}", parse(text).expect_err("a mistake"))
    }

    #[test]
    fn defaults_are_filled_in() {
        let cases = parse("[[case]]\nname = \"a-1\"\nproves = \"x\"\n").expect("plain");
        let case = &cases[0];
        assert_eq!(case.expect, Expect::Complete);
        assert_eq!(case.memory, ["256M".parse().expect("a size")]);
        assert_eq!(case.cpu, ["max".parse().expect("a model")]);
        assert_eq!(case.hang_after, Duration::from_secs(HANG_SECONDS));
    }

    #[test]
    fn everything_can_be_given() {
        let text = r#"
            [[case]]
            name = "modules"
            proves = "modules arrive"
            expect = "hang"
            serial = ["one", "two"]
            memory = ["64M", "3G"]
            cpu = ["qemu64"]
            cmdline = "extra=1"
            modules = [{ name = "a", cmdline = "x y", contents = "hello" }]
            timeout_s = 2
            catalogue = "hang-busy"
        "#;
        let case = &parse(text).expect("plain")[0];
        assert_eq!(case.memory.len(), 2);
        assert_eq!(case.modules[0].contents, b"hello");
        assert_eq!(case.hang_after, Duration::from_secs(2));
        assert_eq!(case.catalogue.as_deref(), Some("hang-busy"));
    }

    #[test]
    fn mistakes_are_named_with_case_and_key() {
        let case = |rest: &str| error(&format!("[[case]]\nname = \"a\"\nproves = \"x\"\n{rest}"));
        assert!(case("expct = \"hang\"").starts_with("case `a`: unknown field `expct`"));
        assert!(case("expect = \"boom\"").starts_with("case `a`: key `expect`: `boom` is none of"));
        assert!(case("memory = [\"1T\"]").starts_with("case `a`: key `memory`: `1T` is not"));
        assert!(case("memory = []").starts_with("case `a`: key `memory`: the list is empty"));
        assert!(case("cpu = [\"max\", \"max\"]").starts_with("case `a`: key `cpu`: a value"));
        assert!(case("timeout_s = 2").starts_with("case `a`: key `timeout_s`: it is for"));
        assert!(case("catalogue = \"x\"").contains("key `catalogue`: "));
        assert!(case("cmdline = \"a\\nb\"").starts_with("case `a`: key `cmdline`: "));
        assert!(case("serial = 3").starts_with("case `a`: invalid type"));
        let twice = "[[case]]\nname = \"a\"\nproves = \"x\"\n".repeat(2);
        assert!(error(&twice).starts_with("case `a`: key `name`: there are two"));
        assert!(error("[[case]]\nname = \"a\"\n").starts_with("case `a`: missing field `proves`"));
        assert!(error("[[case]]\nname = \"list\"\nproves = \"x\"\n").contains("key `name`"));
        assert!(error("a = \n").starts_with("line 1: "));
        assert_eq!(error(""), "there is no [[case]]");
    }
}
