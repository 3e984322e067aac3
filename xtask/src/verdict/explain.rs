//! A verdict in one line.

use super::{Missing, Verdict, exceptions};
use crate::{
    qemu::{interrupt_log::Logged, monitor::CpuState},
    symbolise::Symbols,
    ui,
};

impl Verdict {
    /// The verdict in one line.
    pub fn headline(&self, symbols: &Symbols) -> String {
        match self {
            Self::Complete { checks } => {
                format!("complete: {checks} check{} ok", if *checks == 1 { "" } else { "s" })
            }
            Self::BuildError { what } => {
                format!("build error: {what} cannot be built; cargo's messages stand above")
            }
            Self::CheckFailed { name, message } => format!("check `{name}` failed: {message}"),
            Self::Incomplete { missing } => format!("incomplete: {}", missing.sentence()),
            Self::Panic { location, message, .. } => format!("panic at {location}: {message}"),
            Self::Exception { fault, .. } => format!(
                "CPU exception {}, {}, error code {:#x}, at {}",
                fault.vector,
                exceptions::name(fault.vector),
                fault.code,
                symbols.describe(fault.rip)
            ),
            Self::LoaderRefused { reason } => format!("the loader refused: {reason}"),
            Self::TripleFault { last } => match cause(last) {
                Some(fault) => format!("triple fault: it began with {}", logged(fault, symbols)),
                None => "triple fault".to_owned(),
            },
            Self::Reset => "the machine was reset, but QEMU logged no triple fault".to_owned(),
            Self::Hang { limit, cpu } => format!(
                "hang: still running after {}{}",
                ui::seconds(*limit),
                cpu.as_ref().map(|cpu| whereabouts(cpu, symbols)).unwrap_or_default()
            ),
            Self::Flood { channel, limit, cpu } => format!(
                "output flood: more than {} MiB on {channel}{}",
                limit >> 20,
                cpu.as_ref().map(|cpu| whereabouts(cpu, symbols)).unwrap_or_default()
            ),
            Self::EmulatorMissing { program } => format!(
                "emulator missing: there is no `{program}`; `cargo xtask doctor` says how to install it"
            ),
            Self::EmulatorFailed { status, stderr } => format!(
                "emulator failed: QEMU {}{}",
                match status {
                    Some(status) => format!("ended with status {status}"),
                    None => "was killed by a signal".to_owned(),
                },
                stderr.lines().last().map(|line| format!(": {line}")).unwrap_or_default()
            ),
            Self::Interrupted => "stopped from outside".to_owned(),
        }
    }
}

impl Missing {
    /// What is missing, as a sentence.
    pub fn sentence(&self) -> String {
        match self {
            Self::Boot => "the kernel ended without the event `boot`".to_owned(),
            Self::Checks => "the kernel ended without a single `check … ok`".to_owned(),
            Self::Done => "the last event is not `done`".to_owned(),
            Self::Nonce { found } => {
                format!("`done {found}` does not carry the nonce of this run")
            }
            Self::Success { status } => {
                format!(
                    "the kernel ended QEMU with the failure status {status}, and no event says why"
                )
            }
            Self::PoweredOff => {
                "the machine was switched off before the kernel was done".to_owned()
            }
        }
    }
}

/// The exception that a triple fault began with: the CPU failed to deliver it,
/// and what followed happened at the same instruction.
pub fn cause(last: &[Logged]) -> Option<&Logged> {
    let rip = last.last()?.rip;
    let others = last.iter().rposition(|fault| fault.rip != rip);
    last.get(others.map_or(0, |index| index + 1))
}

pub fn logged(fault: &Logged, symbols: &Symbols) -> String {
    let mut text = format!(
        "{} (vector {}, error code {:#x}) at {}",
        exceptions::name(fault.vector),
        fault.vector,
        fault.code,
        symbols.describe(fault.rip)
    );
    if let Some(words) = exceptions::error_code(fault.vector, fault.code) {
        text.push_str(&format!(": {words}"));
    }
    if let Some(cr2) = fault.cr2 {
        text.push_str(&format!(", CR2 {cr2:#018x}"));
    }
    text
}

/// Where a hanging CPU is and whether anything can wake it.
fn whereabouts(cpu: &CpuState, symbols: &Symbols) -> String {
    let interrupts = match (cpu.halted, cpu.interrupts_on()) {
        (true, false) => "halted with interrupts off: nothing can wake it",
        (true, true) => "halted, waiting for an interrupt",
        (false, true) => "running with interrupts on",
        (false, false) => "running with interrupts off",
    };
    format!(", at {}, {interrupts}", symbols.describe(cpu.rip))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_triple_fault_is_explained_by_its_first_exception() {
        let fault = |vector, rip| Logged { vector, rip, ..Logged::default() };
        let last = [fault(3, 0x10), fault(14, 0x20), fault(13, 0x20), fault(8, 0x20)];
        assert_eq!(cause(&last).map(|fault| fault.vector), Some(14));
        assert_eq!(cause(&last[1..]).map(|fault| fault.vector), Some(14));
        assert_eq!(cause(&[]), None);
        let headline = Verdict::TripleFault { last: last.to_vec() }.headline(&Symbols::none());
        assert!(headline.starts_with("triple fault: it began with page fault (#PF)"), "{headline}");
    }

    #[test]
    fn a_halted_cpu_that_cannot_wake_is_called_so() {
        let cpu = CpuState { rip: 0x10, rflags: 2, halted: true, ..CpuState::default() };
        let limit = std::time::Duration::from_secs(2);
        let headline = Verdict::Hang { limit, cpu: Some(cpu) }.headline(&Symbols::none());
        assert!(headline.ends_with("nothing can wake it"), "{headline}");
    }
}
