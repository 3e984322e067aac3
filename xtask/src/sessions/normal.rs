//! A line of a session without what is another in each run, or with another compiler.
//!
//! Sessions run on QEMU as it runs for everybody, in the machine's own time. So beside
//! what [`transcript::normal`] leaves out, these are shown as they were and not compared:
//!
//! - durations and ticks, and what the console counts of them;
//! - registers and machine code in reports, entries of page tables, descriptors of the
//!   TSS: places in RAM or image by other names;
//! - sizes and counts of frames; every figure of a session that says so (`figures = true`);
//! - places in a program's code, but for its first; lines in the standard library's
//!   sources.
//!
//! [`transcript::normal`]: crate::transcript::normal

use crate::transcript::normal;

/// What stands for a number that is not compared.
const ANY: char = '…';
/// Words of lines whose every figure is the moment's or the compiler's.
const OF_THE_MOMENT: [&str; 10] = [
    " switches; ",
    " were in use",
    "free blocks of ",
    "  Line(",
    " entry ",
    "CR3 ",
    "64-bit TSS",
    "uptime() = ",
    " since the boot",
    "(core/src/",
];
/// The names in a report's dump of registers.
const REGISTERS: [&str; 18] = [
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13",
    "r14", "r15", "rip", "rflags",
];
/// A program's code, without its first address.
const PROGRAM: std::ops::Range<u64> = 0x1_0001..0x8_0000;
/// How many numbers begin a row of the console's list of threads.
const NUMBERS_IN_ROW: usize = 4;

/// A line in the form that is compared; if `figures`, without any.
pub fn of(line: &str, figures: bool) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (first, last) = (words.first().copied().unwrap_or(""), words.last().copied().unwrap_or(""));
    if REGISTERS.contains(&first) && words.len() > 1 {
        return words.into_iter().filter(|word| REGISTERS.contains(word)).collect();
    }
    if first == "code:" {
        return first.to_owned();
    }
    let numbers = words.iter().take_while(|word| word.parse::<u32>().is_ok()).count();
    let moment = figures
        || OF_THE_MOMENT.iter().any(|part| line.contains(part))
        || numbers >= NUMBERS_IN_ROW
        || last == "KiB";
    let line = without_places(&normal::normal(line));
    match moment {
        true => without_numbers(&line),
        false => without_durations(&line),
    }
}

/// Each word with digits in it becomes a mark, hexadecimal ones as well.
fn without_numbers(line: &str) -> String {
    let blurred = |word: &str| {
        // What stands between angle brackets was an address.
        let digits = word.contains(|c: char| c.is_ascii_digit() || c == ANY || c == '<');
        if digits { ANY.to_string() } else { word.to_owned() }
    };
    let mut words: Vec<String> = line.split_whitespace().map(blurred).collect();
    words.dedup_by(|one, before| one == before && one.starts_with(ANY));
    words.join(" ")
}

