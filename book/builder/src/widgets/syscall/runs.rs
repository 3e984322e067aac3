//! The two calls: one that is served and comes back, and one that must not come back.

use super::cpu::{Cpu, SHOWN};
use super::frame;
use super::notes::{Note, Notes};
use super::source::Source;
use super::word::{FIXED_FLAG, Word, after_subtraction};
use anyhow::{Context, Result, ensure};
use m1_memory::{layout, stack::STACK_BYTES};
use m2_usermode::address_space::{STACK, USER_END};
use m2_usermode::process::ExitStatus;
use m2_usermode::syscall::{CONSOLE, Error, entry::SyscallFrame, table::CALLS};
use serde_json::{Value, json};
use std::{mem::offset_of, ops::Range};
use x86_64::registers::rflags::RFlags;

/// SYSCALL's two bytes.
const SYSCALL_BYTES: u64 = 2;
/// The kernel stack that the calls arrive on, by number: any would do.
const KERNEL_STACK: u64 = 2;

/// A run while it is made.
struct Run<'a> {
    cpu: Cpu,
    source: &'a Source,
    notes: &'a Notes,
    is_hole: bool,
    stack: Range<u64>,
    steps: Vec<Value>,
}

/// The greeting of the reference program, by the call `write`.
///
/// # Errors
/// If the entry does what it must not.
pub fn write(source: &Source, notes: &Notes) -> Result<Value> {
    let number = CALLS.iter().position(|call| call.name == "write").context("no call `write`")?;
    let (address, bytes) = source.hello.greeting;
    // Its last instruction before the call is `sub rdx, rsi`.
    let flags = after_subtraction(address + bytes, address) | RFlags::INTERRUPT_FLAG.bits();
    let registers = [
        ("rax", number as u64),
        ("rdi", CONSOLE),
        ("rsi", address),
        ("rdx", bytes),
        ("rsp", STACK.end.as_u64()),
        ("rflags", flags),
    ];
    let mut run = Run::new(source, notes, false, source.hello.syscall, &registers);
    run.start(&notes.start.write)?;
    run.enter()?;
    // What `write` answers when all went out.
    run.serve(bytes)?;
    run.leave()?;
    let rip = run.cpu.number("rip")?;
    ensure!(rip == source.hello.syscall + SYSCALL_BYTES, "SYSRET leads to {rip:#x}");
    run.cpu.compare("rax", "rdx", rip)?;
    // Behind CMP with two 64-bit registers, which has 3 bytes.
    run.cpu.set("rip", Word::Number(rip + 3))?;
    run.note(None, &notes.program[1])?;
    Ok(run.finish("write", "`write`, served and back by SYSRET"))
}

/// A call from the last two bytes of the user half.
///
/// # Errors
/// If the entry would return to it.
pub fn hole(source: &Source, notes: &Notes) -> Result<Value> {
    let hostile = &source.hostile;
    let registers = [
        ("rax", hostile.number),
        ("rdi", hostile.syscall),
        ("rsp", hostile.rsp),
        ("rflags", RFlags::INTERRUPT_FLAG.bits() | FIXED_FLAG),
    ];
    let mut run = Run::new(source, notes, true, hostile.syscall, &registers);
    run.start(&notes.start.hole)?;
    run.enter()?;
    run.serve(Error::NoSuchCall.in_rax())?;
    Ok(run.finish("hole", "a return address that is none"))
}

