//! All that is known of a run, gathered once, and told to people.

use super::{
    Verdict,
    catalogue::{Catalogue, Entry, evidence::Evidence},
    exceptions, story,
};
use crate::{
    qemu::monitor::CpuState,
    symbolise::{Place, SourceLine, Symbols},
    trial::Outcome,
    ui::{self, Paint},
};
use std::fmt::Write;

/// How much of QEMU's own complaint is worth showing.
const STDERR_LINES: usize = 8;

/// A verdict with its explanation and places.
pub struct Report<'a> {
    pub outcome: &'a Outcome,
    pub headline: String,
    /// What the catalogue has on it.
    pub entry: Option<&'static Entry>,
    /// The instruction that the verdict is about.
    pub at: Option<Site>,
    /// The line that panicked.
    pub panicked: Option<SourceLine>,
    /// From the innermost caller on.
    pub callers: Vec<Site>,
    /// General registers, RFLAGS and the like.
    pub registers: Vec<(String, u64)>,
    /// A triple fault in sentences.
    pub story: Vec<String>,
}

/// An address in the guest's code.
pub struct Site {
    pub address: u64,
    /// The innermost inlined function first; empty if the code is unknown.
    pub places: Vec<Place>,
}

impl<'a> Report<'a> {
    /// Explains `outcome`.
    pub fn new(outcome: &'a Outcome, symbols: &Symbols) -> Self {
        let verdict = &outcome.verdict;
        let evidence = Evidence::collect(outcome, symbols);
        let (at, frames) = verdict.where_it_was();
        // A return address lies behind its call.
        let caller = |&address: &u64| Site::new(address, address.saturating_sub(1), symbols);
        Self {
            outcome,
            headline: verdict.headline(symbols),
            entry: Catalogue::get().find(&evidence),
            at: at.map(|address| Site::new(address, address, symbols)),
            panicked: match verdict {
                Verdict::Panic { location, .. } => symbols.panic_line(location),
                _ => None,
            },
            callers: frames.iter().map(caller).collect(),
            registers: verdict.registers(),
            story: match verdict {
                Verdict::TripleFault { last } => story::triple_fault(last, symbols),
                _ => Vec::new(),
            },
        }
    }

    /// The last event that came.
    pub fn last_event(&self) -> Option<&str> {
        self.outcome.events.last().map(String::as_str)
    }

    /// The last line on serial that says something.
    pub fn last_serial_line(&self) -> Option<&str> {
        self.outcome.serial.lines().map(str::trim).rfind(|line| !line.is_empty())
    }

    /// What stands below the headline, without the catalogue's words: facts, one a
    /// line.
    pub fn facts(&self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(self.panicked.as_ref().map(SourceLine::to_string));
        match &self.outcome.verdict {
            Verdict::Exception { fault, .. } => {
                let meaning = exceptions::error_code(fault.vector, fault.code);
                lines.extend(meaning.map(|text| format!("error code {:#x}: {text}", fault.code)));
                if fault.vector == 14 {
                    lines.push(format!("the address was {:#018x} (CR2)", fault.cr2));
                }
            }
            Verdict::TripleFault { .. } => {
                lines.push("told from QEMU's log of a second run:".to_owned());
                let numbered = self.story.iter().enumerate();
                lines.extend(numbered.map(|(index, text)| format!("  {}. {text}", index + 1)));
            }
            Verdict::Hang { cpu, .. } | Verdict::Flood { cpu, .. } => {
                lines.push(format!("last event: {}", self.last_event().unwrap_or("none")));
                lines.push(format!("last line: {}", self.last_serial_line().unwrap_or("none")));
                lines.extend(cpu.as_ref().map(control_registers).unwrap_or_default());
                lines.extend(register_lines(&self.registers));
            }
            Verdict::EmulatorFailed { stderr, .. } => {
                lines.extend(stderr.lines().take(STDERR_LINES).map(|line| format!("QEMU: {line}")));
            }
            _ => {}
        }
        lines.extend(self.at.iter().flat_map(|site| site.lines("in")));
        lines.extend(self.callers.iter().flat_map(|site| site.lines("called from")));
        lines
    }

    /// The catalogue's words, one statement a line.
    pub fn explanation(&self) -> Vec<String> {
        let Some(entry) = self.entry else { return Vec::new() };
        vec![
            format!("why: {}", entry.explanation),
            format!("check first: {}", entry.check_first),
            format!(
                "read: \"{}\" ({}) in the book; {}",
                crate::chapters::title(&entry.chapter),
                entry.chapter,
                entry.manual
            ),
            format!("fault catalogue: {} ({})", entry.id, entry.title),
        ]
    }

    /// Everything as text: headline first, what belongs to it indented.
    pub fn text(&self) -> String {
        let mut text = self.headline.clone();
        for line in self.explanation().into_iter().chain(self.facts()) {
            // Writing to a string does not fail.
            let _ = write!(text, "\n    {line}");
        }
        text
    }

    /// The headline in its colour, with the time it took.
    pub fn closing_line(&self, paint: impl Fn(Paint, &str) -> String) -> String {
        let colour = if self.outcome.verdict.is_complete() { Paint::Good } else { Paint::Bad };
        format!("{} ({})", paint(colour, &self.headline), ui::seconds(self.outcome.elapsed))
    }
}

impl Site {
    /// The code at `address`, placed by the instruction that holds `inside`.
    fn new(address: u64, inside: u64, symbols: &Symbols) -> Self {
        Self { address, places: symbols.places(inside) }
    }

