//! A CPU that knows the instructions of the system-call entry, and no others.
//!
//! It refuses what the entry must never do: use the per-CPU words without the kernel's GS
//! base, push to the program's stack, take interrupts there, or return to an address that
//! is not canonical.

use super::word::{FIXED_FLAG, Word, after_subtraction};
use anyhow::{Context, Result, bail, ensure};
use m2_usermode::gdt;
use std::{collections::BTreeMap, ops::Range};
use x86_64::VirtAddr;
use x86_64::registers::rflags::RFlags;

/// The registers that the page shows.
pub const SHOWN: [&str; 15] = [
    "rax", "rcx", "r11", "rdi", "rsi", "rdx", "r10", "r8", "r9", "rsp", "rip", "rflags", "cs",
    "ss", "gs base",
];

/// The registers that a Rust function need not keep (System V ABI for AMD64, "Registers").
const SCRATCH: [&str; 9] = ["rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11"];

/// The flags that SYSRET takes from R11 (Intel SDM Vol. 2B, "SYSRET").
const RETURNED_FLAGS: u64 = 0x3c_7fd7;
/// The bits of CS that tell the ring.
const RING: u64 = 3;

/// The two GS bases.
const USER_GS: Word = Word::Number(0);
const KERNEL_GS: Word = Word::Name("&PER_CPU");

/// The machine.
#[derive(Clone, Debug)]
pub struct Cpu {
    /// Registers by name.
    pub registers: BTreeMap<&'static str, Word>,
    /// The kernel stack, by address.
    pub memory: BTreeMap<u64, Word>,
    /// The two words behind the kernel's GS base.
    pub per_cpu: BTreeMap<String, Word>,
    stack: Range<u64>,
    mask: RFlags,
}

