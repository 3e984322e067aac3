//! The modules of a milestone, with the first sentence of their documentation,
//! their size, and what they supersede.

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use std::path::{Path, PathBuf};
use syn::{Attribute, Expr, ExprLit, Item, ItemMod, Lit, Meta, spanned::Spanned};

/// A module: one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Module {
    /// `m1_memory::paging::kernel`
    pub path: String,
    /// The source, from the workspace's root.
    pub file: PathBuf,
    /// The first sentence of its documentation.
    pub sentence: String,
    /// Lines without tests.
    pub lines: usize,
    /// Lines of tests, in this file and in modules that hold nothing else.
    pub test_lines: usize,
    /// What it supersedes, if its documentation begins with that.
    pub supersedes: Option<String>,
    /// The modules within.
    pub modules: Vec<Module>,
}

/// Reads the modules of the library of `package`, which lies in `folder`.
pub fn read(root: &Path, folder: &Path, package: &str) -> Result<Vec<Module>> {
    let source = folder.join("src");
    let library =
        Reader { root }.module(&source.join("lib.rs"), &source, &package.replace('-', "_"));
    Ok(library?.modules)
}

impl Module {
    /// Lines without tests, with those of the modules within.
    pub fn all_lines(&self) -> usize {
        self.lines + self.modules.iter().map(Self::all_lines).sum::<usize>()
    }

    /// Lines of tests, with those of the modules within.
    pub fn all_test_lines(&self) -> usize {
        self.test_lines + self.modules.iter().map(Self::all_test_lines).sum::<usize>()
    }

    /// It and all modules within, in the order of the sources.
    pub fn flat(&self) -> Vec<&Self> {
        let mut all = vec![self];
        all.extend(self.modules.iter().flat_map(Self::flat));
        all
    }
}

struct Reader<'a> {
    root: &'a Path,
}

impl Reader<'_> {
    /// Reads the module in `file`, whose own modules lie in `folder`.
    fn module(&self, file: &Path, folder: &Path, path: &str) -> Result<Module> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        let parsed =
            syn::parse_file(&text).with_context(|| format!("cannot parse {}", file.display()))?;
        let (mut inline, mut beside) = (0, 0);
        let mut modules = Vec::new();
        for item in &parsed.items {
            let is_test = is_test(item);
            if is_test {
                inline += item.span().end().line + 1 - item.span().start().line;
            }
            let Item::Mod(ItemMod { ident, content: None, .. }) = item else { continue };
            let (file, folder) = place(folder, &ident.to_string())?;
            let module = self.module(&file, &folder, &format!("{path}::{ident}"))?;
            match is_test {
                true => beside += module.all_lines() + module.all_test_lines(),
                false => modules.push(module),
            }
        }
        let documentation = documentation(&parsed.attrs);
        let (supersedes, sentence) = heading(&documentation);
        Ok(Module {
            path: path.to_owned(),
            file: file.strip_prefix(self.root).unwrap_or(file).to_owned(),
            sentence,
            lines: text.lines().count().saturating_sub(inline),
            test_lines: inline + beside,
            supersedes,
            modules,
        })
    }
}

/// Whether an item is there for tests alone; its lines are not the module's.
fn is_test(item: &Item) -> bool {
    let attributes = match item {
        Item::Mod(module) => &module.attrs,
        Item::Fn(function) => &function.attrs,
        Item::Use(import) => &import.attrs,
        _ => return false,
    };
    attributes.iter().any(for_tests)
}

/// The file of module `name` declared in `folder`, and where its own modules lie.
fn place(folder: &Path, name: &str) -> Result<(PathBuf, PathBuf)> {
    let below = folder.join(name);
    let candidates = [folder.join(format!("{name}.rs")), below.join("mod.rs")];
    let found = candidates.into_iter().find(|file| file.is_file());
    Ok((
        found.with_context(|| format!("no file for module {name} in {}", folder.display()))?,
        below,
    ))
}

/// `#[cfg(test)]`
fn for_tests(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
}

/// The lines of a file's `//!`.
fn documentation(attributes: &[Attribute]) -> Vec<String> {
    let line = |attribute: &Attribute| match &attribute.meta {
        Meta::NameValue(value) if value.path.is_ident("doc") => match &value.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    };
    attributes.iter().filter_map(line).flat_map(|text| owned_lines(&text)).collect()
}

fn owned_lines(text: &str) -> Vec<String> {
    text.split('\n').map(|line| line.trim().to_owned()).collect()
}

