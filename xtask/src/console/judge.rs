//! What a run with a console came to.
//!
//! The milestone was judged when the console began: what a person does afterwards
//! takes nothing back. Only a kernel that ends otherwise than by a command is at
//! fault.

use crate::{
    qemu::{
        monitor::Shutdown,
        session::{Ending, Observed},
    },
    verdict::{
        Verdict,
        classify::{self, Demands},
    },
};
use shared::{events::Event, exit::Reason};

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The kernel never offered its console: an ordinary run.
    NoConsole,
    /// The milestone's verdict; its console was left, or reset the machine.
    Served(Verdict),
    /// A command made the kernel end as it was asked to.
    Asked {
        /// The milestone's verdict.
        milestone: Verdict,
        /// The command.
        command: String,
        /// The end.
        end: Verdict,
    },
    /// The kernel ended by itself.
    Died(Verdict),
}

/// Judges a run that ended.
pub fn judge(observed: &Observed, demands: &Demands) -> Judgement {
    let is_prompt = |line: &String| matches!(Event::parse(line), Some(Event::Prompt { .. }));
    let Some(first) = observed.events.iter().position(is_prompt) else {
        return Judgement::NoConsole;
    };
    // As if the kernel had left where it offered the console instead.
    let boot = Observed {
        ending: Ending::Exited { status: Some(Reason::Complete.qemu_status()), shutdown: None },
        events: observed.events[..first].to_vec(),
        ..observed.clone()
    };
    let milestone = classify::classify(&boot, demands);
    if !milestone.is_complete() {
        return Judgement::Served(milestone);
    }
    // A command is over when the next prompt comes.
    let command = observed.events.iter().rev().take_while(|line| !is_prompt(line));
    let command = command.filter_map(|line| match Event::parse(line) {
        Some(Event::Command { line }) => Some(line.to_owned()),
        _ => None,
    });
    let command = command.last().unwrap_or_default();
    let reset = |shutdown: Option<Shutdown>| shutdown == Some(Shutdown::Reset);
    match observed.ending {
        Ending::Interrupted => return Judgement::Served(milestone),
        Ending::Exited { status, .. } if status == Some(Reason::Complete.qemu_status()) => {
            return Judgement::Served(milestone);
        }
        Ending::Exited { shutdown, .. } if command == "reboot" && reset(shutdown) => {
            return Judgement::Served(milestone);
        }
        _ => {}
    }
    let end = classify::classify(observed, demands);
    match end {
        Verdict::Exception { .. } | Verdict::Panic { .. } if command.starts_with("fault ") => {
            Judgement::Asked { milestone, command, end }
        }
        end => Judgement::Died(end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const COMPLETE: Option<i32> = Some(Reason::Complete.qemu_status());
    const FAILED: Option<i32> = Some(Reason::Failed.qemu_status());

    fn judge_run(status: Option<i32>, shutdown: Option<Shutdown>, after: &[&str]) -> Judgement {
        let boot = ["boot m2-usermode", "check x ok", "done 5f"];
        let events = boot.iter().chain(after).map(|&line| line.to_owned()).collect();
        let observed = Observed {
            ending: Ending::Exited { status, shutdown },
            serial: String::new(),
            events,
            stderr: String::new(),
            elapsed: Duration::ZERO,
        };
        judge(&observed, &Demands { nonce: "5f".into(), boot: true })
    }

    #[test]
    fn leaving_and_resetting_take_nothing_back() {
        let served = Judgement::Served(Verdict::Complete { checks: 1 });
        let commands = ["prompt 1", "command walk 0", "command-failed not mapped", "prompt 2"];
        let quit = [&commands[..], &["command quit"]].concat();
        assert_eq!(judge_run(COMPLETE, None, &quit), served);
        let reboot = [&commands[..], &["command reboot"]].concat();
        assert_eq!(judge_run(Some(0), Some(Shutdown::Reset), &reboot), served);
        assert_eq!(judge_run(COMPLETE, None, &[]), Judgement::NoConsole);
    }

    #[test]
    fn a_fault_that_was_asked_for_is_told_from_one_that_was_not() {
        let exception = "exception 14 0x2 0x1234 0x99 0x8";
        let asked = judge_run(FAILED, None, &["prompt 1", "command fault page-fault", exception]);
        let Judgement::Asked { milestone, command, end } = asked else { panic!("{asked:?}") };
        assert!(milestone.is_complete() && command == "fault page-fault");
        assert!(matches!(end, Verdict::Exception { .. }));
        for commands in [
            &["prompt 1", "command heap", exception][..],
            &["prompt 1", "command fault breakpoint", "prompt 2", exception],
        ] {
            let died = judge_run(FAILED, None, commands);
            assert!(matches!(died, Judgement::Died(Verdict::Exception { .. })), "{died:?}");
        }
        let reset = judge_run(Some(0), Some(Shutdown::Reset), &["prompt 1", "command heap"]);
        assert!(matches!(reset, Judgement::Died(Verdict::TripleFault { .. })), "{reset:?}");
    }
}
