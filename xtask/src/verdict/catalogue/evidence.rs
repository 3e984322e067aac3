//! What is known of a run, in the terms of the catalogue's conditions.

use super::{
    condition::Idt,
    instruction::{self, Instruction},
    place::{self, Place},
};
use crate::{
    qemu::{interrupt_log::Logged, monitor::CpuState},
    symbolise::Symbols,
    trial::Outcome,
    verdict::{Verdict, explain, kind::Kind},
};
use std::collections::BTreeSet;

/// The longest instruction.
const INSTRUCTION_BYTES: u64 = 15;
/// Functions on the way of an interrupt through our kernels.
const HANDLER_FUNCTIONS: [&str; 5] =
    ["trap_entry", "trap_stubs", "m0_boot::traps::", "m0_boot::irq::", "m0_boot::trap_frame::"];

/// See the keys in `xtask/catalogue.toml`.
#[derive(Debug)]
pub struct Evidence {
    pub kind: Kind,
    pub vector: Option<u8>,
    pub code: u64,
    /// Of CR2.
    pub address: Vec<Place>,
    /// At RIP.
    pub instruction: Option<Instruction>,
    /// Right before RIP.
    pub after: Vec<Instruction>,
    /// A general register holds an address that is not canonical.
    pub wild_pointer: bool,
    /// Names of the function at RIP, inlined ones too; of a CPU that was stopped, those
    /// where it was most of the time.
    pub function: Vec<String>,
    /// The same, and of all its callers.
    pub backtrace: Vec<String>,
    pub ring: Option<u8>,
    pub interrupts: Option<bool>,
    pub halted: Option<bool>,
    pub in_service: Option<bool>,
    pub in_handler: Option<bool>,
    /// A byte came by serial or the debug console, other than the firmware's.
    pub output: bool,
    /// Vectors of a triple fault.
    pub chain: Vec<u8>,
    /// What came up while the double fault was delivered.
    pub met: Option<u8>,
    pub idt: Option<Idt>,
    pub message: String,
    /// The first word of the last event.
    pub last_event: String,
}

impl Evidence {
    /// Nothing but the kind.
    pub fn of(kind: Kind) -> Self {
        Self {
            kind,
            vector: None,
            code: 0,
            address: Vec::new(),
            instruction: None,
            after: Vec::new(),
            wild_pointer: false,
            function: Vec::new(),
            backtrace: Vec::new(),
            ring: None,
            interrupts: None,
            halted: None,
            in_service: None,
            in_handler: None,
            output: false,
            chain: Vec::new(),
            met: None,
            idt: None,
            message: String::new(),
            last_event: String::new(),
        }
    }

    /// Everything that `outcome` tells.
    pub fn collect(outcome: &Outcome, symbols: &Symbols) -> Self {
        let mut evidence = Self::of(outcome.verdict.kind());
        evidence.output = !outcome.events.is_empty() || kernel_spoke(&outcome.serial);
        let last = outcome.events.last().map_or("", String::as_str);
        evidence.last_event = last.split(' ').next().unwrap_or_default().to_owned();
        match &outcome.verdict {
            Verdict::Exception { fault, registers, frames } => {
                evidence.vector = Some(fault.vector);
                evidence.code = fault.code;
                evidence.ring = Some((fault.cs & 3) as u8);
                // Behind a double fault CR2 still holds the first fault's address.
                if matches!(fault.vector, 8 | 14) {
                    let cr2 = registers.iter().find(|(name, _)| name == "cr2");
                    let cr2 = cr2.map_or(fault.cr2, |(_, value)| *value);
                    evidence.address = place::classify(cr2, symbols);
                }
                evidence.wild_pointer =
                    registers.iter().any(|(_, value)| place::is_non_canonical(*value));
                evidence.look_at(fault.rip, frames, symbols);
            }
            Verdict::TripleFault { last } => evidence.triple_fault(last, symbols),
            Verdict::Hang { cpu: Some(cpu), .. } | Verdict::Flood { cpu: Some(cpu), .. } => {
                evidence.stopped(cpu, symbols);
            }
            Verdict::Panic { message, frames, .. } => {
                evidence.message = message.clone();
                evidence.add_callers(frames, symbols);
            }
            Verdict::CheckFailed { message, .. } => evidence.message = message.clone(),
            Verdict::LoaderRefused { reason } => evidence.message = reason.clone(),
            Verdict::Incomplete { missing } => evidence.message = missing.sentence(),
            _ => {}
        }
        evidence
    }

