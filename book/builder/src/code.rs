//! Pieces of the course's sources, by name: a chapter says which file and which item, and
//! gets the text as it is today.
//!
//! An item is named by its path inside the file: `load`, `Gate::interrupt`, `GATES`,
//! `<Gate as Drop>::drop`, `impl Drop for Gate`, `global_asm!`. Of several with one name
//! `#2` is the second.

use anyhow::{Context, Result, bail};
use proc_macro2::LineColumn;
use std::{fs, path::Path};
use syn::{ImplItem, Item, spanned::Spanned};

/// A piece of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its text, not indented.
    pub text: String,
    /// Its first line in the file, from 1.
    pub line: usize,
}

/// The item called `name` in `file`.
///
/// # Errors
/// If there is no such file or item, or several.
pub fn item(root: &Path, file: &str, name: &str) -> Result<Piece> {
    let text = read(root, file)?;
    let parsed = syn::parse_file(&text).with_context(|| format!("cannot parse {file}"))?;
    let (plain, which) = match name.rsplit_once('#') {
        Some((plain, number)) => match number.parse::<usize>() {
            Ok(number) => (plain, Some(number)),
            Err(_) => (name, None),
        },
        None => (name, None),
    };
    let mut found = Vec::new();
    find(&parsed.items, plain, &mut found);
    let (start, end) = match (found.as_slice(), which) {
        ([one], None) => one,
        ([], _) => bail!("{file} has no item `{plain}`"),
        (several, Some(which)) => several
            .get(which.wrapping_sub(1))
            .with_context(|| format!("{file} has {} items `{plain}`", several.len()))?,
        (several, None) => {
            bail!("{file} has {} items `{name}`; say which by `{name}#1`", several.len())
        }
    };
    Ok(cut(&text, start.line, end.line))
}

/// A whole file.
///
/// # Errors
/// If it cannot be read.
pub fn whole(root: &Path, file: &str) -> Result<Piece> {
    Ok(Piece { text: read(root, file)?.trim_end().to_owned(), line: 1 })
}

impl Piece {
    /// Without the documentation in front.
    pub fn without_docs(self) -> Self {
        let docs = self.text.lines().take_while(|line| line.starts_with("///")).count();
        Self {
            text: self.text.lines().skip(docs).collect::<Vec<_>>().join("\n"),
            line: self.line + docs,
        }
    }

    /// From the first line with `from` to the first line, that one included, with `to`.
    ///
    /// # Errors
    /// If no line has the one or the other.
    pub fn between(self, from: Option<&str>, to: Option<&str>) -> Result<Self> {
        let lines: Vec<&str> = self.text.lines().collect();
        let with = |text: &str, after: usize| {
            let place = lines.iter().skip(after).position(|line| line.contains(text));
            place.map(|place| after + place).with_context(|| format!("no line with `{text}` there"))
        };
        let start = from.map_or(Ok(0), |from| with(from, 0))?;
        let end = to.map_or(Ok(lines.len().saturating_sub(1)), |to| with(to, start))?;
        let piece = cut(&self.text, start + 1, end + 1);
        Ok(Self { line: self.line + start, ..piece })
    }
}

/// What stands between the comments `ANCHOR: name` and `ANCHOR_END: name` in `file`.
///
/// # Errors
/// If there is no such file or anchor.
pub fn anchor(root: &Path, file: &str, name: &str) -> Result<Piece> {
    let text = read(root, file)?;
    let line_of = |mark: &str| {
        let wanted = format!("{mark}: {name}");
        text.lines().position(|line| line.trim_end().ends_with(&wanted))
    };
    let start = line_of("ANCHOR").with_context(|| format!("{file} has no `ANCHOR: {name}`"))?;
    let end = line_of("ANCHOR_END")
        .filter(|end| *end > start)
        .with_context(|| format!("{file} has no `ANCHOR_END: {name}`"))?;
    let mut piece = cut(&text, start + 2, end);
    let code = |line: &&str| !line.contains("// ANCHOR");
    piece.text = piece.text.lines().filter(code).collect::<Vec<_>>().join("\n");
    Ok(piece)
}

fn read(root: &Path, file: &str) -> Result<String> {
    fs::read_to_string(root.join(file)).with_context(|| format!("cannot read {file}"))
}

/// Lines `first` to `last`, counted from 1, without their common indent.
fn cut(text: &str, first: usize, last: usize) -> Piece {
    let lines: Vec<&str> = text.lines().skip(first - 1).take(last + 1 - first).collect();
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let filled = lines.iter().filter(|line| !line.trim().is_empty());
    let common = filled.map(indent).min().unwrap_or(0);
    let lines: Vec<&str> = lines.iter().map(|line| line.get(common..).unwrap_or("")).collect();
    Piece { text: lines.join("\n"), line: first }
}

type Span = (LineColumn, LineColumn);

