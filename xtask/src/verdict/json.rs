//! A verdict for programs: what `--json` prints, on stdout alone.
//!
//! ```json
//! {
//!   "version": 1,
//!   "kernel": "m1",
//!   "boot": "fast",
//!   "verdict": {
//!     "kind": "exception",
//!     "complete": false,
//!     "headline": "CPU exception 14, page fault (#PF), error code 0x2, at 0xffff…",
//!     "elapsed_seconds": 0.42,
//!     "catalogue": {
//!       "id": "pf-guard-page", "title": "…", "explanation": "…", "check_first": "…",
//!       "chapter": "m1-stacks", "manual": "…"
//!     },
//!     "exception": {
//!       "vector": 14, "name": "page fault (#PF)", "error_code": "0x2",
//!       "address": "0xffffffffc0010fff", "ring": 0
//!     },
//!     "at": {
//!       "address": "0xffffffff80001234",
//!       "places": [
//!         { "function": "f", "place": "m1-memory/src/f.rs:12", "line": 12, "source": "*p = 1" }
//!       ]
//!     },
//!     "backtrace": [],
//!     "registers": { "rax": "0x0" },
//!     "story": [],
//!     "facts": ["the address was …"],
//!     "last_event": "check a ok",
//!     "last_serial_line": "…",
//!     "serial_tail": ["…"],
//!     "events": ["boot m1-memory", "check a ok"]
//!   }
//! }
//! ```
//!
//! `kernel` is what people type: a milestone, or `bench`. A mistake on the command line
//! gives no document, only the exit status 2.
//!
//! `kind` is one of the names in [`Kind`]: complete, build-error, check-failed,
//! incomplete, panic, exception, loader-refused, triple-fault, reset, hang, flood,
//! emulator-missing, emulator-failed, interrupted. Beside it stands what only some
//! kinds have: `check` {name, message}, `panic` {location, message, source},
//! `exception`, `hang` and `flood` {interrupts, halted, ring, in_service}. Whatever
//! is not known is absent (`line` and `source` where the file is not there), lists are empty. Addresses and register values are text,
//! for 64 bits do not fit every reader's numbers; `places` has the innermost inlined
//! function first. `serial_tail` is the last 40 lines. Keys and names stay as they
//! are within a version.

use super::{
    Verdict,
    catalogue::Entry,
    exceptions,
    kind::Kind,
    report::{Report, Site},
};
use crate::qemu::monitor::CpuState;
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;

/// The version of the format.
pub const VERSION: u32 = 1;
/// How much of the serial output goes along.
const TAIL_LINES: usize = 40;

/// What `run --json` prints, and `bench --json` if a kernel fails.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    kernel: &'a str,
    boot: &'a str,
    verdict: Object<'a>,
}

/// The `verdict` object of every document that has one.
#[derive(Serialize)]
pub struct Object<'a> {
    kind: Kind,
    complete: bool,
    headline: &'a str,
    elapsed_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    catalogue: Option<&'a Entry>,
    #[serde(flatten)]
    special: Special<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Address<'a>>,
    backtrace: Vec<Address<'a>>,
    registers: BTreeMap<&'a str, String>,
    story: &'a [String],
    facts: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_event: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_serial_line: Option<&'a str>,
    serial_tail: Vec<&'a str>,
    events: &'a [String],
}

/// What only some kinds have.
#[derive(Default, Serialize)]
struct Special<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<Check<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    panic: Option<Panic<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exception: Option<Exception>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hang: Option<Stopped>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flood: Option<Stopped>,
}

#[derive(Serialize)]
struct Check<'a> {
    name: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct Panic<'a> {
    location: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
}

#[derive(Serialize)]
struct Exception {
    vector: u8,
    name: &'static str,
    error_code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    ring: u64,
}

/// A CPU that had to be stopped.
#[derive(Serialize)]
struct Stopped {
    interrupts: bool,
    halted: bool,
    ring: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_service: Option<u8>,
}

#[derive(Serialize)]
struct Address<'a> {
    address: String,
    places: Vec<PlaceObject<'a>>,
}

#[derive(Serialize)]
struct PlaceObject<'a> {
    function: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
}

/// The document about one run of `kernel`, booted by the way `boot`.
pub fn document(kernel: &str, boot: &str, report: &Report) -> Result<String> {
    let verdict = Object::new(report);
    let document = Document { version: VERSION, kernel, boot, verdict };
    Ok(serde_json::to_string_pretty(&document)?)
}

impl<'a> Object<'a> {
    /// All of `report`.
    pub fn new(report: &'a Report) -> Self {
        let outcome = report.outcome;
        let lines: Vec<&str> = outcome.serial.lines().collect();
        Self {
            kind: outcome.verdict.kind(),
            complete: outcome.verdict.is_complete(),
            headline: &report.headline,
            elapsed_seconds: outcome.elapsed.as_secs_f64(),
            catalogue: report.entry,
            special: Special::new(report),
            at: report.at.as_ref().map(Address::new),
            backtrace: report.callers.iter().map(Address::new).collect(),
            registers: report
                .registers
                .iter()
                .map(|(name, value)| (name.as_str(), hex(*value)))
                .collect(),
            story: &report.story,
            facts: report.facts(),
            last_event: report.last_event(),
            last_serial_line: report.last_serial_line(),
            serial_tail: lines[lines.len().saturating_sub(TAIL_LINES)..].to_vec(),
            events: &outcome.events,
        }
    }
}

