//! One case of a package's test kernel: how it is booted, and what the host must
//! observe. [`super::case_files`] reads them from files.
//!
//! ```toml
//! [[case]]
//! name      = "divide-error"          # `test=` on the kernel's command line
//! proves    = "a divide error is reported by name and stops the kernel"
//! expect    = "exception 0"           # default "complete"; forms: see `expect`
//! serial    = ["divide error (#DE)"]  # must appear on serial, in this order
//! boot      = ["fast", "uefi"]        # default ["fast"];  each combination of
//! memory    = ["64M", "3G"]           # default ["256M"];  these three is a
//! cpu       = ["qemu64", "max"]       # default ["max"];   test of its own
//! cmdline   = "extra=1"               # appended to the command line
//! modules   = [{ name = "a.txt", cmdline = "x y", contents = "hello" }]
//! timeout_s = 2                       # for `expect = "hang"` alone
//! catalogue = "de-divide"             # the entry that must explain the verdict
//! report    = ["why: ", "> div"]      # must appear in xtask's report, in this order
//! long      = true                    # runs with `test --long` only
//! seeded    = true                    # gets `extra=SEED`, which a failure tells
//! nmi_after = "busy"                  # NMIs rain from this check's event on
//! ```

use super::expect::Expect;
use crate::{
    boot::{Module, config, way::Way},
    machine::{Cpu, Memory},
    verdict::catalogue::Catalogue,
};
use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::ValueEnum;
use serde::Deserialize;
use std::{collections::HashSet, str::FromStr, time::Duration};

/// How long a kernel must be stuck to be called hanging, if the case does not say.
const HANG_SECONDS: u64 = 5;

/// One case, with everything checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    pub name: String,
    pub expect: Expect,
    pub serial: Vec<String>,
    pub boot: Vec<Way>,
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
    /// Takes so long that it is run only when asked for.
    pub long: bool,
    /// Gets a random seed.
    pub seeded: bool,
    /// NMIs are injected from the moment this check is reported.
    pub nmi_after: Option<String>,
}

/// A case as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    name: String,
    proves: String,
    #[serde(default = "complete")]
    expect: String,
    #[serde(default)]
    serial: Vec<String>,
    #[serde(default = "default_boot")]
    boot: Vec<String>,
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
    #[serde(default)]
    long: bool,
    #[serde(default)]
    seeded: bool,
    nmi_after: Option<String>,
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

fn default_boot() -> Vec<String> {
    vec!["fast".to_owned()]
}

fn default_memory() -> Vec<String> {
    vec!["256M".to_owned()]
}

fn default_cpu() -> Vec<String> {
    vec!["max".to_owned()]
}

impl Written {
    /// The case, if it makes sense.
    ///
    /// # Errors
    /// The first mistake, with its key.
    pub fn check(self) -> Result<Case> {
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
        ensure!(
            !self.seeded || !self.cmdline.contains("extra="),
            "key `seeded`: the seed goes into `extra=`, which `cmdline` gives already"
        );
        let nmi_possible = self.nmi_after.as_deref().is_none_or(|check| !check.is_empty());
        ensure!(nmi_possible, "key `nmi_after`: name a check");
        let boot: Vec<WrittenWay> = parse_values("boot", &self.boot)?;
        config::limine_conf("check", &self.cmdline, &[]).context("key `cmdline`")?;
        let modules: Vec<Module> = self.modules.into_iter().map(WrittenModule::module).collect();
        config::limine_conf("check", "", &modules).context("key `modules`")?;
        Ok(Case {
            name: self.name,
            expect,
            serial: self.serial,
            boot: boot.into_iter().map(|WrittenWay(way)| way).collect(),
            memory: parse_values("memory", &self.memory)?,
            cpu: parse_values("cpu", &self.cpu)?,
            cmdline: self.cmdline,
            modules,
            hang_after: Duration::from_secs(hang_after),
            catalogue: self.catalogue,
            report: self.report,
            long: self.long,
            seeded: self.seeded,
            nmi_after: self.nmi_after,
        })
    }
}

/// A way to boot, spelt as on xtask's command line.
struct WrittenWay(Way);

impl FromStr for WrittenWay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = |_| format!("`{text}` is none of fast, uefi, limine");
        Way::from_str(text, false).map(Self).map_err(unknown)
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