/// Addresses in a program's code become a mark.
fn without_places(line: &str) -> String {
    let is_place = |word: &str| {
        let digits = word.trim_end_matches([',', ':', ';']).strip_prefix("0x");
        let address = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        address.is_some_and(|address| PROGRAM.contains(&address))
    };
    let words = line.split(' ').map(|word| if is_place(word) { "<program>" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// Numbers in front of a unit of time become a mark: `(0.31 s)`, `14 ticks`.
fn without_durations(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let is_unit = |word: &str| {
        let word = word.trim_end_matches([')', ',', ';', '.', ':']);
        ["s", "ms", "µs", "ns", "seconds", "ticks", "tick", "instructions"].contains(&word)
    };
    let of_time = |at: usize| words.get(at + 1).is_some_and(|next| is_unit(next));
    let blurred = words.iter().enumerate().map(|(at, word)| {
        match word.trim_start_matches('(').starts_with(|c: char| c.is_ascii_digit()) {
            true if of_time(at) => ANY.to_string(),
            _ => (*word).to_owned(),
        }
    });
    blurred.collect::<Vec<_>>().join(" ")
}

/// Whether a line of a report tells by which calls a place was reached, which the
/// compiler decides by inlining; the line of source below it as well.
pub fn is_of_calls(line: &str) -> bool {
    let line = line.trim_start();
    let (number, rest) = line.split_once(' ').unwrap_or((line, ""));
    let is_address_alone = number.starts_with("0xffffffff8") && rest.is_empty();
    let is_source = number.parse::<u32>().is_ok() && rest.starts_with("> ");
    line.starts_with("called from ") || is_source || is_address_alone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_run_is_the_same() {
        for (one, other) in [
            ("m0: complete: 5 checks ok (0.31 s)", "m0: complete: 5 checks ok (12.01 s)"),
            ("5 ticks at 100 Hz since the timer", "14 ticks at 100 Hz since the timer"),
            ("0.08 s since the boot, by the", "0.2090 s since the boot, by the"),
            (
                "    32  0xffffffff8002ae70     0x0008    0    0       5  Line(0)",
                "    32  0xffffffff8002be70     0x0008    0    0      13  Line(0)",
            ),
            (
                "     0        0         4       3  boot             running",
                "     0        0         4      10  boot             running",
            ),
            (
                "6 started, 22 switches; 4 ticks in threads",
                "6 started, 22 switches; 12 ticks in threads",
            ),
            (
                "    rax ffffffffe0000000 rbx ffffffffc0010406 rcx 0000000000000000",
                "    rax ffffffffe0000001 rbx ffffffffc0010446 rcx 0000000000000001",
            ),
            ("    code: c6 00 01 5d", "    code: 90"),
            ("    at rip 0x10c75, ring 3: 6 ticks", "    at rip 0x10d00, ring 3: 7 ticks"),
            (
                "PT    entry   1 at 0x00000fe01008: 0x00000013d000 P A G",
                "PT    entry   2 at 0x0000bfe01010: 0x00000013e000 P A G",
            ),
            (
                "0x28  0x80008b0494300067  64-bit TSS, busy, ring 0",
                "0x28  0x80008b0494310067  64-bit TSS, busy, ring 0",
            ),
            ("page tables           13         52 KiB", "page tables            9         36 KiB"),
            (
                "    called from core::x (core/src/result.rs:1622), inlined",
                "    called from core::x (core/src/result.rs:9), inlined",
            ),
        ] {
            assert_eq!(of(one, false), of(other, false));
        }
        assert_eq!(of(".text  1234 bytes", true), of(".text  99 bytes", true));
    }

    #[test]
    fn what_is_said_is_compared() {
        for (one, other) in [
            ("m0: complete: 5 checks ok (0.31 s)", "m0: complete: 6 checks ok (0.31 s)"),
            ("enters ring 3 at 0x10000 by", "enters ring 3 at 0x10010 by"),
            ("the kernel goes on", "the kernel stops"),
            (
                "PT    entry   1 at 0x00000fe01008: 0x00000013d000 P A G",
                "PT    entry   1 at 0x00000fe01008: 0x00000013d000 P W A G",
            ),
            ("in x (m2-usermode/src/main.rs:89)", "in x (m2-usermode/src/main.rs:90)"),
            ("`hello` exited with code 99", "`hello` exited with code 98"),
            ("     0        0  4  3  boot  running", "     0        0  4  3  idle  running"),
            (".text  1234 bytes", ".text  99 bytes"),
        ] {
            assert_ne!(of(one, false), of(other, false));
        }
    }

    #[test]
    fn a_backtrace_is_the_compilers() {
        for line in
            ["    called from a::b (c.rs:1), inlined", "       82 > x();", "  0xffffffff80021b97"]
        {
            assert!(is_of_calls(line), "{line}");
        }
        for line in ["in m2_usermode::x", "5 > ", "32 gates", "0xffff800000654320"] {
            assert!(!is_of_calls(line) || line == "5 > ", "{line}");
        }
    }
}
