//! A boot as the texts that are kept of it.

use super::capture::Boot;
use shared::events::Event;
use std::fmt::Write;

/// Which text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What the kernel printed.
    Transcript,
    /// What lies where, physical and virtual.
    Regions,
    /// What was checked and measured.
    Checks,
}

/// All of them, as [`Record::parts`] gives them.
pub const PARTS: [Part; 3] = [Part::Transcript, Part::Regions, Part::Checks];

impl Part {
    /// The file's name.
    pub fn file(self) -> &'static str {
        match self {
            Self::Transcript => "transcript.txt",
            Self::Regions => "regions.txt",
            Self::Checks => "checks.txt",
        }
    }

    /// What the file's first line says that it holds.
    pub fn title(self) -> &'static str {
        match self {
            Self::Transcript => "what it prints on the serial port",
            Self::Regions => "what lies where in memory; ends are exclusive",
            Self::Checks => "what it checks and measures",
        }
    }
}

/// The texts of one boot; each ends with a line end or is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    texts: [String; 3],
}

/// The headings in a list of regions.
pub const VIRTUAL: &str = "[virtual]";
/// See [`VIRTUAL`].
pub const PHYSICAL: &str = "[physical]";

impl Record {
    /// What is kept of `boot`.
    pub fn of(boot: &Boot) -> Self {
        let mut transcript: Vec<&str> = boot.serial.lines().map(str::trim_end).collect();
        while transcript.first().is_some_and(|line| line.is_empty()) {
            transcript.remove(0);
        }
        let transcript = transcript.into_iter().map(|line| format!("{line}\n")).collect();
        Self { texts: [transcript, regions(boot), checks(&boot.events)] }
    }

    /// Each part with its text.
    pub fn parts(&self) -> impl Iterator<Item = (Part, &str)> {
        PARTS.into_iter().zip(self.texts.iter().map(String::as_str))
    }
}

fn checks(events: &[String]) -> String {
    let mut text = String::new();
    for line in events {
        // Writing to a string cannot fail.
        let _ = match Event::parse(line) {
            Some(Event::CheckOk { .. } | Event::CheckFail { .. }) => writeln!(text, "{line}"),
            // One instruction takes one nanosecond of this machine's time.
            Some(Event::Measure { name, value, unit: "ns" }) => {
                writeln!(text, "measure {name} {value} instructions")
            }
            Some(Event::Measure { .. }) => writeln!(text, "{line}"),
            _ => Ok(()),
        };
    }
    text
}

/// The regions of events and of the console, each once, by address.
fn regions(boot: &Boot) -> String {
    let (mut by_pages, mut physical) = (Vec::new(), Vec::new());
    for line in &boot.events {
        if let Some(Event::Region { start, end, flags, name }) = Event::parse(line) {
            match ["free", "taken", "reserved"].contains(&flags) {
                true if flags == name => physical.push((start, end, flags.to_owned())),
                true => physical.push((start, end, format!("{flags}: {name}"))),
                false => by_pages.push((start, end, format!("{flags} {name}"))),
            }
        }
    }
    for line in boot.serial.lines() {
        match console(line) {
            Some(Console::Memory(start, end, kind)) => physical.push((start, end, kind)),
            Some(Console::Program(start, end, what)) => by_pages.push((start, end, what)),
            None => {}
        }
    }
    let mut text = String::new();
    for (heading, mut regions) in [(VIRTUAL, by_pages), (PHYSICAL, physical)] {
        regions.sort();
        regions.dedup();
        if !regions.is_empty() {
            let _ = writeln!(text, "{heading}");
        }
        for (start, end, what) in regions {
            let _ = writeln!(text, "{start:#018x}-{end:#018x} {what}");
        }
    }
    text
}

/// A range that only the console tells of; the end is exclusive.
#[derive(Debug, PartialEq, Eq)]
enum Console {
    /// The loader's memory map: `0x…-0x…  240 KiB  usable`.
    Memory(u64, u64, String),
    /// A user program's pages: `0x…-0x… r-xu- code`, last address inclusive.
    Program(u64, u64, String),
}

fn console(line: &str) -> Option<Console> {
    let (range, rest) = line.strip_prefix("    0x")?.split_once(' ')?;
    let (start, end) = range.split_once("-0x")?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    let (start, end) = (number(start)?, number(end)?);
    if let Some((size, kind)) = rest.trim_start().split_once(" KiB  ") {
        return size.parse::<u64>().is_ok().then(|| Console::Memory(start, end, kind.to_owned()));
    }
    let (rights, name) = rest.split_once(' ')?;
    let of_ring_3 = rights.as_bytes().get(3) == Some(&b'u');
    // The line before says whose it is.
    let name = match name.strip_prefix("its ") {
        Some(name) => format!("program's {name}"),
        None => name.to_owned(),
    };
    of_ring_3.then(|| Console::Program(start, end + 1, format!("{rights} {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_is_kept_in_three_texts() {
        let boot = Boot {
            serial: "\nMyria M2\n    0x00001000-0x00001fff r-xu- its code\n    \
                     0x000000001000-0x000000002000          4 KiB  usable\n    \
                     0x00001000-0x00001fff r-xu- its code\n    \
                     0xffffffff80000000-0xffffffff80000fff r-x-g kernel text\n"
                .to_owned(),
            events: [
                "boot m2-usermode",
                "region 0xffffffff80000000 0xffffffff80001000 r-x-g kernel text",
                "region 0x2000 0x3000 taken page tables",
                "region 0x3000 0x4000 free free",
                "check heap ok",
                "measure boot 12 ns",
                "done 123",
            ]
            .map(str::to_owned)
            .to_vec(),
        };
        let record = Record::of(&boot);
        assert!(record.texts[0].starts_with("Myria M2\n"));
        assert_eq!(
            record.texts[1],
            "[virtual]\n\
             0x0000000000001000-0x0000000000002000 r-xu- program's code\n\
             0xffffffff80000000-0xffffffff80001000 r-x-g kernel text\n\
             [physical]\n\
             0x0000000000001000-0x0000000000002000 usable\n\
             0x0000000000002000-0x0000000000003000 taken: page tables\n\
             0x0000000000003000-0x0000000000004000 free\n"
        );
        assert_eq!(record.texts[2], "check heap ok\nmeasure boot 12 instructions\n");
    }
}
