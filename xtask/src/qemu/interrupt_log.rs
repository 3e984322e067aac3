//! The exceptions in QEMU's interrupt log (`-d int,cpu_reset`), which survives a
//! triple fault as nothing inside the guest does.
//!
//! An exception's line looks like this (QEMU, `target/i386/tcg/seg_helper.c`):
//!
//! ```text
//!      3: v=0e e=0002 i=0 cpl=0 IP=0008:ffffffff80001234 pc=ffffffff80001234 SP=0010:ffffffff80012f70 CR2=0000000000000123
//! ```
//!
//! The registers follow. What comes up while it is delivered is in lines like
//! `check_exception old: 0xe new 0xb`.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

/// How much of the end of a log is read. An entry has about 1.5 KiB.
const TAIL_BYTES: u64 = 1 << 20;
/// How many exceptions lead up to a triple fault at most: the cause, what it
/// caused, the double fault, with some before.
const SHOWN: usize = 4;

/// One exception that the CPU delivered, or tried to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logged {
    pub vector: u8,
    pub code: u64,
    pub rip: u64,
    pub cr2: Option<u64>,
    pub cpl: u8,
    pub rflags: u64,
    pub cr3: u64,
    /// First address and last byte of the interrupt descriptor table.
    pub idt: (u64, u64),
    /// The general registers.
    pub registers: Vec<(String, u64)>,
    /// The exception that came up while this one was being delivered.
    pub met: Option<u8>,
}

impl Logged {
    /// Whether a table with room for a gate was loaded: after a reset, base and limit
    /// are 0 and 0xffff (Intel SDM volume 3A, table 10-1 "Processor States Following
    /// Power-up, Reset, or INIT").
    pub fn has_idt(&self) -> bool {
        const GATE_BYTES: u64 = 16;
        let (base, limit) = self.idt;
        base != 0 && limit + 1 >= GATE_BYTES
    }
}

/// What a log tells about the end of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Whether the reset was a triple fault.
    pub triple_fault: bool,
    /// The last exceptions, oldest first.
    pub last: Vec<Logged>,
}

/// Reads the end of the log at `path`.
pub fn read(path: &Path) -> std::io::Result<Log> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(parse(&String::from_utf8_lossy(&bytes)))
}

fn parse(text: &str) -> Log {
    let mut log = Log::default();
    // Whether the registers that follow are those of the last entry.
    let mut open = false;
    for line in text.lines() {
        if line.starts_with("Triple fault") {
            log.triple_fault = true;
            open = false;
        } else if let Some((old, new)) = parse_check(line) {
            if let Some(last) = log.last.last_mut().filter(|last| last.vector == old) {
                last.met = Some(new);
            }
        } else if let Some(entry) = parse_line(line) {
            log.last.push(entry);
            open = true;
        } else if line.contains(": v=") || line.starts_with("CPU Reset") {
            open = false;
        } else if let Some(last) = log.last.last_mut().filter(|_| open) {
            read_registers(last, line);
        }
    }
    log.last.drain(..log.last.len().saturating_sub(SHOWN));
    log
}

/// `check_exception old: 0xe new 0xb`, if there was an old one.
fn parse_check(line: &str) -> Option<(u8, u8)> {
    let (old, new) = line.strip_prefix("check_exception old: 0x")?.split_once(" new 0x")?;
    let hex = |text: &str| u8::from_str_radix(text.trim(), 16).ok();
    Some((hex(old)?, hex(new)?))
}

