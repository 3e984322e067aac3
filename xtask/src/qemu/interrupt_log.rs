//! The exceptions in QEMU's interrupt log (`-d int,cpu_reset`), which survives a
//! triple fault as nothing inside the guest does.
//!
//! An exception's line looks like this (QEMU, `target/i386/tcg/seg_helper.c`):
//!
//! ```text
//!      3: v=0e e=0002 i=0 cpl=0 IP=0008:ffffffff80001234 pc=ffffffff80001234 SP=0010:ffffffff80012f70 CR2=0000000000000123
//! ```

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    pub vector: u8,
    pub code: u64,
    pub rip: u64,
    pub cr2: Option<u64>,
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
    for line in text.lines() {
        if line.starts_with("Triple fault") {
            log.triple_fault = true;
        } else if let Some(entry) = parse_line(line) {
            log.last.push(entry);
        }
    }
    log.last.drain(..log.last.len().saturating_sub(SHOWN));
    log
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
RAX=0000000000000000 RBX=0000000000000000
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
        let fault = Logged { vector: 14, code: 2, rip: 0xffff_ffff_8000_1234, cr2: Some(0x123) };
        let double = Logged { vector: 8, code: 0, rip: 0xffff_ffff_8000_1234, cr2: None };
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
