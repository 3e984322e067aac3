//! What a definition says, and what it must not.

use super::{ALL, pieces::Piece};
use crate::{manual, workspace::Milestone};
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Where the definitions lie, from the workspace's root.
const FOLDER: &str = "book/sessions";
/// How every command begins.
const PROGRAM: [&str; 2] = ["cargo", "xtask"];
/// What a shell would make something of.
const SHELLS_OWN: &[char] = &['|', '>', '<', '&', ';', '\'', '"', '\\', '$', '`', '#', '*'];
/// The command that takes input.
const MONITOR: &str = "monitor";
/// Commands that wait for a person, or would record themselves.
const NEVER_RECORDED: [&str; 3] = ["watch", "bless", "gdb"];

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub name: String,
    /// The file that defines it, from the workspace's root.
    pub file: String,
    /// As a reader types it.
    pub command: String,
    pub keep: Vec<Piece>,
    pub status: i32,
    pub input: Vec<String>,
    /// Whether every figure in it is shown and not compared.
    pub figures: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    command: String,
    #[serde(default)]
    keep: Vec<String>,
    #[serde(default)]
    status: i32,
    #[serde(default)]
    input: Vec<String>,
    #[serde(default)]
    figures: bool,
}

impl Session {
    /// What follows `cargo xtask`.
    pub fn words(&self) -> Vec<&str> {
        self.command.split_whitespace().skip(PROGRAM.len()).collect()
    }

    /// The subcommand.
    pub fn subcommand(&self) -> &str {
        self.words().first().copied().unwrap_or_default()
    }

    /// The milestone that it boots, out of `all`.
    pub fn boots<'a>(&self, all: &'a [Milestone]) -> Option<&'a Milestone> {
        let words = self.words();
        let boots = ["run", MONITOR].contains(&self.subcommand());
        all.iter().find(|one| boots && words.get(1) == Some(&one.name.as_str()))
    }

    /// `text`, said of this session.
    pub fn told(&self, text: impl std::fmt::Display) -> String {
        format!("{}: {}: {text}", self.file, self.name)
    }

    fn of(file: &str, name: &str, raw: Raw) -> Result<Self> {
        let named = !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        ensure!(named, "a name consists of small letters, digits and `-`");
        ensure!(name != ALL, "`{ALL}` means all of them");
        let Raw { command, keep, status, input, figures } = raw;
        let keep: Result<Vec<Piece>> = keep.iter().map(|text| Piece::parse(text)).collect();
        let (name, file) = (name.to_owned(), file.to_owned());
        let session = Self { name, file, command, keep: keep?, status, input, figures };
        session.check()?;
        Ok(session)
    }

    fn check(&self) -> Result<()> {
        let words: Vec<&str> = self.command.split_whitespace().collect();
        ensure!(words.starts_with(&PROGRAM), "the command must begin with `cargo xtask`");
        ensure!(!self.command.contains(SHELLS_OWN), "no shell runs it: plain words only");
        if let Err(error) = manual::check_line(&self.command) {
            bail!("no command line of ours: {error}");
        }
        let subcommand = self.subcommand();
        ensure!(!NEVER_RECORDED.contains(&subcommand), "`{subcommand}` cannot be recorded");
        let all_tests = subcommand == "test" && self.words().len() == 1;
        ensure!(!all_tests, "`test` without a name would test this as well");
        let takes_input = subcommand == MONITOR;
        ensure!(takes_input || self.input.is_empty(), "only `{MONITOR}` takes input");
        ensure!(!takes_input || !self.input.is_empty(), "`{MONITOR}` needs input");
        Ok(())
    }
}

/// All sessions, by name.
///
/// # Errors
/// One line: the file, the session and what is wrong.
pub fn all(root: &Path) -> Result<Vec<Session>> {
    let folder = root.join(FOLDER);
    let mut found: BTreeMap<String, Session> = BTreeMap::new();
    for path in definitions(&folder)? {
        let file = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {file}"))?;
        for session in read(&file, &text)? {
            if let Some(other) = found.get(&session.name) {
                bail!("{}", session.told(format_args!("{} has one of that name", other.file)));
            }
            found.insert(session.name.clone(), session);
        }
    }
    Ok(found.into_values().collect())
}