impl<'a> Run<'a> {
    fn new(
        source: &'a Source,
        notes: &'a Notes,
        is_hole: bool,
        rip: u64,
        registers: &[(&'static str, u64)],
    ) -> Self {
        let slot = STACK_BYTES + layout::PAGE_BYTES;
        let top = layout::STACKS.start.as_u64() + (KERNEL_STACK + 1) * slot;
        let stack = top - STACK_BYTES..top;
        let cpu = Cpu::new(rip, registers, stack.clone(), source.mask);
        Self { cpu, source, notes, is_hole, stack, steps: Vec::new() }
    }

    fn start(&mut self, why: &str) -> Result<()> {
        let note =
            Note { text: "…".into(), why: why.to_owned(), without: String::new(), hole: None };
        self.note(None, &note)
    }

    /// From SYSCALL to the call of `serve`.
    fn enter(&mut self) -> Result<()> {
        let first = self.source.entry.first().context("no entry")?.line;
        self.cpu.syscall(SYSCALL_BYTES, first)?;
        self.note(None, &self.notes.program[0])?;
        let call = self.call()?;
        for index in 0..call {
            self.step(index)?;
        }
        frame::check(&self.cpu, self.stack.end, &self.steps[0]["registers"])?;
        let back = self.source.entry.get(call + 1).context("nothing behind the call")?.line;
        self.cpu.call("serve", Word::Line(back))?;
        self.note(Some(self.source.entry[call].line), &self.notes.entry[call])
    }

    /// The Rust side, which puts `answer` into the frame and returns if it may.
    fn serve(&mut self, answer: u64) -> Result<()> {
        let base = self.cpu.number("rdi")?;
        let rip = base + offset_of!(SyscallFrame, rip) as u64;
        let returns_outside = match self.cpu.memory.get(&rip) {
            Some(Word::Number(rip)) => *rip >= USER_END.as_u64(),
            other => anyhow::bail!("the frame's RIP is {other:?}"),
        };
        ensure!(returns_outside == self.is_hole, "the check has another outcome");
        for (index, line) in self.source.serve.iter().enumerate() {
            match line.text.split(['(', ' ']).next().unwrap_or_default() {
                "super::dispatch" => {
                    let rax = base + offset_of!(SyscallFrame, rax) as u64;
                    self.cpu.memory.insert(rax, Word::Number(answer));
                }
                "if" => {}
                "process::end_current" if !returns_outside => continue,
                "process::end_current" => self.cpu.set("rip", Word::Name("end_current"))?,
                other => anyhow::bail!("the stepper does not know `{other}` in `serve`"),
            }
            self.note(Some(line.line), &self.notes.serve[index])?;
        }
        if !returns_outside {
            self.cpu.ret()?;
            self.note(None, &self.notes.back)?;
        }
        Ok(())
    }

    /// From behind the call to ring 3.
    fn leave(&mut self) -> Result<()> {
        for index in self.call()? + 1..self.source.entry.len() {
            self.step(index)?;
        }
        ensure!(self.cpu.ring()? == 3, "the entry does not end in ring 3");
        Ok(())
    }

    /// One instruction of the entry.
    fn step(&mut self, index: usize) -> Result<()> {
        let line = &self.source.entry[index];
        let next =
            self.source.entry.get(index + 1).map_or(Word::Anything, |next| Word::Line(next.line));
        self.cpu.execute(&line.text, next).with_context(|| format!("entry.rs:{}", line.line))?;
        self.note(Some(line.line), &self.notes.entry[index])
    }

    fn call(&self) -> Result<usize> {
        let call = self.source.entry.iter().position(|line| line.text.starts_with("call "));
        call.context("the entry calls nothing")
    }

    /// Notes the state behind an instruction.
    fn note(&mut self, line: Option<usize>, note: &Note) -> Result<()> {
        let why = note.hole.as_ref().filter(|_| self.is_hole).unwrap_or(&note.why);
        let registers = SHOWN.map(|name| (name, self.cpu.registers[name].to_string()));
        let registers: serde_json::Map<_, _> =
            registers.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let before = self.steps.last().map(|step| step["registers"].clone());
        let differs =
            |name: &&str| before.as_ref().is_some_and(|old| old[*name] != registers[*name]);
        let changed: Vec<&str> = SHOWN.into_iter().filter(differs).collect();
        self.steps.push(json!({
            "text": note.text, "line": line, "why": why, "without": note.without,
            "ring": self.cpu.ring()?, "registers": registers, "changed": changed,
            "perCpu": self.cpu.per_cpu.iter().map(|(name, word)| (name, word.to_string()))
                .collect::<std::collections::BTreeMap<_, _>>(),
            "stack": self.cells()?,
        }));
        Ok(())
    }

    /// The kernel stack from the top down: address, name, what is there, and whether RSP
    /// still covers it.
    fn cells(&self) -> Result<Vec<Value>> {
        let rsp = self.cpu.number("rsp")?;
        let in_use = |address: u64| self.stack.contains(&rsp) && address >= rsp;
        let cells = self.cpu.memory.iter().rev().map(|(&address, word)| {
            let name = frame::name_of(self.stack.end, address);
            json!({ "address": format!("{address:#x}"), "name": name, "value": word.to_string(),
                "live": in_use(address) })
        });
        Ok(cells.collect())
    }

    fn finish(self, name: &str, title: &str) -> Value {
        let end = match self.is_hole {
            true => {
                let rip = self.source.hostile.syscall + SYSCALL_BYTES;
                format!("The program {}.", ExitStatus::ReturnOutside { rip })
            }
            false => String::new(),
        };
        json!({ "name": name, "title": title, "end": end, "top": format!("{:#x}", self.stack.end),
            "steps": self.steps })
    }
}
