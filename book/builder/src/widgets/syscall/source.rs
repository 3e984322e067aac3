//! The instructions, read from the sources: what the page shows is what is compiled.

use crate::code;
use anyhow::{Context, Result, ensure};
use m1_memory::layout::PAGE_BYTES;
use m2_usermode::{address_space, program};
use regex::Regex;
use serde::Serialize;
use std::path::Path;
use x86_64::registers::rflags::RFlags;

/// Where the entry stands.
pub const ENTRY: &str = "m2-usermode/src/syscall/entry.rs";
const PROGRAMS: &str = "m2-usermode/src/program.rs";
const HOSTILE: &str = "m2-usermode/tests/guest/hostile/returns.rs";
/// The two bytes of SYSCALL (Intel SDM Vol. 2B, "SYSCALL").
const SYSCALL: [u8; 2] = [0x0f, 0x05];

/// A line of code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// In its file, from 1.
    pub line: usize,
    /// What stands there.
    pub text: String,
}

/// What the runs are made of.
#[derive(Debug)]
pub struct Source {
    /// The instructions of the entry.
    pub entry: Vec<Line>,
    /// The statements of the Rust function that it calls.
    pub serve: Vec<Line>,
    /// The flags that SYSCALL clears.
    pub mask: RFlags,
    /// The reference program's instruction after its first SYSCALL.
    pub next: Line,
    /// The program that writes.
    pub hello: Hello,
    /// The program that calls from the end of the user half.
    pub hostile: Hostile,
}

/// Facts about the reference program, from its machine code.
#[derive(Debug)]
pub struct Hello {
    /// Where its first SYSCALL stands.
    pub syscall: u64,
    /// Its greeting: address and length.
    pub greeting: (u64, u64),
}

/// Facts about the program of the hostile suite.
#[derive(Debug)]
pub struct Hostile {
    /// Where its SYSCALL stands: the last two bytes of the user half.
    pub syscall: u64,
    /// The number in RAX.
    pub number: u64,
    /// The stack pointer that it chose.
    pub rsp: u64,
}

/// Reads all of it.
///
/// # Errors
/// If something is not where it is looked for.
pub fn read(root: &Path) -> Result<Source> {
    let entry = strings(&code::item(root, ENTRY, "syscall_entry")?)?;
    ensure!(!entry.is_empty(), "{ENTRY}: the entry has no instructions");
    let hello = strings(&code::item(root, PROGRAMS, "user_program!#1")?)?;
    let call = hello.iter().position(|line| line.text == "syscall");
    let next = call.and_then(|call| hello.get(call + 1)).cloned();
    Ok(Source {
        entry,
        serve: statements(&code::item(root, ENTRY, "serve")?),
        mask: mask(&code::item(root, ENTRY, "FLAG_MASK")?.text)?,
        next: next.with_context(|| format!("{PROGRAMS}: nothing follows the first SYSCALL"))?,
        hello: hello_facts()?,
        hostile: hostile_facts(&code::whole(root, HOSTILE)?.text)?,
    })
}

/// The lines that are one string each: the instructions of an assembly macro.
fn strings(piece: &code::Piece) -> Result<Vec<Line>> {
    let string = Regex::new(r#"^\s*"((?:[^"\\]|\\.)*)",?\s*(?://.*)?$"#)?;
    let lines = piece.text.lines().zip(piece.line..);
    let found = lines.filter_map(|(text, line)| {
        let instruction = string.captures(text)?[1].trim().to_owned();
        Some(Line { line, text: instruction })
    });
    Ok(found.collect())
}

/// What a function does, line by line, without the braces.
fn statements(piece: &code::Piece) -> Vec<Line> {
    let body = piece.clone().without_docs();
    let lines = body.text.lines().zip(body.line..).skip(1);
    let lines = lines.map(|(text, line)| Line { line, text: text.trim().to_owned() });
    lines.filter(|line| !line.text.is_empty() && line.text != "}").collect()
}

/// The flags that a constant names.
fn mask(text: &str) -> Result<RFlags> {
    let mut mask = RFlags::empty();
    for name in Regex::new(r"RFlags::([A-Z_]+)")?.captures_iter(text) {
        mask |= RFlags::from_name(&name[1]).with_context(|| format!("no flag {}", &name[1]))?;
    }
    ensure!(mask.contains(RFlags::INTERRUPT_FLAG), "FLAG_MASK is not understood: {text}");
    Ok(mask)
}

fn hello_facts() -> Result<Hello> {
    let code = program::HELLO.code();
    let base = address_space::CODE.as_u64();
    let syscall = code.windows(SYSCALL.len()).position(|bytes| bytes == SYSCALL);
    let greeting = code.windows(5).position(|bytes| bytes == b"Hello");
    let (syscall, greeting) = syscall.zip(greeting).context("`hello` is not as it was")?;
    let bytes = (code.len() - greeting) as u64;
    Ok(Hello { syscall: base + syscall as u64, greeting: (base + greeting as u64, bytes) })
}

fn hostile_facts(text: &str) -> Result<Hostile> {
    let program = Regex::new(r#"CALL_FROM = "mov eax, (\d+)", "mov rsp, 0x([0-9a-f]+)""#)?;
    let found = program.captures(text).with_context(|| format!("{HOSTILE} has no CALL_FROM"))?;
    let end = address_space::USER_END.as_u64() + PAGE_BYTES;
    Ok(Hostile {
        syscall: end - SYSCALL.len() as u64,
        number: found[1].parse()?,
        rsp: u64::from_str_radix(&found[2], 16)?,
    })
}
