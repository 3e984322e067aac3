//! The boot sequence: the statements of a milestone's `main.rs`, one call a line,
//! in the order of the file, each with the comment above it.

use anyhow::{Context, Result};
use proc_macro2::{LineColumn, Span};
use serde::Serialize;
use std::{collections::BTreeMap, path::Path};
use syn::{Block, Expr, File, Item, Stmt, UseTree, spanned::Spanned};

/// One statement of the boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The function it stands in.
    pub function: String,
    /// Its line in `main.rs`.
    pub line: usize,
    /// The comment above it, without reasons of safety.
    pub comment: String,
    /// What it does, without what happens on an error.
    pub call: String,
    /// What it calls that with; the whole step where that cannot be told apart.
    #[serde(skip)]
    pub arguments: String,
    /// What it calls, by full path; steps of two milestones with the same one
    /// belong together.
    pub key: String,
}

/// What consumes an error; not part of what a step does.
const ERROR_HANDLERS: [&str; 4] = ["unwrap_or_else", "unwrap_or", "expect", "unwrap"];

/// Reads the steps of `main`.
pub fn read(main: &Path) -> Result<Vec<Step>> {
    let text =
        std::fs::read_to_string(main).with_context(|| format!("cannot read {}", main.display()))?;
    parse(&text).with_context(|| format!("cannot parse {}", main.display()))
}

fn parse(text: &str) -> Result<Vec<Step>> {
    let file: File = syn::parse_file(text)?;
    let source = Source { lines: text.lines().collect(), names: names(&file) };
    let mut steps = Vec::new();
    for item in &file.items {
        if let Item::Fn(function) = item {
            source.steps(&function.sig.ident.to_string(), &function.block, &mut steps);
        }
    }
    Ok(steps)
}

/// What the file imports: the full path of each name.
fn names(file: &File) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for item in &file.items {
        if let Item::Use(item) = item {
            collect(&item.tree, "", &mut names);
        }
    }
    names
}

fn collect(tree: &UseTree, before: &str, names: &mut BTreeMap<String, String>) {
    let join = |name: &str| match before {
        "" => name.to_owned(),
        _ => format!("{before}::{name}"),
    };
    match tree {
        UseTree::Path(path) => collect(&path.tree, &join(&path.ident.to_string()), names),
        UseTree::Group(group) => group.items.iter().for_each(|tree| collect(tree, before, names)),
        UseTree::Rename(rename) => {
            names.insert(rename.rename.to_string(), join(&rename.ident.to_string()));
        }
        UseTree::Name(name) if name.ident == "self" => {
            let last = before.rsplit("::").next().unwrap_or(before);
            names.insert(last.to_owned(), before.to_owned());
        }
        UseTree::Name(name) => {
            names.insert(name.ident.to_string(), join(&name.ident.to_string()));
        }
        UseTree::Glob(_) => {}
    }
}

struct Source<'a> {
    lines: Vec<&'a str>,
    names: BTreeMap<String, String>,
}

