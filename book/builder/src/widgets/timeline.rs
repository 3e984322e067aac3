//! A recorded boot as events in time: `book/captured/mN/transcript.txt`.
//!
//! The clock of that recording counts guest instructions as nanoseconds, and starts at
//! zero before the first line. Lines without a time belong to the event before them.

use crate::code;
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::path::Path;

/// The anchors' name in all captured files.
const ANCHOR: &str = "captured";
/// What the time before the first line with one is called.
const START: &str = "start";

/// A line with a time, and what was printed before the next such line.
#[derive(Debug, PartialEq, Eq)]
struct Event {
    /// Since the clock was started.
    microseconds: u64,
    /// Who wrote the line.
    module: String,
    lines: Vec<String>,
}

/// The events of the boot of `milestone`.
///
/// # Errors
/// If there is no such recording, or it does not read as one.
pub fn data(root: &Path, milestone: &str) -> Result<Value> {
    ensure!(!milestone.is_empty(), "it takes a milestone: `{{{{#widget timeline m2}}}}`");
    let file = format!("book/captured/{milestone}/transcript.txt");
    let text = code::anchor(root, &file, ANCHOR)?.text;
    let events = read(&text).with_context(|| format!("{file} is no transcript"))?;
    let events: Vec<Value> = events
        .iter()
        .map(|one| json!({ "time": one.microseconds, "module": one.module, "lines": one.lines }))
        .collect();
    Ok(json!({ "milestone": milestone, "events": events }))
}

/// Takes a transcript apart.
fn read(text: &str) -> Result<Vec<Event>> {
    let mut events: Vec<Event> = Vec::new();
    for line in text.lines() {
        if let Some((microseconds, module)) = stamp(line) {
            let last = events.last().map_or(0, |event| event.microseconds);
            ensure!(microseconds >= last, "time goes back at `{line}`");
            let lines = vec![line.to_owned()];
            events.push(Event { microseconds, module: module.to_owned(), lines });
        } else if let Some(event) = events.last_mut() {
            event.lines.push(line.to_owned());
        } else {
            let (module, lines) = (START.to_owned(), vec![line.to_owned()]);
            events.push(Event { microseconds: 0, module, lines });
        }
    }
    for event in &mut events {
        while event.lines.last().is_some_and(|line| line.trim().is_empty()) {
            event.lines.pop();
        }
    }
    if events.len() < 2 {
        bail!("there is hardly a line with a time in it");
    }
    Ok(events)
}

/// Time and module of `[   0.002001] module: …`.
fn stamp(line: &str) -> Option<(u64, &str)> {
    let (time, rest) = line.strip_prefix('[')?.split_once("] ")?;
    let (seconds, fraction) = time.trim_start().split_once('.')?;
    let (module, _) = rest.split_once(':')?;
    let digits = fraction.len() == 6 && !module.contains(' ');
    let (seconds, fraction): (u64, u64) = (seconds.parse().ok()?, fraction.parse().ok()?);
    digits.then_some((seconds * 1_000_000 + fraction, module))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILESTONES: [&str; 3] = ["m0", "m1", "m2"];

    fn root() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
    }

    fn recorded(milestone: &str) -> (String, Vec<Event>) {
        let file = format!("book/captured/{milestone}/transcript.txt");
        let text = code::anchor(root(), &file, ANCHOR).expect("recorded").text;
        let events = read(&text).expect("a transcript");
        (text, events)
    }

    #[test]
    fn lines_without_a_time_belong_to_the_event_before() {
        let text = "M9\n[   0.000007] paging: on\n    0x0-0x1\n\n[   1.000009] heap: off\n";
        let event = |microseconds, module: &str, lines: &[&str]| Event {
            microseconds,
            module: module.to_owned(),
            lines: lines.iter().map(|&line| line.to_owned()).collect(),
        };
        let wanted = [
            event(0, START, &["M9"]),
            event(7, "paging", &["[   0.000007] paging: on", "    0x0-0x1"]),
            event(1_000_009, "heap", &["[   1.000009] heap: off"]),
        ];
        assert_eq!(read(text).expect("good"), wanted);
    }

    #[test]
    fn user_lines_have_no_time() {
        assert_eq!(stamp("[user] `twin` (process 3): exited"), None);
        assert_eq!(stamp("[   0.01] heap: short"), None);
        assert_eq!(stamp("[   0.002595] heap: on"), Some((2595, "heap")));
    }

    #[test]
    fn time_that_goes_back_is_refused() {
        assert!(read("[   0.000007] a: x\n[   0.000006] b: y").is_err());
        assert!(read("nothing").is_err());
    }

    #[test]
    fn times_ascend_in_every_recorded_boot() {
        for milestone in MILESTONES {
            let (_, events) = recorded(milestone);
            assert!(events.is_sorted_by_key(|event| event.microseconds), "{milestone}");
            assert_eq!(events[0].microseconds, 0, "{milestone}");
        }
    }

    #[test]
    fn every_recorded_line_is_in_one_event() {
        for milestone in MILESTONES {
            let (text, events) = recorded(milestone);
            let filled = |line: &&str| !line.trim().is_empty();
            let given: Vec<&str> =
                events.iter().flat_map(|event| &event.lines).map(String::as_str).collect();
            let given: Vec<&str> = given.into_iter().filter(filled).collect();
            assert_eq!(given, text.lines().filter(filled).collect::<Vec<_>>(), "{milestone}");
        }
    }

    #[test]
    fn a_timeline_needs_its_milestone() {
        assert!(data(root(), "").is_err());
        assert!(data(root(), "m7").is_err());
    }
}