    fn lines(&self, relation: &str) -> Vec<String> {
        if self.places.is_empty() {
            return vec![format!("{relation} {:#018x} (no kernel code)", self.address)];
        }
        let mut lines = Vec::new();
        for (index, place) in self.places.iter().enumerate() {
            let inlined = if index + 1 < self.places.len() { ", inlined" } else { "" };
            let relation = if index == 0 { relation } else { "called from" };
            lines.push(format!("{relation} {place}{inlined}"));
            lines.extend(place.source.as_ref().map(SourceLine::to_string));
        }
        lines
    }
}

impl Verdict {
    /// The address that the verdict is about, and the return addresses above it.
    fn where_it_was(&self) -> (Option<u64>, &[u64]) {
        match self {
            Self::Exception { fault, frames, .. } => {
                // The report's backtrace begins with the instruction itself.
                let callers = frames.strip_prefix(&[fault.rip]).unwrap_or(frames);
                (Some(fault.rip), callers)
            }
            Self::Panic { frames, .. } => (None, frames),
            Self::Hang { cpu: Some(cpu), .. } | Self::Flood { cpu: Some(cpu), .. } => {
                (Some(cpu.rip), &cpu.frames)
            }
            Self::TripleFault { last } => (super::explain::cause(last).map(|first| first.rip), &[]),
            _ => (None, &[]),
        }
    }

    /// The registers at that address.
    fn registers(&self) -> Vec<(String, u64)> {
        let with = |registers: &[(String, u64)], special: &[(&str, u64)]| {
            let special = special.iter().map(|&(name, value)| (name.to_owned(), value));
            registers.iter().cloned().chain(special).collect()
        };
        match self {
            Self::Exception { fault, registers, .. } => {
                with(registers, &[("rip", fault.rip), ("cs", fault.cs)])
            }
            Self::Hang { cpu: Some(cpu), .. } | Self::Flood { cpu: Some(cpu), .. } => {
                let (rip, rflags, cr2, cr3) = (cpu.rip, cpu.rflags, cpu.cr2, cpu.cr3);
                with(
                    &cpu.registers,
                    &[("rip", rip), ("rflags", rflags), ("cr2", cr2), ("cr3", cr3)],
                )
            }
            Self::TripleFault { last } => match super::explain::cause(last) {
                Some(first) => with(
                    &first.registers,
                    &[("rip", first.rip), ("rflags", first.rflags), ("cr3", first.cr3)],
                ),
                None => Vec::new(),
            },
            _ => Vec::new(),
        }
    }
}

fn control_registers(cpu: &CpuState) -> Vec<String> {
    let mut lines = vec![format!(
        "RFLAGS {:#x} (interrupts {}), CR2 {:#018x}, CR3 {:#018x}, privilege level {}",
        cpu.rflags,
        if cpu.interrupts_on() { "on" } else { "off" },
        cpu.cr2,
        cpu.cr3,
        cpu.cpl
    )];
    if let Some(lines_bits @ 1..) = cpu.in_service {
        lines.push(format!("interrupts taken and not acknowledged, by line: {lines_bits:#010b}"));
    }
    lines
}

/// The general registers, four to a line.
fn register_lines(registers: &[(String, u64)]) -> Vec<String> {
    let general: Vec<_> = registers.iter().filter(|(name, _)| !is_special(name)).collect();
    let line = |four: &[&(String, u64)]| {
        let words: Vec<_> =
            four.iter().map(|(name, value)| format!("{name:>3} {value:016x}")).collect();
        words.join(" ")
    };
    general.chunks(4).map(line).collect()
}

fn is_special(name: &str) -> bool {
    matches!(name, "rip" | "rflags" | "cr2" | "cr3" | "cs" | "ss")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn outcome(verdict: Verdict) -> Outcome {
        Outcome {
            serial: "one\r\ntwo\r\n\r\n".into(),
            events: vec!["boot k".into(), "check a ok".into()],
            ..Outcome::without_run(verdict)
        }
    }

    #[test]
    fn a_hang_tells_flags_last_event_and_last_line() {
        let registers = ["rax", "rbx", "rcx", "rdx", "rsi"].map(|name| (name.to_owned(), 7)).into();
        let cpu = CpuState { halted: true, registers, in_service: Some(1), ..CpuState::default() };
        let hang = outcome(Verdict::Hang { limit: Duration::from_secs(2), cpu: Some(cpu) });
        let text = Report::new(&hang, &Symbols::none()).text();
        for part in [
            "last event: check a ok",
            "last line: two",
            "(interrupts off)",
            "not acknowledged, by line: 0b00000001",
            "rax 0000000000000007 rbx",
            "\n    rsi 0000000000000007",
            "\n    check first: ",
            "\n    why: ",
            "\n    read: ",
        ] {
            assert!(text.contains(part), "`{part}` is missing:\n{text}");
        }
    }

    #[test]
    fn a_panic_shows_its_line() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("workspace");
        let symbols = Symbols::load(&[], root).expect("nothing to load");
        let (location, message) = ("xtask/src/main.rs:1:1".into(), "no memory".into());
        let panic = outcome(Verdict::Panic { location, message, frames: Vec::new() });
        let text = Report::new(&panic, &symbols).text();
        assert!(text.contains("\n        1 > //! `cargo xtask`: the one host tool"), "{text}");
    }

    #[test]
    fn the_faulting_instruction_is_not_its_own_caller() {
        let fault = super::super::Fault { vector: 6, code: 0, rip: 0x10, cr2: 0, cs: 8 };
        let (registers, frames) = (Vec::new(), vec![0x10, 0x20]);
        let verdict = Verdict::Exception { fault, registers, frames };
        assert_eq!(verdict.where_it_was(), (Some(0x10), [0x20].as_slice()));
    }
}