/// Takes what a line of the register dump tells.
fn read_registers(entry: &mut Logged, line: &str) {
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    if let Some(table) = line.strip_prefix("IDT=") {
        let mut words = table.split_ascii_whitespace().filter_map(hex);
        entry.idt = (words.next().unwrap_or(0), words.next().unwrap_or(0));
        return;
    }
    // Names are padded to three: `R8 =0000000000000000`.
    let line = line.replace(" =", "=");
    for (name, value) in line.split_ascii_whitespace().filter_map(|word| word.split_once('=')) {
        match (name, hex(value)) {
            ("RFL", Some(value)) => entry.rflags = value,
            ("CR3", Some(value)) => entry.cr3 = value,
            ("RIP", _) => {}
            (_, Some(value)) if name.starts_with('R') => {
                entry.registers.push((name.to_ascii_lowercase(), value));
            }
            _ => {}
        }
    }
}
/// One line, if it is an exception (vectors 0 to 31, not raised by `int n`).
fn parse_line(line: &str) -> Option<Logged> {
    let (count, rest) = line.trim_start().split_once(": v=")?;
    count.parse::<u64>().ok()?;
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    let vector = u8::from_str_radix(rest.split(' ').next()?, 16).ok()?;
    let field = |key: &str| rest.split(' ').find_map(|word| word.strip_prefix(key));
    let software = field("i=")? == "1";
    let (_, rip) = field("IP=")?.split_once(':')?;
    let entry = Logged {
        vector,
        code: hex(field("e=")?)?,
        rip: hex(rip)?,
        cr2: field("CR2=").and_then(hex),
        cpl: field("cpl=")?.parse().ok()?,
        ..Logged::default()
    };
    (vector < 32 && !software).then_some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
Servicing hardware INT=0x20
     0: v=20 e=0000 i=0 cpl=0 IP=0028:ffffffff80001000 pc=ffffffff80001000 SP=0030:ffff800000000000 env->regs[R_EAX]=0000000000000000
RAX=0000000000000000 RBX=0000000000000000
check_exception old: 0xffffffff new 0xe
     1: v=0e e=0002 i=0 cpl=0 IP=0028:ffffffff80001234 pc=ffffffff80001234 SP=0030:ffffffff80012f70 CR2=0000000000000123
RAX=0000000000000000 RBX=8000000000000000
R8 =0000000000000001 R9 =0000000000000002
RIP=ffffffff80001234 RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0
IDT=     ffffffff80010000 00000fff
CR0=80010033 CR2=0000000000000123 CR3=000000000ff51000 CR4=00000020
DR0=0000000000000000 DR1=0000000000000000 DR2=0000000000000000 DR3=0000000000000000
check_exception old: 0xe new 0xb
     2: v=08 e=0000 i=0 cpl=0 IP=0028:ffffffff80001234 pc=ffffffff80001234 SP=0030:ffffffff80012f70 env->regs[R_EAX]=0000000000000000
check_exception old: 0x8 new 0xb
Triple fault
CPU Reset (CPU 0)
";

    #[test]
    fn finds_the_exceptions_before_a_triple_fault() {
        let log = parse(LOG);
        assert!(log.triple_fault);
        let register = |name: &str, value| (name.to_owned(), value);
        let fault = Logged {
            vector: 14,
            code: 2,
            rip: 0xffff_ffff_8000_1234,
            cr2: Some(0x123),
            rflags: 0x46,
            cr3: 0xff5_1000,
            idt: (0xffff_ffff_8001_0000, 0xfff),
            registers: vec![
                register("rax", 0),
                register("rbx", 1 << 63),
                register("r8", 1),
                register("r9", 2),
            ],
            met: Some(11),
            ..Logged::default()
        };
        let double =
            Logged { vector: 8, rip: 0xffff_ffff_8000_1234, met: Some(11), ..Logged::default() };
        assert_eq!(log.last, [fault, double]);
    }

    #[test]
    fn only_the_last_few_are_kept() {
        let line = LOG.lines().find(|line| line.contains("v=0e")).expect("a line");
        assert_eq!(parse(&[line; 10].join("\n")).last.len(), SHOWN);
    }

    #[test]
    fn other_text_is_no_exception() {
        for line in ["", "x: v=0e", "1: v=zz e=0 i=0 IP=8:0", "     1: v=0e", "SMM: enter"] {
            assert_eq!(parse_line(line), None, "{line}");
        }
    }
}