impl Source<'_> {
    fn steps(&self, function: &str, block: &Block, steps: &mut Vec<Step>) {
        let mut above = block.brace_token.span.open().end().line;
        for statement in &block.stmts {
            let span = statement.span();
            let line = span.start().line;
            let (key, end) = self.describe(statement);
            let arguments = match Self::arguments(statement) {
                Some(span) => self.text(span, end),
                None => self.text(span.start(), end),
            };
            let mut call = self.text(span.start(), end);
            if call.ends_with('{') {
                call.push_str(" … }");
            }
            steps.push(Step {
                function: function.to_owned(),
                line,
                comment: self.comment(above, line),
                call,
                key,
                arguments,
            });
            above = span.end().line;
        }
    }

    /// The comment between line `above` and line `below`, both exclusive.
    fn comment(&self, above: usize, below: usize) -> String {
        let between = self.lines.get(above..below.saturating_sub(1)).unwrap_or_default();
        let comments = between.iter().filter_map(|line| line.trim().strip_prefix("//"));
        let purpose = comments.map(str::trim).take_while(|line| !line.starts_with("SAFETY:"));
        purpose.collect::<Vec<_>>().join(" ")
    }

    /// What a statement calls, and where that part of it ends.
    fn describe(&self, statement: &Stmt) -> (String, LineColumn) {
        let whole = statement.span().end();
        match statement {
            Stmt::Local(local) => match &local.init {
                Some(init) => match &*init.expr {
                    Expr::Closure(_) | Expr::Tuple(_) => {
                        (format!("let {}", self.flat(local.pat.span())), whole)
                    }
                    expr => self.principal(expr),
                },
                None => (format!("let {}", self.flat(local.pat.span())), whole),
            },
            Stmt::Expr(expr, _) => self.principal(expr),
            Stmt::Macro(call) => (format!("{}!", self.full(&call.mac.path)), whole),
            Stmt::Item(item) => (self.flat(item.span()), whole),
        }
    }

    /// Where the arguments of the function begin that a statement calls.
    fn arguments(statement: &Stmt) -> Option<LineColumn> {
        fn within(expr: &Expr) -> Option<LineColumn> {
            match expr {
                Expr::Call(call) => Some(call.func.span().end()),
                Expr::MethodCall(call) if ERROR_HANDLERS.iter().any(|name| call.method == name) => {
                    within(&call.receiver)
                }
                _ => None,
            }
        }
        match statement {
            Stmt::Local(local) => within(&local.init.as_ref()?.expr),
            Stmt::Expr(expr, _) => within(expr),
            _ => None,
        }
    }

    fn principal(&self, expr: &Expr) -> (String, LineColumn) {
        let end = expr.span().end();
        match expr {
            Expr::MethodCall(call) if ERROR_HANDLERS.iter().any(|name| call.method == name) => {
                self.principal(&call.receiver)
            }
            Expr::MethodCall(call) => {
                let receiver = self.flat(call.receiver.span());
                let name = match call.args.first() {
                    Some(Expr::Lit(literal)) => format!("({})", self.flat(literal.span())),
                    _ => String::new(),
                };
                (format!("{receiver}.{}{name}", call.method), end)
            }
            Expr::Call(call) => match &*call.func {
                Expr::Path(path) => (self.full(&path.path), end),
                other => (self.flat(other.span()), end),
            },
            Expr::Macro(call) => (format!("{}!", self.full(&call.mac.path)), end),
            // An unsafe block ends with its own brace, also where an error is handled.
            Expr::Unsafe(block) => match block.block.stmts.first() {
                Some(first) => (self.describe(first).0, end),
                None => (String::from("unsafe"), end),
            },
            Expr::ForLoop(l) => (format!("for {}", self.flat(l.expr.span())), before(&l.body)),
            Expr::While(l) => (format!("while {}", self.flat(l.cond.span())), before(&l.body)),
            Expr::If(l) => (format!("if {}", self.flat(l.cond.span())), before(&l.then_branch)),
            other => (self.flat(other.span()), end),
        }
    }

    /// A path with its first name as it was imported.
    fn full(&self, path: &syn::Path) -> String {
        let names: Vec<String> = path.segments.iter().map(|one| one.ident.to_string()).collect();
        let path = names.join("::");
        let (first, rest) = path.split_once("::").unwrap_or((&path, ""));
        match (self.names.get(first), rest) {
            (None, _) => path,
            (Some(known), "") => known.clone(),
            (Some(known), rest) => format!("{known}::{rest}"),
        }
    }

    fn flat(&self, span: Span) -> String {
        self.text(span.start(), span.end())
    }

    /// The source from one place to another, on one line.
    fn text(&self, from: LineColumn, to: LineColumn) -> String {
        let mut words = Vec::new();
        for number in from.line..=to.line {
            let Some(line) = self.lines.get(number - 1) else { continue };
            let skipped = if number == from.line { from.column } else { 0 };
            let length = if number == to.line { to.column } else { usize::MAX };
            let part: String = line.chars().take(length).skip(skipped).collect();
            words.extend(part.split_whitespace().map(str::to_owned));
        }
        // Where rustfmt broke a chain or a list of arguments, no space belongs.
        let flat = words.join(" ").replace(" .", ".").replace("( ", "(").replace(", )", ")");
        flat.trim_end_matches(';').replace(" )", ")")
    }
}

/// The end of a loop's or condition's head: its block's opening brace.
fn before(block: &Block) -> LineColumn {
    block.brace_token.span.open().end()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIN: &str = r#"
use m0_boot::{clock, traps};
use m1_memory::checks as memory_checks;
use x86_64::instructions::interrupts;

extern "C" fn kernel_entry() -> ! {
    // A voice first,
    // then the time.
    clock::init().unwrap_or_else(|error| panic!("clock: {error}"));
    println!("hello");

    let tables =
        kernel::build(&boot, memory).unwrap_or_else(|error| panic!("paging: {error}"));
    // Why.
    // SAFETY: it is safe.
    unsafe { kernel::load(tables) };
    for region in map.iter() {
        println!("{region}");
    }
    milestone.check(
        "heap",
        "it grows",
        memory_checks::heap(),
    );
    interrupts::enable();
}
"#;

    #[test]
    fn each_statement_is_a_step_with_its_comment() {
        let steps = parse(MAIN).expect("Rust");
        let shown: Vec<(&str, &str, &str)> = steps
            .iter()
            .map(|step| (step.key.as_str(), step.call.as_str(), step.comment.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                ("m0_boot::clock::init", "clock::init()", "A voice first, then the time."),
                ("println!", "println!(\"hello\")", ""),
                ("kernel::build", "let tables = kernel::build(&boot, memory)", ""),
                ("kernel::load", "unsafe { kernel::load(tables) }", "Why."),
                ("for map.iter()", "for region in map.iter() { … }", ""),
                (
                    "milestone.check(\"heap\")",
                    "milestone.check(\"heap\", \"it grows\", memory_checks::heap())",
                    ""
                ),
                ("x86_64::instructions::interrupts::enable", "interrupts::enable()", ""),
            ]
        );
        assert!(steps.iter().all(|step| step.function == "kernel_entry"));
        assert_eq!(steps[0].line, 9);
    }
}
