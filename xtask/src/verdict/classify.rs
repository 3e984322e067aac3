//! From what was observed of a run to its verdict.
//!
//! The first thing that went wrong decides: a failed check counts even if the
//! kernel panics over it afterwards, a panic even if its report then faults.

use super::{Fault, Missing, Verdict};
use crate::qemu::{
    monitor::Shutdown,
    session::{Ending, Observed},
};
use shared::{events::Event, exit::Reason};

/// What a complete run has to show, besides passed checks.
#[derive(Clone, Debug)]
pub struct Demands {
    /// The nonce that `done` has to repeat.
    pub nonce: String,
    /// Whether `boot` has to come first. Test kernels need not introduce
    /// themselves.
    pub boot: bool,
}

/// Judges one run.
///
/// A reset is [`Verdict::TripleFault`] with no exceptions listed, for the caller
/// to look into.
pub fn classify(observed: &Observed, demands: &Demands) -> Verdict {
    let events: Vec<Event> = observed.events.iter().filter_map(|line| Event::parse(line)).collect();
    first_failure(&events).unwrap_or_else(|| match &observed.ending {
        Ending::Exited { shutdown: Some(Shutdown::Reset), .. } => {
            Verdict::TripleFault { last: Vec::new() }
        }
        Ending::Exited { shutdown: Some(Shutdown::PoweredOff), .. } => {
            Verdict::Incomplete { missing: Missing::PoweredOff }
        }
        Ending::Exited { status, .. } => exited(*status, &events, observed, demands),
        Ending::TimedOut { limit, cpu } => Verdict::Hang { limit: *limit, cpu: cpu.clone() },
        Ending::Flooded { channel, limit, cpu } => {
            Verdict::Flood { channel, limit: *limit, cpu: cpu.clone() }
        }
        Ending::Interrupted => Verdict::Interrupted,
    })
}

/// What is still missing for a complete run, by its events alone.
pub fn missing(events: &[String], demands: &Demands) -> Result<usize, Missing> {
    let events: Vec<Event> = events.iter().filter_map(|line| Event::parse(line)).collect();
    missing_of(&events, demands)
}

/// The verdict of a QEMU that ended by itself.
fn exited(
    status: Option<i32>,
    events: &[Event],
    observed: &Observed,
    demands: &Demands,
) -> Verdict {
    let failed = || Verdict::EmulatorFailed { status, stderr: observed.stderr.clone() };
    let Some(code) = status else { return failed() };
    match Reason::from_qemu_status(code) {
        Some(Reason::Complete) => match missing_of(events, demands) {
            Ok(checks) => Verdict::Complete { checks },
            Err(missing) => Verdict::Incomplete { missing },
        },
        Some(Reason::Failed) => Verdict::Incomplete { missing: Missing::Success { status: code } },
        Some(Reason::LoaderRefused) => Verdict::LoaderRefused {
            reason: loader_line(&observed.serial).unwrap_or("it gave no reason").to_owned(),
        },
        None => failed(),
    }
}

/// The first event that rules out success.
fn first_failure(events: &[Event]) -> Option<Verdict> {
    let mut rest = events.iter();
    let found = rest.find_map(|event| match *event {
        Event::CheckFail { name, message } => {
            Some(Verdict::CheckFailed { name: name.to_owned(), message: message.to_owned() })
        }
        Event::Panic { location, message } => Some(Verdict::Panic {
            location: location.to_owned(),
            message: message.to_owned(),
            frames: Vec::new(),
        }),
        Event::Exception { vector, code, rip, cr2, cs } => Some(Verdict::Exception {
            fault: Fault { vector, code, rip, cr2, cs },
            registers: Vec::new(),
            frames: Vec::new(),
        }),
        Event::Refused { reason } => Some(Verdict::LoaderRefused { reason: reason.to_owned() }),
        _ => None,
    });
    let mut found = found?;
    // What belongs to a report follows it; a second report has its own.
    let own =
        rest.take_while(|event| !matches!(event, Event::Panic { .. } | Event::Exception { .. }));
    for event in own {
        match (event, &mut found) {
            (
                Event::Frame { address },
                Verdict::Panic { frames, .. } | Verdict::Exception { frames, .. },
            ) => frames.push(*address),
            (Event::Register { name, value }, Verdict::Exception { registers, .. }) => {
                registers.push(((*name).to_owned(), *value));
            }
            _ => {}
        }
    }
    Some(found)
}

/// The number of checks that passed, or what a complete run has and this lacks.
fn missing_of(events: &[Event], demands: &Demands) -> Result<usize, Missing> {
    let has_booted = events.iter().any(|event| matches!(event, Event::Boot { .. }));
    let checks = events.iter().filter(|event| matches!(event, Event::CheckOk { .. })).count();
    match events.last() {
        _ if demands.boot && !has_booted => Err(Missing::Boot),
        Some(Event::Done { nonce: found }) if *found == demands.nonce && checks > 0 => Ok(checks),
        Some(Event::Done { nonce: found }) if *found == demands.nonce => Err(Missing::Checks),
        Some(Event::Done { nonce: found }) => Err(Missing::Nonce { found: (*found).to_owned() }),
        _ => Err(Missing::Done),
    }
}

