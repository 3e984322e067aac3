//! A line of a transcript without what the compiler decides.
//!
//! With the same compiler two captures are the same to the byte. Another compiler
//! writes other code of another length, and four things follow from that alone;
//! they are captured as they were, and not compared:
//!
//! - **times**: a log line's time stamp counts instructions;
//! - **places in the kernel's image**: all but its first address;
//! - **places in RAM** above 1 MiB, also in the direct map: the loader puts the
//!   kernel and its own data there, one behind the other, and frames are given out
//!   of what is left;
//! - **sizes of such places**, and how many frames there are and are in use.
//!
//! Another version of QEMU brings other firmware with another memory map; then what
//! [`is_firmwares`] is left out as well.
//!
//! Everything else counts: the lines and their order, rights, names, checks,
//! virtual addresses of heap, stacks and programs, and what the firmware reports.

/// The image's range; its first address is the linker script's.
const IMAGE: std::ops::RangeInclusive<u64> = 0xffff_ffff_8000_0001..=0xffff_ffff_a000_0000;
/// Where physical address 0 appears.
const DIRECT_MAP: u64 = 0xffff_8000_0000_0000;
/// RAM that loader and kernel share out, exclusive: its ends are the machine's.
const SHARED_OUT: std::ops::Range<u64> = 0x10_0001..0x1000_0000;
/// A user program's stack: virtual addresses that could be taken for RAM's.
const USER_STACK: std::ops::RangeInclusive<u64> = 0x80_0000..=0x80_2000;

/// What stands for a number that is not compared.
const ANY: &str = "…";

/// `line` in the form that is compared.
pub fn normal(line: &str) -> String {
    let (stamp, rest) = match time_stamp(line) {
        Some(rest) => ("[time] ", rest),
        None => ("", line),
    };
    let words: Vec<&str> = rest.split_whitespace().collect();
    let counts_frames = words.first() == Some(&"frames:");
    let replaced: Vec<String> = words.iter().map(|word| places(word)).collect();
    let placed = replaced.iter().any(|word| word.contains('<'));
    let mut normal = Vec::with_capacity(words.len());
    for (index, word) in replaced.into_iter().enumerate() {
        let after = |place: usize| words.get(index + place).copied().unwrap_or_default();
        let size = after(1).trim_end_matches([')', ',']) == "KiB"
            && (placed || counts_frames || after(2) == "of");
        // The size of a frame and of a large page are the CPU's.
        let count = counts_frames && !["bytes,", "MiB"].contains(&after(1));
        let measured = words.first() == Some(&"measure") && index == 2;
        normal.push(if size || count || measured { without_digits(&word) } else { word });
    }
    format!("{stamp}{}", normal.join(" "))
}

/// Whether a line tells of a range that the firmware decides on, and so the emulator's
/// version: physical memory, or its direct map.
pub fn is_firmwares(line: &str) -> bool {
    let is_range = |word: &str| {
        let number = |text: &str| {
            let digits = text.strip_prefix("0x").unwrap_or_default();
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        word.split_once('-').is_some_and(|(start, end)| number(start) && number(end))
    };
    let is_rights = |word: &str| word.len() == 5 && word.chars().all(|c| "rwxug-".contains(c));
    let mut words = line.split_whitespace();
    words.next().is_some_and(is_range)
        && (!words.next().is_some_and(is_rights) || line.ends_with(" direct map"))
}

/// The line behind its time stamp, `[   0.001234] `.
fn time_stamp(line: &str) -> Option<&str> {
    let (stamp, rest) = line.strip_prefix('[')?.split_once("] ")?;
    let (seconds, fraction) = stamp.trim_start().split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(seconds) && digits(fraction)).then_some(rest)
}

/// A word with the addresses in it replaced by the name of where they lie.
fn places(word: &str) -> String {
    let mut result = String::new();
    let mut rest = word;
    while let Some(at) = rest.find("0x") {
        let digits = &rest[at + 2..];
        let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
        result.push_str(&rest[..at]);
        match u64::from_str_radix(&digits[..end], 16).ok().and_then(place) {
            Some(place) => result.push_str(place),
            None => result.push_str(&rest[at..at + 2 + end]),
        }
        rest = &digits[end..];
    }
    result + rest
}

/// Where an address lies that the compiler decides on.
fn place(address: u64) -> Option<&'static str> {
    let shared_out = |physical| SHARED_OUT.contains(&physical);
    if IMAGE.contains(&address) {
        Some("<image>")
    } else if shared_out(address) && !USER_STACK.contains(&address) {
        Some("<RAM>")
    } else if shared_out(address.wrapping_sub(DIRECT_MAP)) {
        Some("<direct map>")
    } else {
        None
    }
}