impl Cpu {
    /// In ring 3 at `rip`, with `registers`, and with a kernel stack set.
    pub fn new(
        rip: u64,
        registers: &[(&'static str, u64)],
        stack: Range<u64>,
        mask: RFlags,
    ) -> Self {
        let zero = SHOWN.into_iter().map(|name| (name, Word::Number(0)));
        let mut all: BTreeMap<_, _> = zero.collect();
        all.extend(registers.iter().map(|(name, value)| (*name, Word::Number(*value))));
        all.insert("rip", Word::Number(rip));
        all.insert("cs", Word::Number(gdt::USER_CODE.0.into()));
        all.insert("ss", Word::Number(gdt::USER_DATA.0.into()));
        let kernel_rsp = ("kernel_rsp".to_owned(), Word::Number(stack.end));
        let per_cpu = BTreeMap::from([kernel_rsp, ("user_rsp".to_owned(), Word::Number(0))]);
        Self { registers: all, memory: BTreeMap::new(), per_cpu, stack, mask }
    }

    /// What a register holds.
    ///
    /// # Errors
    /// If there is no such register.
    pub fn get(&self, register: &str) -> Result<Word> {
        self.registers.get(register).copied().with_context(|| format!("no register {register}"))
    }

    /// A register's number.
    ///
    /// # Errors
    /// If it holds none.
    pub fn number(&self, register: &str) -> Result<u64> {
        match self.get(register)? {
            Word::Number(number) => Ok(number),
            other => bail!("{register} holds {other}"),
        }
    }

    /// Sets a register.
    ///
    /// # Errors
    /// If there is no such register.
    pub fn set(&mut self, register: &str, value: Word) -> Result<()> {
        let slot = self.registers.get_mut(register);
        *slot.with_context(|| format!("no register {register}"))? = value;
        Ok(())
    }

    /// The ring it runs in.
    ///
    /// # Errors
    /// Never, as long as CS is a number.
    pub fn ring(&self) -> Result<u64> {
        Ok(self.number("cs")? & RING)
    }

    /// SYSCALL, which leads to the first line of the entry.
    ///
    /// # Errors
    /// If it is not in ring 3.
    pub fn syscall(&mut self, length: u64, entry: usize) -> Result<()> {
        ensure!(self.ring()? == 3, "SYSCALL in ring 0");
        let (rip, flags) = (self.number("rip")?, self.number("rflags")?);
        self.set("rcx", Word::Number(rip + length))?;
        self.set("r11", Word::Number(flags))?;
        self.set("rflags", Word::Number(flags & !self.mask.bits() | FIXED_FLAG))?;
        self.set("cs", Word::Number(gdt::KERNEL_CODE.0.into()))?;
        self.set("ss", Word::Number(gdt::KERNEL_DATA.0.into()))?;
        self.set("rip", Word::Line(entry))?;
        self.keep_the_rules("syscall")
    }

    /// An instruction of the entry; `next` is the line behind it, or the function called.
    ///
    /// # Errors
    /// If it is none that the CPU knows, or does what the entry must not.
    pub fn execute(&mut self, text: &str, next: Word) -> Result<()> {
        ensure!(self.ring()? == 0, "`{text}` in ring 3");
        let (name, operands) = text.split_once(' ').unwrap_or((text, ""));
        let operands: Vec<&str> = operands.split(',').map(str::trim).collect();
        self.set("rip", next)?;
        match (name, operands.as_slice()) {
            ("swapgs", _) => {
                let other = if self.get("gs base")? == USER_GS { KERNEL_GS } else { USER_GS };
                self.set("gs base", other)?;
            }
            ("mov", [to, from]) => {
                let value = self.load(from)?;
                self.store(to, value)?;
            }
            ("push", [from]) => {
                let value = self.load(from.trim_start_matches("qword ptr "))?;
                self.push(value)?;
            }
            ("pop", [to]) => {
                let rsp = self.kernel_rsp()?;
                let value = self.memory.get(&rsp).copied().context("popped from nothing")?;
                self.set("rsp", Word::Number(rsp + 8))?;
                self.set(to, value)?;
            }
            ("sti", _) => self.set_interrupts(true)?,
            ("cli", _) => self.set_interrupts(false)?,
            ("sysretq", _) => self.sysret()?,
            _ => bail!("the stepper's CPU does not know `{text}`"),
        }
        self.keep_the_rules(text)
    }

    /// CALL: pushes where to go on.
    ///
    /// # Errors
    /// If RSP is not in the kernel's stack, or not aligned as the ABI asks.
    pub fn call(&mut self, function: &'static str, back: Word) -> Result<()> {
        ensure!(self.kernel_rsp()?.is_multiple_of(16), "the stack is not aligned at the call");
        self.push(back)?;
        self.set("rip", Word::Name(function))
    }

    /// The Rust function returns, and has left anything in the registers it may use.
    ///
    /// # Errors
    /// If there is nothing to return to.
    pub fn ret(&mut self) -> Result<()> {
        let rsp = self.kernel_rsp()?;
        let back = self.memory.get(&rsp).copied().context("nothing to return to")?;
        for register in SCRATCH {
            self.set(register, Word::Anything)?;
        }
        self.set("rsp", Word::Number(rsp + 8))?;
        self.set("rip", back)
    }

    /// CMP of two registers, a program's: only the flags change.
    ///
    /// # Errors
    /// If one of them holds no number.
    pub fn compare(&mut self, left: &str, right: &str, next: u64) -> Result<()> {
        let flags = after_subtraction(self.number(left)?, self.number(right)?);
        let interrupts = self.number("rflags")? & RFlags::INTERRUPT_FLAG.bits();
        self.set("rflags", Word::Number(flags | interrupts))?;
        self.set("rip", Word::Number(next))
    }

    /// Where RSP points to in the kernel's stack.
    fn kernel_rsp(&self) -> Result<u64> {
        let rsp = self.number("rsp")?;
        let in_stack = self.stack.start < rsp && rsp <= self.stack.end;
        ensure!(in_stack, "RSP is {rsp:#x}, not in the kernel's stack");
        Ok(rsp)
    }

    fn push(&mut self, value: Word) -> Result<()> {
        let rsp = self.kernel_rsp()? - 8;
        self.memory.insert(rsp, value);
        self.set("rsp", Word::Number(rsp))
    }

    fn load(&self, operand: &str) -> Result<Word> {
        match self.per_cpu_word(operand)? {
            Some(name) => self.per_cpu.get(name).copied().context("no such per-CPU word"),
            None => self.get(operand),
        }
    }

    fn store(&mut self, operand: &str, value: Word) -> Result<()> {
        match self.per_cpu_word(operand)?.map(str::to_owned) {
            Some(name) => {
                *self.per_cpu.get_mut(&name).context("no such per-CPU word")? = value;
                Ok(())
            }
            None => self.set(operand, value),
        }
    }

    /// The word that `gs:[{name}]` names.
    fn per_cpu_word<'a>(&self, operand: &'a str) -> Result<Option<&'a str>> {
        let name = operand.strip_prefix("gs:[{").and_then(|rest| rest.strip_suffix("}]"));
        if name.is_some() {
            ensure!(self.get("gs base")? == KERNEL_GS, "`{operand}` with the program's GS base");
        }
        Ok(name)
    }

    fn set_interrupts(&mut self, on: bool) -> Result<()> {
        let mut flags = RFlags::from_bits_retain(self.number("rflags")?);
        flags.set(RFlags::INTERRUPT_FLAG, on);
        self.set("rflags", Word::Number(flags.bits()))
    }

    fn sysret(&mut self) -> Result<()> {
        let (rip, flags) = (self.number("rcx")?, self.number("r11")?);
        ensure!(VirtAddr::try_new(rip).is_ok(), "SYSRET to {rip:#x}, which is not canonical");
        ensure!(self.get("gs base")? == USER_GS, "SYSRET with the kernel's GS base");
        self.set("rip", Word::Number(rip))?;
        self.set("rflags", Word::Number(flags & RETURNED_FLAGS | FIXED_FLAG))?;
        self.set("cs", Word::Number(gdt::USER_CODE.0.into()))?;
        self.set("ss", Word::Number(gdt::USER_DATA.0.into()))
    }

    /// What holds between any two instructions.
    fn keep_the_rules(&self, text: &str) -> Result<()> {
        let flags = RFlags::from_bits_retain(self.number("rflags")?);
        if self.ring()? == 0 && flags.contains(RFlags::INTERRUPT_FLAG) {
            let safe = self.kernel_rsp().is_ok() && self.get("gs base")? == USER_GS;
            ensure!(safe, "interrupts are on after `{text}`, but the stack is not the kernel's");
        }
        Ok(())
    }
}
