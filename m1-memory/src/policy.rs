//! M1's fault policy: M0's, plus what the layout knows about an address.

use crate::layout;
use crate::stack;
use core::fmt::Write;
use m0_boot::fault::Fault;
use m0_boot::trap_frame::TrapFrame;
use m0_boot::traps::{self, Diagnosis, Resolution};
use m0_boot::vector::Vector;
use x86_64::VirtAddr;

/// Ends the kernel with a diagnosis of the address, for page faults; otherwise
/// as [`traps::halt`].
pub fn explain(frame: &mut TrapFrame, fault: &Fault) -> Resolution {
    match fault {
        Fault::Page { address, .. } => Resolution::Halt(diagnose(*address)),
        // A double fault is often a page fault on a stack that is used up: CR2
        // still holds the address.
        Fault::Plain { vector: Vector::DOUBLE_FAULT, .. } => {
            Resolution::Halt(diagnose(x86_64::registers::control::Cr2::read_raw()))
        }
        _ => traps::halt(frame, fault),
    }
}

/// What stands, or does not stand, at `address`.
pub fn diagnose(address: u64) -> Diagnosis {
    let mut text = Diagnosis::new();
    // Every sentence is shorter than the buffer; a longer one would be cut.
    let _ = match VirtAddr::try_new(address) {
        Err(_) => write!(text, "{address:#x} is not canonical"),
        Ok(at) => match stack::guard_at(at) {
            Some(number) => write!(text, "guard page below kernel stack {number}: it overflowed"),
            None if address < layout::PAGE_BYTES => {
                write!(text, "null pointer, or a small offset from one")
            }
            None => write!(text, "the address is in the {}", layout::name_of(at)),
        },
    };
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