/// The loader's reason in its line on serial.
fn loader_line(serial: &str) -> Option<&str> {
    serial.lines().find_map(|line| line.trim().strip_prefix("loader: error: "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const GOOD: [&str; 4] = ["boot m0-boot", "check ticks ok", "noise", "done 5f"];

    fn observed(ending: Ending, events: &[&str]) -> Observed {
        Observed {
            ending,
            serial: String::new(),
            events: events.iter().map(|&line| line.to_owned()).collect(),
            stderr: String::new(),
            elapsed: Duration::ZERO,
        }
    }

    fn demands() -> Demands {
        Demands { nonce: "5f".into(), boot: true }
    }

    fn exit(status: i32, events: &[&str]) -> Verdict {
        let ending = Ending::Exited { status: Some(status), shutdown: None };
        classify(&observed(ending, events), &demands())
    }

    fn incomplete(missing: Missing) -> Verdict {
        Verdict::Incomplete { missing }
    }

    #[test]
    fn complete_needs_boot_check_nonce_and_status() {
        assert_eq!(exit(33, &GOOD), Verdict::Complete { checks: 1 });
        assert_eq!(exit(33, &GOOD[1..]), incomplete(Missing::Boot));
        assert_eq!(exit(33, &["boot k", "done 5f"]), incomplete(Missing::Checks));
        assert_eq!(exit(33, &GOOD[..3]), incomplete(Missing::Done));
        let other = ["boot k", "check a ok", "done 60"];
        assert_eq!(exit(33, &other), incomplete(Missing::Nonce { found: "60".into() }));
        assert_eq!(exit(35, &GOOD), incomplete(Missing::Success { status: 35 }));
    }

    #[test]
    fn a_test_kernel_need_not_introduce_itself() {
        let ending = Ending::Exited { status: Some(33), shutdown: None };
        let demands = Demands { boot: false, ..demands() };
        let verdict = classify(&observed(ending, &GOOD[1..]), &demands);
        assert_eq!(verdict, Verdict::Complete { checks: 1 });
    }

    #[test]
    fn done_must_be_the_last_event() {
        let events = ["boot k", "check a ok", "done 5f", "measure a 1 ms"];
        assert_eq!(exit(33, &events), incomplete(Missing::Done));
    }

    #[test]
    fn a_failed_check_beats_the_success_code_and_a_later_panic() {
        let events =
            ["boot k", "check a ok", "check b fail 1 is not 2", "panic a.rs:1:1 b", "done 5f"];
        let failed = Verdict::CheckFailed { name: "b".into(), message: "1 is not 2".into() };
        assert_eq!(exit(33, &events), failed);
        assert_eq!(exit(35, &events), failed);
    }

    #[test]
    fn a_panic_carries_its_own_backtrace() {
        let events = [
            "boot k",
            "panic a.rs:1:2 no memory",
            "frame 0x10",
            "frame 0x20",
            "panic b.rs:1:1 x",
            "frame 0x30",
        ];
        let panic = Verdict::Panic {
            location: "a.rs:1:2".into(),
            message: "no memory".into(),
            frames: vec![0x10, 0x20],
        };
        assert_eq!(exit(35, &events), panic);
    }

    #[test]
    fn an_exception_carries_its_registers() {
        let verdict = exit(
            35,
            &["boot k", "exception 14 0x2 0x1234 0x99 0x8", "register rax 0x7", "frame 0x10"],
        );
        let fault = Fault { vector: 14, code: 2, rip: 0x1234, cr2: 0x99, cs: 8 };
        let registers = vec![("rax".to_owned(), 7)];
        assert_eq!(verdict, Verdict::Exception { fault, registers, frames: vec![0x10] });
    }

    #[test]
    fn a_refusing_loader_is_heard_on_either_channel() {
        let refused = Verdict::LoaderRefused { reason: "not an ELF".into() };
        assert_eq!(exit(37, &["refused not an ELF"]), refused);
        let ending = Ending::Exited { status: Some(37), shutdown: None };
        let mut run = observed(ending, &[]);
        run.serial = "BdsDxe: loading\r\nloader: error: not an ELF\r\n".into();
        assert_eq!(classify(&run, &demands()), refused);
    }

    #[test]
    fn a_reset_is_told_from_switching_off() {
        let reset = Ending::Exited { status: Some(0), shutdown: Some(Shutdown::Reset) };
        let verdict = classify(&observed(reset, &GOOD[..2]), &demands());
        assert_eq!(verdict, Verdict::TripleFault { last: vec![] });
        let off = Ending::Exited { status: Some(0), shutdown: Some(Shutdown::PoweredOff) };
        assert_eq!(classify(&observed(off, &GOOD), &demands()), incomplete(Missing::PoweredOff));
    }

    #[test]
    fn a_hang_and_a_flood_are_no_success_even_after_done() {
        let limit = Duration::from_secs(1);
        let verdict = classify(&observed(Ending::TimedOut { limit, cpu: None }, &GOOD), &demands());
        assert_eq!(verdict, Verdict::Hang { limit, cpu: None });
        let flood = Ending::Flooded { channel: "serial", limit: 4, cpu: None };
        let verdict = classify(&observed(flood, &GOOD), &demands());
        assert_eq!(verdict, Verdict::Flood { channel: "serial", limit: 4, cpu: None });
    }

    #[test]
    fn qemu_own_failure_keeps_its_words() {
        let mut run = observed(Ending::Exited { status: Some(1), shutdown: None }, &[]);
        run.stderr = "unable to find CPU model".into();
        let stderr = run.stderr.clone();
        assert_eq!(classify(&run, &demands()), Verdict::EmulatorFailed { status: Some(1), stderr });
        let killed = observed(Ending::Exited { status: None, shutdown: None }, &GOOD);
        let stderr = String::new();
        assert_eq!(classify(&killed, &demands()), Verdict::EmulatorFailed { status: None, stderr });
    }
}