    fn triple_fault(&mut self, last: &[Logged], symbols: &Symbols) {
        let Some(first) = explain::cause(last) else { return };
        self.vector = Some(first.vector);
        self.code = first.code;
        self.ring = Some(first.cpl);
        self.interrupts = Some(first.rflags & 1 << 9 != 0);
        self.address = first.cr2.map_or_else(Vec::new, |cr2| place::classify(cr2, symbols));
        self.wild_pointer =
            first.registers.iter().any(|(_, value)| place::is_non_canonical(*value));
        let begin = last.iter().position(|fault| fault == first).unwrap_or(0);
        self.chain = last[begin..]
            .iter()
            .flat_map(|fault| [Some(fault.vector), fault.met])
            .flatten()
            .collect();
        self.met = last.last().and_then(|fault| fault.met);
        self.idt = Some(if first.has_idt() { Idt::Loaded } else { Idt::None });
        self.look_at(first.rip, &[], symbols);
    }

    /// A CPU that was stopped from outside.
    fn stopped(&mut self, cpu: &CpuState, symbols: &Symbols) {
        self.ring = Some(cpu.cpl);
        self.interrupts = Some(cpu.interrupts_on());
        self.halted = Some(cpu.halted);
        self.in_service = cpu.in_service.map(|lines| lines != 0);
        let handling = |addresses: &Vec<u64>| {
            let inside = |name: &String| HANDLER_FUNCTIONS.iter().any(|part| name.contains(part));
            addresses.iter().any(|&address| names(address, symbols).iter().any(inside))
        };
        let busy = cpu.samples.iter().filter(|sample| handling(sample)).count();
        self.in_handler = Some(busy * 2 > cpu.samples.len());
        self.look_at(cpu.rip, &cpu.frames, symbols);
        // One look may catch a loop anywhere.
        let often = |name: &String| {
            let at = |sample: &&Vec<u64>| {
                sample.first().is_some_and(|&rip| names(rip, symbols).contains(name))
            };
            cpu.samples.iter().filter(at).count() * 2 > cpu.samples.len()
        };
        let all = cpu.samples.iter().filter_map(|sample| sample.first());
        let seen: BTreeSet<String> = all.flat_map(|&rip| names(rip, symbols)).collect();
        self.function = seen.into_iter().filter(often).collect();
    }

    fn look_at(&mut self, rip: u64, frames: &[u64], symbols: &Symbols) {
        self.instruction = symbols.code(rip, INSTRUCTION_BYTES).and_then(instruction::classify);
        let before = rip.saturating_sub(INSTRUCTION_BYTES);
        let before = symbols.code(before, INSTRUCTION_BYTES).unwrap_or_default();
        self.after = instruction::classify_before(before);
        self.function = names(rip, symbols);
        self.backtrace = self.function.clone();
        self.add_callers(frames, symbols);
    }

    /// Return addresses point behind the call.
    fn add_callers(&mut self, frames: &[u64], symbols: &Symbols) {
        let calls = frames.iter().map(|address| address.saturating_sub(1));
        self.backtrace.extend(calls.flat_map(|call| names(call, symbols)));
    }
}

/// Whether anything on serial is not the firmware's.
fn kernel_spoke(serial: &str) -> bool {
    let firmware = |line: &str| line.trim().is_empty() || line.starts_with("BdsDxe: ");
    !serial.lines().all(firmware)
}

fn names(address: u64, symbols: &Symbols) -> Vec<String> {
    symbols.places(address).into_iter().map(|place| place.function).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_firmware_s_words_are_not_the_kernel_s() {
        let firmware = "BdsDxe: loading Boot0001\r\nBdsDxe: starting Boot0001\r\n\r\n";
        assert!(!kernel_spoke("") && !kernel_spoke(firmware));
        assert!(kernel_spoke(&format!("{firmware}Myria M0: boot\r\n")));
    }

    #[test]
    fn a_triple_fault_is_told_by_its_first_exception() {
        let fault = |vector, met| Logged { vector, met, rip: 0x20, ..Logged::default() };
        let cause = Logged { code: 0x10, cr2: Some(8), cpl: 3, ..fault(14, Some(13)) };
        let outcome =
            Outcome::without_run(Verdict::TripleFault { last: vec![cause, fault(8, Some(11))] });
        let evidence = Evidence::collect(&outcome, &Symbols::none());
        assert_eq!((evidence.vector, evidence.code, evidence.ring), (Some(14), 0x10, Some(3)));
        assert_eq!((evidence.chain, evidence.met), (vec![14, 13, 8, 11], Some(11)));
        assert_eq!((evidence.address, evidence.idt), (vec![Place::Null], Some(Idt::None)));
        assert!(!evidence.output);
    }

    #[test]
    fn a_stopped_cpu_is_where_it_was_most_of_the_time() {
        let cpu = CpuState {
            rflags: 1 << 9,
            in_service: Some(1),
            samples: vec![vec![1], vec![2], vec![2]],
            ..CpuState::default()
        };
        let limit = std::time::Duration::ZERO;
        let outcome = Outcome::without_run(Verdict::Hang { limit, cpu: Some(cpu) });
        let evidence = Evidence::collect(&outcome, &Symbols::none());
        assert_eq!((evidence.interrupts, evidence.in_service), (Some(true), Some(true)));
        assert_eq!((evidence.in_handler, evidence.halted), (Some(false), Some(false)));
    }
}
