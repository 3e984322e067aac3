//! A triple fault told in the order in which it happened.

use super::{exceptions, explain};
use crate::{qemu::interrupt_log::Logged, symbolise::Symbols};

/// First cause, what the CPU tried, shutdown; one sentence each.
pub fn triple_fault(last: &[Logged], symbols: &Symbols) -> Vec<String> {
    let Some(first) = explain::cause(last) else { return Vec::new() };
    let begin = last.iter().position(|fault| fault == first).unwrap_or(0);
    let chain = &last[begin..];
    let mut sentences = Vec::new();
    for (index, fault) in chain.iter().enumerate() {
        let name = exceptions::name(fault.vector);
        match index {
            0 => sentences.push(format!("first came {}.", explain::logged(fault, symbols))),
            _ => sentences.push(format!("the CPU turned to {name}, error code {:#x}.", fault.code)),
        }
        let is_last = index + 1 == chain.len();
        let Some(met) = fault.met else {
            if is_last {
                sentences.push(format!("it could not deliver {name} either."));
            }
            continue;
        };
        let met = exceptions::name(met);
        let what = if fault.has_idt() { "" } else { ", for there is no IDT" };
        sentences.push(match is_last {
            true => format!("while it delivered that, {met} came up once more."),
            false => format!("while it delivered that, {met} came up{what}."),
        });
    }
    sentences.push("a fault in the delivery of a double fault has no handler: the CPU shut down, and the machine was reset.".to_owned());
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_is_told_from_cause_to_reset() {
        let fault = |vector, met| Logged { vector, met, rip: 0x20, ..Logged::default() };
        let last = [fault(14, Some(11)), fault(8, Some(11))];
        let told = triple_fault(&last, &Symbols::none());
        assert_eq!(told.len(), 5, "{told:#?}");
        assert!(told[0].starts_with("first came page fault (#PF) (vector 14"), "{}", told[0]);
        assert!(told[1].contains("segment not present (#NP) came up"), "{}", told[1]);
        assert!(told[2].starts_with("the CPU turned to double fault (#DF)"), "{}", told[2]);
        assert!(told[4].ends_with("the machine was reset."), "{}", told[4]);
        assert_eq!(triple_fault(&[], &Symbols::none()), Vec::<String>::new());
    }
}