fn find(items: &[Item], name: &str, found: &mut Vec<Span>) {
    for item in items {
        let span = || (item.span().start(), item.span().end());
        if item_name(item).is_some_and(|own| own == name) {
            found.push(span());
        }
        match item {
            Item::Impl(block) => {
                let owner = type_name(&block.self_ty);
                let of_trait = block.trait_.as_ref().map(|(path, ..)| path_name(path));
                for member in &block.items {
                    let Some(own) = member_name(member) else { continue };
                    let wanted = match &of_trait {
                        None => format!("{owner}::{own}"),
                        Some(of) => format!("<{owner} as {of}>::{own}"),
                    };
                    if wanted == name {
                        found.push((member.span().start(), member.span().end()));
                    }
                }
                let whole = match &of_trait {
                    Some(of) => format!("impl {of} for {owner}"),
                    None => format!("impl {owner}"),
                };
                if whole == name {
                    found.push(span());
                }
            }
            Item::Trait(of) => {
                for member in &of.items {
                    let syn::TraitItem::Fn(member) = member else { continue };
                    if format!("{}::{}", of.ident, member.sig.ident) == name {
                        found.push((member.span().start(), member.span().end()));
                    }
                }
            }
            Item::Mod(module) => {
                let inside = name.strip_prefix(&format!("{}::", module.ident));
                if let (Some((_, items)), Some(rest)) = (&module.content, inside) {
                    find(items, rest, found);
                }
            }
            _ => {}
        }
    }
}

fn item_name(item: &Item) -> Option<String> {
    Some(match item {
        Item::Const(one) => one.ident.to_string(),
        Item::Enum(one) => one.ident.to_string(),
        Item::Fn(one) => one.sig.ident.to_string(),
        Item::Macro(one) => match &one.ident {
            // `bitflags! { … }` and its like: by what is called.
            None => format!("{}!", path_name(&one.mac.path)),
            Some(ident) => ident.to_string(),
        },
        Item::Mod(one) => one.ident.to_string(),
        Item::Static(one) => one.ident.to_string(),
        Item::Struct(one) => one.ident.to_string(),
        Item::Trait(one) => one.ident.to_string(),
        Item::Type(one) => one.ident.to_string(),
        Item::Union(one) => one.ident.to_string(),
        _ => return None,
    })
}

fn member_name(member: &ImplItem) -> Option<String> {
    match member {
        ImplItem::Const(one) => Some(one.ident.to_string()),
        ImplItem::Fn(one) => Some(one.sig.ident.to_string()),
        ImplItem::Type(one) => Some(one.ident.to_string()),
        _ => None,
    }
}

fn type_name(of: &syn::Type) -> String {
    match of {
        syn::Type::Path(path) => path_name(&path.path),
        syn::Type::Reference(to) => type_name(&to.elem),
        _ => String::new(),
    }
}

fn path_name(path: &syn::Path) -> String {
    path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
/// A gate.
struct Gate(u8);

impl Gate {
    /// Makes one.
    fn new() -> Self {
        // ANCHOR: body
        let gate = Gate(1);
        // ANCHOR_END: body
        gate
    }
}

impl Drop for Gate {
    fn drop(&mut self) {}
}

fn load() {}
";

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a.rs"), SOURCE).expect("written");
        folder
    }

    #[test]
    fn items_are_found_by_name_with_their_docs() {
        let folder = folder();
        let piece = |name| item(folder.path(), "a.rs", name).expect("found");
        assert_eq!(piece("Gate").text, "/// A gate.\nstruct Gate(u8);");
        let new = piece("Gate::new");
        assert_eq!(new.line, 5);
        assert!(new.text.starts_with("/// Makes one.\nfn new() -> Self {\n"), "{}", new.text);
        assert_eq!(piece("<Gate as Drop>::drop").text, "fn drop(&mut self) {}");
        assert!(piece("impl Drop for Gate").text.ends_with("}\n}"));
        assert_eq!(piece("load").line, 18);
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        let folder = folder();
        for (file, name) in [("a.rs", "store"), ("b.rs", "load"), ("a.rs", "Gate::old")] {
            let error = item(folder.path(), file, name).expect_err(name).to_string();
            assert!(error.contains(file), "{error}");
        }
        assert!(anchor(folder.path(), "a.rs", "head").is_err());
    }

    #[test]
    fn parts_are_cut_by_what_their_lines_hold() {
        let folder = folder();
        let new = || item(folder.path(), "a.rs", "Gate::new").expect("found").without_docs();
        assert_eq!((new().line, new().text.lines().next()), (6, Some("fn new() -> Self {")));
        let part = new().between(Some("Gate(1)"), Some("ANCHOR_END")).expect("there");
        assert_eq!(part.line, 8);
        assert_eq!(part.text, "let gate = Gate(1);\n// ANCHOR_END: body");
        assert!(new().between(Some("Gate(2)"), None).is_err());
        assert!(new().between(Some("ANCHOR_END"), Some("Gate(1)")).is_err(), "only behind");
    }

    #[test]
    fn one_of_several_is_named_by_its_number() {
        let folder = folder();
        std::fs::write(folder.path().join("b.rs"), "asm!(1);\nasm!(2);\n").expect("written");
        let piece = |name| item(folder.path(), "b.rs", name);
        assert_eq!(piece("asm!#2").expect("found").text, "asm!(2);");
        for wrong in ["asm!", "asm!#0", "asm!#3"] {
            assert!(piece(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn anchors_are_cut_out() {
        let folder = folder();
        let piece = anchor(folder.path(), "a.rs", "body").expect("found");
        assert_eq!(piece, Piece { text: "let gate = Gate(1);".into(), line: 8 });
    }
}