/// What the documentation supersedes, and its first sentence without that.
fn heading(documentation: &[String]) -> (Option<String>, String) {
    let paragraph: Vec<&str> = documentation
        .iter()
        .map(String::as_str)
        .skip_while(|line| line.is_empty())
        .take_while(|line| !line.is_empty())
        .collect();
    let text = without_links(&paragraph.join(" "));
    let sentence = first_sentence(&text).to_owned();
    let superseded = sentence.strip_prefix("Supersedes `").and_then(|rest| rest.split_once('`'));
    match superseded {
        Some((path, rest)) => {
            let rest = rest.trim_start_matches([':', ',', '.', ' ']);
            (Some(path.to_owned()), rest.to_owned())
        }
        None => (None, sentence),
    }
}

/// The text up to a full stop that no parenthesis holds: `(SDM Vol. 3A)` ends none.
fn first_sentence(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '.' if depth == 0 && text[at + 1..].starts_with(' ') => return &text[..=at],
            _ => {}
        }
    }
    text
}

/// Markdown without its links: [`a`] and [a](b) become `a` and a.
fn without_links(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        result.push_str(before);
        let Some((label, after)) = after.split_once(']') else {
            rest = &rest[before.len()..];
            break;
        };
        result.push_str(label);
        rest = match after.strip_prefix('(').and_then(|target| target.split_once(')')) {
            Some((_, after)) => after,
            None => after,
        };
    }
    result + rest
}

/// Fails if a module supersedes something that is not among `known`.
pub fn check_superseded(modules: &[Module], known: &[Module]) -> Result<()> {
    let paths: Vec<&str> =
        known.iter().flat_map(Module::flat).map(|module| module.path.as_str()).collect();
    for module in modules.iter().flat_map(Module::flat) {
        if let Some(old) = &module.supersedes {
            ensure!(
                paths.contains(&old.as_str()),
                "{} says that it supersedes {old}, which is no module of an earlier milestone",
                module.file.display()
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (Option<String>, String) {
        heading(&text.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_first_sentence_ends_with_its_full_stop_or_paragraph() {
        assert_eq!(of("One thing. Another.").1, "One thing.");
        assert_eq!(of("\nOver\ntwo lines: `a.b`\n\nMore.").1, "Over two lines: `a.b`");
        assert_eq!(of("See [`x::y`] and [the book](a/b.md). No.").1, "See `x::y` and the book.");
        assert_eq!(of("A tree (SDM Vol. 3A, 4.5). More.").1, "A tree (SDM Vol. 3A, 4.5).");
        assert_eq!(of("An [open bracket").1, "An [open bracket");
        assert_eq!(of("").1, "");
    }

    #[test]
    fn what_is_superseded_is_found() {
        let (old, sentence) = of("Supersedes [`m1_memory::segments`]: a GDT for two rings.\n\nX");
        assert_eq!(old.as_deref(), Some("m1_memory::segments"));
        assert_eq!(sentence, "a GDT for two rings.");
        assert_eq!(of("It supersedes nothing.").0, None);
    }

    #[test]
    fn tests_are_counted_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let source = folder.path().join("src");
        std::fs::create_dir_all(source.join("a")).expect("a folder");
        let write = |name: &str, text: &str| {
            std::fs::write(source.join(name), text).expect("written");
        };
        write("lib.rs", "//! L.\npub mod a;\n");
        write(
            "a/mod.rs",
            "//! A first. More.\nmod b;\n#[cfg(test)]\nmod tests;\n#[cfg(test)]\nmod inline {\n}\n",
        );
        write("a/b.rs", "//! Supersedes [`z::old`]: B.\nfn b() {}\n");
        write("a/tests.rs", "//! T.\n#[test]\nfn t() {}\n");
        let modules = read(folder.path(), folder.path(), "m7-x").expect("modules");
        assert_eq!(modules.len(), 1);
        let a = &modules[0];
        assert_eq!((a.path.as_str(), a.sentence.as_str()), ("m7_x::a", "A first."));
        assert_eq!((a.lines, a.test_lines), (2, 8));
        assert_eq!((a.all_lines(), a.modules[0].path.as_str()), (4, "m7_x::a::b"));
        assert_eq!(a.file, Path::new("src/a/mod.rs"));
        let error = check_superseded(&modules, &[]).expect_err("nothing earlier");
        assert!(error.to_string().contains("z::old"), "{error}");
    }
}
