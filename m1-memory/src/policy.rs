//! M1's fault policy: M0's, plus what the regions know about an address.

use crate::regions;
use core::fmt::Write;
use m0_boot::fault::Fault;
use m0_boot::trap_frame::TrapFrame;
use m0_boot::traps::{self, Diagnosis, Resolution};
use m0_boot::vector::Vector;

/// Ends the kernel with a diagnosis of the address, for page faults; otherwise
/// as [`traps::halt`].
pub fn explain(frame: &mut TrapFrame, fault: &Fault) -> Resolution {
    match fault {
        Fault::Page { address, .. } => Resolution::Halt(report("#PF", *address)),
        // A double fault is often a page fault on a stack that is used up: CR2
        // still holds the address.
        Fault::Plain { vector: Vector::DOUBLE_FAULT, .. } => {
            Resolution::Halt(report("last #PF", x86_64::registers::control::Cr2::read_raw()))
        }
        _ => traps::halt(frame, fault),
    }
}

/// What stands, or does not stand, at `address`.
pub fn diagnose(address: u64) -> Diagnosis {
    let mut text = Diagnosis::new();
    // Longer than the buffer only with a long thread name; it would be cut.
    let _ = write!(text, "{}", regions::locate(address));
    text
}

/// The same, with the address in front.
fn report(what: &str, address: u64) -> Diagnosis {
    let mut text = Diagnosis::new();
    // As above.
    let _ = write!(text, "{what} at {address:#x}: {}", regions::locate(address));
    text
}

#[cfg(test)]
mod tests {
    use super::diagnose;

    #[test]
    fn addresses_are_explained() {
        assert_eq!(diagnose(8).as_str(), "null pointer, or a small offset from one");
        assert_eq!(diagnose(1 << 63).as_str(), "0x8000000000000000 is not canonical");
        assert_eq!(diagnose(0xffff_ffff_a000_0000).as_str(), "the address is in the kernel heap");
    }
}