impl<'a> Special<'a> {
    fn new(report: &'a Report) -> Self {
        let mut special = Self::default();
        match &report.outcome.verdict {
            Verdict::CheckFailed { name, message } => special.check = Some(Check { name, message }),
            Verdict::Panic { location, message, .. } => {
                let source = report.panicked.as_ref().map(|line| line.text.as_str());
                special.panic = Some(Panic { location, message, source });
            }
            Verdict::Exception { fault, .. } => {
                special.exception = Some(Exception {
                    vector: fault.vector,
                    name: exceptions::name(fault.vector),
                    error_code: hex(fault.code),
                    address: (fault.vector == 14).then(|| hex(fault.cr2)),
                    ring: fault.cs & 3,
                });
            }
            Verdict::Hang { cpu, .. } => special.hang = cpu.as_ref().map(Stopped::new),
            Verdict::Flood { cpu, .. } => special.flood = cpu.as_ref().map(Stopped::new),
            _ => {}
        }
        special
    }
}

impl Stopped {
    fn new(cpu: &CpuState) -> Self {
        Self {
            interrupts: cpu.interrupts_on(),
            halted: cpu.halted,
            ring: cpu.cpl,
            in_service: cpu.in_service,
        }
    }
}

impl<'a> Address<'a> {
    fn new(site: &'a Site) -> Self {
        let place = |place: &'a crate::symbolise::Place| PlaceObject {
            function: &place.function,
            place: place.line.as_deref(),
            line: place.source.as_ref().map(|line| line.number),
            source: place.source.as_ref().map(|line| line.text.as_str()),
        };
        Self { address: hex(site.address), places: site.places.iter().map(place).collect() }
    }
}

fn hex(value: u64) -> String {
    format!("{value:#x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{symbolise::Symbols, trial::Outcome, verdict::Fault};
    use serde_json::{Value, json};

    fn object(verdict: Verdict) -> Value {
        let outcome = Outcome {
            serial: "one\ntwo\n".into(),
            events: vec!["boot k".into()],
            ..Outcome::without_run(verdict)
        };
        let report = Report::new(&outcome, &Symbols::none());
        let text = document("m1", "fast", &report).expect("serialisable");
        serde_json::from_str(&text).expect("JSON")
    }

    #[test]
    fn the_format_is_as_documented() {
        let fault = Fault { vector: 14, code: 2, rip: 0x1000, cr2: 0xffff_ffff_c001_0fff, cs: 8 };
        let registers = vec![("rax".to_owned(), u64::MAX)];
        let value = object(Verdict::Exception { fault, registers, frames: vec![0x1000, 0x2000] });
        let mut verdict = value["verdict"].clone();
        let catalogue = verdict["catalogue"].take();
        let expected = json!({
            "kind": "exception",
            "complete": false,
            "headline": "CPU exception 14, page fault (#PF), error code 0x2, at 0x0000000000001000 (no kernel code)",
            "elapsed_seconds": 0.0,
            "catalogue": null,
            "exception": {
                "vector": 14, "name": "page fault (#PF)", "error_code": "0x2",
                "address": "0xffffffffc0010fff", "ring": 0,
            },
            "at": { "address": "0x1000", "places": [] },
            "backtrace": [{ "address": "0x2000", "places": [] }],
            "registers": { "rax": "0xffffffffffffffff", "rip": "0x1000", "cs": "0x8" },
            "story": [],
            "facts": [
                "error code 0x2: write to a page that is not present, by ring 0",
                "the address was 0xffffffffc0010fff (CR2)",
                "in 0x0000000000001000 (no kernel code)",
                "called from 0x0000000000002000 (no kernel code)",
            ],
            "last_event": "boot k",
            "last_serial_line": "two",
            "serial_tail": ["one", "two"],
            "events": ["boot k"],
        });
        assert_eq!(verdict, expected);
        assert_eq!(
            (&value["version"], &value["kernel"], &value["boot"]),
            (&json!(1), &json!("m1"), &json!("fast"))
        );
        let keys: Vec<&String> = catalogue.as_object().expect("an entry").keys().collect();
        assert_eq!(keys, ["chapter", "check_first", "explanation", "id", "manual", "title"]);
    }

    #[test]
    fn kinds_keep_their_names_and_have_their_own_objects() {
        let failed =
            object(Verdict::CheckFailed { name: "a".into(), message: "1 is not 2".into() });
        assert_eq!(failed["verdict"]["kind"], "check-failed");
        assert_eq!(failed["verdict"]["check"], json!({ "name": "a", "message": "1 is not 2" }));
        let cpu = Some(CpuState { halted: true, in_service: Some(1), ..CpuState::default() });
        let hang = object(Verdict::Hang { limit: std::time::Duration::ZERO, cpu: cpu.clone() });
        let stopped = json!({ "interrupts": false, "halted": true, "ring": 0, "in_service": 1 });
        assert_eq!(hang["verdict"]["hang"], stopped);
        let flood = object(Verdict::Flood { channel: "serial", limit: 1, cpu });
        assert_eq!(flood["verdict"]["flood"], stopped);
        let complete = object(Verdict::Complete { checks: 3 });
        assert_eq!(complete["verdict"]["kind"], "complete");
        assert_eq!(complete["verdict"]["complete"], true);
        assert!(complete["verdict"].get("catalogue").is_none());
        let panic = object(Verdict::Panic {
            location: "a:1:1".into(),
            message: "x".into(),
            frames: vec![],
        });
        assert_eq!(panic["verdict"]["panic"], json!({ "location": "a:1:1", "message": "x" }));
    }
}