/// A word with each run of digits replaced.
fn without_digits(word: &str) -> String {
    let mut result = String::new();
    for c in word.chars() {
        match c.is_ascii_digit() {
            true if result.ends_with(ANY) => {}
            true => result.push_str(ANY),
            false => result.push(c),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_compiler_would_change_is_not_compared() {
        for (one, other) in [
            ("[   0.002001] x: y", "[  12.345678] x: y"),
            (
                "[   0.1] traps: breakpoint at 0xffffffff8000136d",
                "[   0.2] traps: breakpoint at 0xffffffff80001400",
            ),
            (
                "    0x00000013c000-0x000000162000        152 KiB  executable and modules",
                "    0x00000013c000-0x0000001a0000        400 KiB  executable and modules",
            ),
            (
                "    0xffff80000013c000-0xffff8000001acfff r---g direct map",
                "    0xffff80000013c000-0xffff80000026afff r---g direct map",
            ),
            (
                "[   0.1] frames: 59 of 65219 in use (236 of 260876 KiB), peak 59: page tables 10, free 65160 with 126 runs of 2 MiB",
                "[   0.1] frames: 60 of 64983 in use (240 of 259932 KiB), peak 60: page tables 11, free 64923 with 125 runs of 2 MiB",
            ),
            (
                "[   0.1] frames: 788 KiB of the loader's memory reclaimed",
                "[   0.1] frames: 80 KiB of the loader's memory reclaimed",
            ),
            (
                "[   0.1] kernel: 260828 KiB of RAM are usable",
                "[   0.1] kernel: 9 KiB of RAM are usable",
            ),
            ("x: 0x801ff8 is physical 0xfe92ff8", "x: 0x801ff8 is physical 0xfe93ff8"),
            ("measure boot 4342940 instructions", "measure boot 5 instructions"),
        ] {
            assert_eq!(normal(one), normal(other));
        }
    }

    #[test]
    fn everything_else_is_compared() {
        for (one, other) in [
            ("[   0.1] heap: 0 bytes in use", "[   0.1] heap: 8 bytes in use"),
            (
                "    0xffffffff80000000-0xffffffff8001dfff r-x-g kernel text",
                "    0xffffffff80000000-0xffffffff8001dfff rwx-g kernel text",
            ),
            (
                "    0xffffffff80000000-0xffffffff8001dfff r-x-g kernel text",
                "    0xffffffff80001000-0xffffffff8001dfff r-x-g kernel text",
            ),
            ("0x00800000-0x00801fff rw-u- stack", "0x00800000-0x00802fff rw-u- stack"),
            ("0x801ff8 is physical 0xfe92ff8", "0x801ff0 is physical 0xfe92ff8"),
            (
                "0x000000001000-0x00000009f000        632 KiB  usable",
                "0x000000001000-0x00000009f000        628 KiB  usable",
            ),
            (
                "0x0000fed1c000-0x0000fed20000 16 KiB reserved",
                "0x0000fed1c000-0x0000fed20000 16 KiB usable",
            ),
            (
                "[   0.1] frames: 65096 frames of 4096 bytes, in 132 KiB",
                "[   0.1] frames: 65096 frames of 8192 bytes, in 132 KiB",
            ),
            ("check heap ok", "check heap fail no"),
            ("measure boot 1 instructions", "measure boot 1 ns"),
            ("`hello` exited with code 99", "`hello` exited with code 98"),
            ("rsp 0000000000802000", "rsp 0000000000802008"),
        ] {
            assert_ne!(normal(one), normal(other));
        }
    }

    #[test]
    fn the_firmware_decides_on_physical_memory_alone() {
        for line in [
            "    0x000000001000-0x00000009f000        632 KiB  usable",
            "0x0000000000001000-0x000000000009f000 reserved",
            "0x000000000fe00000-0x000000000fe08000 taken: page tables",
            "    0xffff800000001000-0xffff80000009efff rw--g direct map",
        ] {
            assert!(is_firmwares(line), "{line}");
        }
        for line in [
            "    0x00010000-0x00010fff r-xu- code",
            "    0xffffffff80000000-0xffffffff8001dfff r-x-g kernel text",
            "[   0.1] kernel: 260828 KiB of RAM are usable",
            "✓ it ticks",
            "",
        ] {
            assert!(!is_firmwares(line), "{line}");
        }
    }

    #[test]
    fn a_bracket_is_not_always_a_time() {
        assert_eq!(normal("[user] process created"), "[user] process created");
    }
}
