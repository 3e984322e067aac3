//! Rules for a learner's file, beyond those of the compiler.

use super::schema::Description;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::str::FromStr;

/// How long a learner's file may be, in bytes.
pub const BYTES_MAX: usize = 256 * 1024;

/// Why `source` is not compiled at all, in one sentence. A syntax error is left to the
/// compiler, which explains it better.
pub fn objection(source: &str, description: &Description) -> Option<String> {
    if source.len() > BYTES_MAX {
        return Some(format!(
            "the file has {} bytes; more than {BYTES_MAX} are not graded",
            source.len()
        ));
    }
    let tokens = TokenStream::from_str(source).ok()?;
    let words = words(tokens);
    if let Some(reason) = elsewhere(&words) {
        return Some(reason);
    }
    const UNSAFE: [&str; 4] = ["unsafe", "global_asm", "asm", "naked_asm"];
    if !description.unsafe_code
        && let Some(word) = words.iter().find(|word| UNSAFE.contains(&word.as_str()))
    {
        return Some(format!("leave out `{word}`: this exercise can be done without"));
    }
    let file = syn::parse_file(source).ok()?;
    let no_std = |attribute: &syn::Attribute| attribute.path().is_ident("no_std");
    if !file.attrs.iter().any(no_std) {
        return Some("put `#![no_std]` back: a kernel has no standard library below it".to_owned());
    }
    None
}

/// Whether the rules could be looked at. A compiler that understands more than this
/// program must not get round them.
pub fn is_readable(source: &str) -> bool {
    TokenStream::from_str(source).is_ok() && syn::parse_file(source).is_ok()
}

/// Why code from elsewhere is not taken. Only one file is graded, and it is handed in.
fn elsewhere(words: &[String]) -> Option<String> {
    const INCLUDING: [&str; 3] = ["include", "include_str", "include_bytes"];
    if let Some(word) = words.iter().find(|word| INCLUDING.contains(&word.as_str())) {
        return Some(format!("leave out `{word}!`: only this file is graded"));
    }
    for (index, pair) in words.windows(2).enumerate() {
        let next = words.get(index + 2).map(String::as_str);
        // `mod name;` reads another file; so may a macro that makes up such a line.
        if pair[0] == "mod" && next != Some("{") {
            return Some(format!("write `mod {}` out: only this file is graded", pair[1]));
        }
        if pair == ["extern", "crate"] && !matches!(next, Some("alloc" | "core" | "self")) {
            let name = next.unwrap_or_default();
            return Some(format!(
                "leave out `extern crate {name}`: a kernel has no standard library below it"
            ));
        }
    }
    None
}

/// All words and signs of a token stream, in order, and the beginnings of what stands in
/// braces.
fn words(tokens: TokenStream) -> Vec<String> {
    tokens
        .into_iter()
        .flat_map(|token| match token {
            TokenTree::Ident(word) => vec![word.to_string().trim_start_matches("r#").to_owned()],
            TokenTree::Punct(sign) => vec![sign.to_string()],
            TokenTree::Group(group) => {
                let mut inside = words(group.stream());
                if group.delimiter() == Delimiter::Brace {
                    inside.insert(0, "{".to_owned());
                }
                inside
            }
            TokenTree::Literal(_) => vec!["literal".to_owned()],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercises::samples;

    #[test]
    fn what_breaks_a_rule_is_named() {
        let description = samples::exercise("m0-sample", 1, &[]).description;
        let says = |text: &str| objection(&format!("#![no_std]\n{text}"), &description);
        for (text, named) in [
            ("fn f() { unsafe { } }", "`unsafe`"),
            ("core::arch::global_asm!(\"nop\");", "`global_asm`"),
            ("extern crate std;", "extern crate std"),
            ("macro_rules! m { ($x:ident) => { extern crate $x; } } m!(std);", "extern crate"),
            ("include!(\"x.rs\");", "`include!`"),
            ("use core::include_str as x;", "`include_str!`"),
            ("mod other;", "mod other"),
            ("macro_rules! m { ($x:ident $y:tt) => { mod $x $y } }", "mod $"),
            ("#[path = \"x\"] mod other;", "mod other"),
        ] {
            let said = says(text).unwrap_or_default();
            assert!(said.contains(named), "{text}: {said}");
        }
        let fine = "extern crate alloc; pub mod inner { pub const X: &str = \"unsafe include!\"; }\n\
                    // unsafe include!(\"x\") mod x;\nuse alloc::vec::Vec; fn f(mode: u8) {}";
        assert_eq!(says(fine), None);
        let without = objection("fn f() {}", &description).unwrap_or_default();
        assert!(without.contains("#![no_std]"), "{without}");
        assert!(is_readable(fine) && !is_readable("fn f( {"));
    }
}