fn definitions(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let cannot = || format!("cannot read {}", folder.display());
    let entries = folder.read_dir().with_context(cannot)?;
    let paths: std::io::Result<Vec<PathBuf>> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.with_context(cannot)?;
    paths.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    paths.sort();
    Ok(paths)
}

/// The sessions of one file.
pub fn read(file: &str, text: &str) -> Result<Vec<Session>> {
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        let before = error.span().map(|span| &text[..span.start]).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        anyhow::anyhow!("{file}:{line}: {}", one_line(error.message()))
    })?;
    let session = |(name, value): (String, toml::Value)| {
        let told = |error: &str| anyhow::anyhow!("{file}: {name}: {}", one_line(error));
        let raw: Raw = value.try_into().map_err(|error: toml::de::Error| told(error.message()))?;
        Session::of(file, &name, raw).map_err(|error| told(&format!("{error:#}")))
    };
    table.into_iter().map(session).collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let error = read("book/sessions/x.toml", text).expect_err("refused").to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
        error
    }

    #[test]
    fn a_definition_is_read() {
        let text = "[gates]\ncommand = \"cargo xtask monitor m2\"\ninput = [\"idt\"]\n\
                    keep = [\"from `m2> idt`\"]\nstatus = 1\n";
        let all = read("f", text).expect("one session");
        let [one] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((one.name.as_str(), one.status, one.keep.len()), ("gates", 1, 1));
        assert_eq!((one.words(), one.subcommand()), (vec!["monitor", "m2"], "monitor"));
        let (_, m2) = Milestone::from_package("m2-usermode").expect("a milestone");
        assert_eq!(one.boots(std::slice::from_ref(&m2)), Some(&m2));
    }

    #[test]
    fn mistakes_are_told_on_one_line_with_file_and_session() {
        for (rest, mention) in [
            ("command = \"cargo xtask list\"\nkep = []", "unknown field `kep`"),
            ("keep = []", "missing field `command`"),
            ("command = \"cargo build\"", "begin with `cargo xtask`"),
            ("command = \"cargo xtask list | less\"", "plain words"),
            ("command = \"cargo xtask lsit\"", "no command line of ours"),
            ("command = \"cargo xtask run m0 --bot fast\"", "no command line of ours"),
            ("command = \"cargo xtask watch\"", "`watch` cannot be recorded"),
            ("command = \"cargo xtask test\"", "without a name"),
            ("command = \"cargo xtask list\"\ninput = [\"a\"]", "only `monitor` takes input"),
            ("command = \"cargo xtask monitor m2\"", "`monitor` needs input"),
            ("command = \"cargo xtask list\"\nkeep = [\"a\"]", "not of the form"),
            ("command = \"cargo xtask list\"\nstatus = \"1\"", "invalid type"),
        ] {
            let error = refused(&format!("[one]\n{rest}\n"));
            let told = error.starts_with("book/sessions/x.toml: one: ") && error.contains(mention);
            assert!(told, "{error}");
        }
        assert!(refused("[a b]\n").starts_with("book/sessions/x.toml:1: "));
        let list = "\ncommand = \"cargo xtask list\"\n";
        assert!(refused(&format!("[sessions]{list}")).contains("means all"));
        assert!(refused(&format!("[A]{list}")).contains("small letters"));
    }

    #[test]
    fn a_name_stands_once() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join(FOLDER);
        fs::create_dir_all(&folder).expect("made");
        for file in ["a.toml", "b.toml"] {
            let text = "[one]\ncommand = \"cargo xtask list\"\n";
            fs::write(folder.join(file), text).expect("written");
        }
        let error = all(root.path()).expect_err("twice").to_string();
        let told = "book/sessions/b.toml: one: book/sessions/a.toml has one of that name";
        assert_eq!(error, told);
    }

    #[test]
    fn the_books_sessions_are_well_formed() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        all(&root).expect("well formed");
    }
}
