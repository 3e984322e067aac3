//! Rules for a learner's file, beyond those of the compiler.

use super::schema::Description;
use proc_macro2::{TokenStream, TokenTree};
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
    let file = syn::parse_file(source).ok()?;
    let no_std = |attribute: &syn::Attribute| attribute.path().is_ident("no_std");
    if !file.attrs.iter().any(no_std) {
        return Some("put `#![no_std]` back: a kernel has no standard library below it".to_owned());
    }
    let tokens = TokenStream::from_str(source).ok()?;
    let words = words(tokens);
    if words.windows(3).any(|three| three == ["extern", "crate", "std"]) {
        return Some(
            "leave out `extern crate std`: a kernel has no standard library below it".to_owned(),
        );
    }
    if !description.unsafe_code && words.iter().any(|word| word == "unsafe") {
        return Some("leave out `unsafe`: this exercise can be done without".to_owned());
    }
    None
}

/// All words of a token stream, in order.
fn words(tokens: TokenStream) -> Vec<String> {
    tokens
        .into_iter()
        .flat_map(|token| match token {
            TokenTree::Ident(word) => vec![word.to_string()],
            TokenTree::Group(group) => words(group.stream()),
            _ => Vec::new(),
        })
        .collect()
}
