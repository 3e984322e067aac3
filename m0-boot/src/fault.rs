//! Fault analysis: from a vector and an error code to sentences.
//!
//! [`Fault`] is the decoded cause; [`report`] prints it with registers,
//! instruction bytes and backtrace, so that most bugs are understood without a
//! debugger. The error codes are those of Intel SDM Vol. 3A, 7.13 "Error Code"
//! and 5.7 "Page-Fault Exceptions".

use crate::backtrace::Backtrace;
use crate::trap_frame::TrapFrame;
use crate::vector::Vector;
use crate::{println, serial};
use bitflags::bitflags;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use shared::events::{self, Event};
use shared::exit::{self, Reason};
use x86_64::registers::control::Cr2;
use x86_64::{PrivilegeLevel, VirtAddr};

bitflags! {
    /// The error code of a page fault.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct PageFaultCode: u64 {
        /// The page was present: the access broke a permission.
        const PRESENT = 1 << 0;
        /// The access was a write.
        const WRITE = 1 << 1;
        /// The access was made in ring 3.
        const USER = 1 << 2;
        /// A reserved bit is set in a paging entry.
        const RESERVED_BIT = 1 << 3;
        /// The access was an instruction fetch.
        const FETCH = 1 << 4;
        /// A protection key forbids it.
        const PROTECTION_KEY = 1 << 5;
        /// A shadow-stack access.
        const SHADOW_STACK = 1 << 6;
        /// An SGX rule forbids it.
        const SGX = 1 << 15;
    }
}

/// The error code of a fault about a segment selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectorCode(pub u64);

/// A trap that is no device interrupt, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// #PF: what was tried, and where (CR2).
    Page {
        /// The decoded error code.
        code: PageFaultCode,
        /// The address that could not be used.
        address: u64,
    },
    /// An exception whose error code names a selector, if it is not zero.
    Selector {
        /// Which exception.
        vector: Vector,
        /// Its error code.
        code: SelectorCode,
    },
    /// Any other vector.
    Plain {
        /// Which one.
        vector: Vector,
        /// Its error code; zero where it has none.
        code: u64,
    },
}

impl Fault {
    /// Decodes a trap. Reads CR2 for a page fault, so it must run before
    /// anything can fault again.
    pub fn analyse(frame: &TrapFrame) -> Self {
        let vector = frame.vector();
        match vector {
            Vector::PAGE_FAULT => Self::Page {
                code: PageFaultCode::from_bits_retain(frame.error_code),
                address: Cr2::read_raw(),
            },
            Vector::INVALID_TSS
            | Vector::SEGMENT_NOT_PRESENT
            | Vector::STACK_SEGMENT
            | Vector::GENERAL_PROTECTION => {
                Self::Selector { vector, code: SelectorCode(frame.error_code) }
            }
            _ => Self::Plain { vector, code: frame.error_code },
        }
    }

    /// The vector that was raised.
    pub fn vector(&self) -> Vector {
        match *self {
            Self::Page { .. } => Vector::PAGE_FAULT,
            Self::Selector { vector, .. } | Self::Plain { vector, .. } => vector,
        }
    }

    /// For a page fault, the address in CR2; else 0.
    pub fn address(&self) -> u64 {
        match *self {
            Self::Page { address, .. } => address,
            _ => 0,
        }
    }

    /// Whether the instruction at RIP could not even be fetched.
    fn is_fetch(&self, rip: u64) -> bool {
        match *self {
            Self::Page { code, address } => code.contains(PageFaultCode::FETCH) || address == rip,
            _ => false,
        }
    }
}

impl fmt::Display for Fault {
    /// The cause in one sentence, without the vector's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Page { code, address } => write!(f, "{code} at {address:#x}"),
            Self::Selector { code, .. } => code.fmt(f),
            Self::Plain { vector, code } if vector.has_error_code() => {
                write!(f, "error code {code:#x}")
            }
            Self::Plain { .. } => write!(f, "no error code"),
        }
    }
}

impl fmt::Display for PageFaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ring = if self.contains(Self::USER) { "ring 3" } else { "ring 0" };
        let access = if self.contains(Self::FETCH) {
            "instruction fetch from"
        } else if self.contains(Self::WRITE) {
            "write to"
        } else {
            "read from"
        };
        let page = if self.contains(Self::RESERVED_BIT) {
            "a page whose entries have a reserved bit set"
        } else if self.contains(Self::PROTECTION_KEY) {
            "a page that a protection key forbids"
        } else if self.contains(Self::SHADOW_STACK) {
            "a shadow-stack page"
        } else if self.contains(Self::PRESENT) {
            "a page that does not permit it"
        } else {
            "a page that is not present"
        };
        write!(f, "{access} {page}, by {ring}, error code {:#x},", self.bits())
    }
}

impl fmt::Display for SelectorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const EXTERNAL: u64 = 1 << 0;
        const IDT: u64 = 1 << 1;
        const LDT: u64 = 1 << 2;
        const INDEX_SHIFT: u32 = 3;
        let Self(code) = *self;
        if code == 0 {
            return write!(f, "not about a particular selector (error code 0x0)");
        }
        let index = (code & 0xffff) >> INDEX_SHIFT;
        match (code & IDT != 0, code & LDT != 0) {
            (true, _) => write!(f, "IDT gate of vector {index}")?,
            (false, true) => write!(f, "LDT entry {index}")?,
            (false, false) => {
                write!(f, "GDT entry {index} (selector {:#x})", index << INDEX_SHIFT)?
            }
        }
        if code & EXTERNAL != 0 {
            write!(f, ", while an earlier event was delivered")?;
        }
        write!(f, " (error code {code:#x})")
    }
}

/// Prints what happened: cause, registers, instruction bytes, backtrace.
pub fn report(frame: &TrapFrame, fault: &Fault) {
    println!("{} at rip {:#x}, ring {}", fault.vector(), frame.rip, frame.ring() as u8);
    if fault.vector().has_error_code() {
        println!("    cause: {fault}");
    }
    println!("{frame}");
    if frame.ring() == PrivilegeLevel::Ring0 {
        print_code(frame, fault);
        print_backtrace(frame);
    }
}

/// True while a fault report is under way; a fault inside it must not start
/// another.
static REPORTING: AtomicBool = AtomicBool::new(false);

/// Last words after a fault that no policy could mend.
pub(crate) fn end_kernel(frame: &TrapFrame, fault: &Fault, diagnosis: &str) -> ! {
    // SAFETY: this function never returns to whoever held the port, and there
    // is one CPU.
    unsafe { serial::seize() };
    let event = Event::Exception {
        vector: fault.vector().0,
        code: frame.error_code,
        rip: frame.rip,
        cr2: fault.address(),
        cs: frame.cs,
    };
    if REPORTING.swap(true, Relaxed) {
        println!("\nwhile reporting a fault: {} at rip {:#x}", fault.vector(), frame.rip);
        exit::leave(Reason::Failed);
    }
    events::emit::<&str>(event);
    emit_registers(frame);
    println!("\n*** kernel stopped by a CPU exception ***");
    report(frame, fault);
    if !diagnosis.is_empty() {
        println!("    diagnosis: {diagnosis}");
    }
    exit::leave(Reason::Failed)
}

/// The registers for the host, which looks for what the sentence on serial does
/// not say: a pointer that is not canonical, the flags, CR2 behind a double fault.
fn emit_registers(frame: &TrapFrame) {
    let special = [("rflags", frame.rflags), ("ss", frame.ss), ("cr2", Cr2::read_raw())];
    for (name, value) in frame.general_registers().into_iter().chain(special) {
        events::emit::<&str>(Event::Register { name, value });
    }
}

/// The bytes of the instruction at RIP, where they can be read.
///
/// Aborts (#DF, #MC) leave no reliable RIP, and bytes that could not be fetched
/// cannot be read either.
fn print_code(frame: &TrapFrame, fault: &Fault) {
    const LONGEST_INSTRUCTION: u64 = 15;
    const PAGE: u64 = 4096;
    let unreliable = matches!(fault.vector(), Vector::DOUBLE_FAULT | Vector::MACHINE_CHECK);
    if unreliable || fault.is_fetch(frame.rip) || VirtAddr::try_new(frame.rip).is_err() {
        println!("    code: not readable at rip");
        return;
    }
    let to_page_end = PAGE - frame.rip % PAGE;
    crate::print!("    code:");
    for offset in 0..LONGEST_INSTRUCTION.min(to_page_end) {
        // SAFETY: the CPU fetched from this page in ring 0 a moment ago, so it
        // is mapped, and the loop does not leave the page.
        let byte = unsafe { ((frame.rip + offset) as *const u8).read_volatile() };
        crate::print!(" {byte:02x}");
    }
    println!();
}

fn print_backtrace(frame: &TrapFrame) {
    println!("    backtrace:");
    println!("      {:#x}", frame.rip);
    events::emit::<&str>(Event::Frame { address: frame.rip });
    crate::backtrace::print(Backtrace::new(frame.rbp, frame.rsp));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_fault_codes_become_sentences() {
        let sentence = |bits| PageFaultCode::from_bits_retain(bits).to_string();
        assert_eq!(
            sentence(0b00010),
            "write to a page that is not present, by ring 0, error code 0x2,"
        );
        assert_eq!(
            sentence(0b10101),
            "instruction fetch from a page that does not permit it, by ring 3, error code 0x15,"
        );
        assert!(sentence(0b01001).contains("reserved bit"));
    }

    #[test]
    fn selector_codes_name_their_table() {
        let sentence = |code| SelectorCode(code).to_string();
        assert_eq!(sentence(0x1a2), "IDT gate of vector 52 (error code 0x1a2)");
        assert_eq!(sentence(0x18), "GDT entry 3 (selector 0x18) (error code 0x18)");
        assert_eq!(sentence(0x0c), "LDT entry 1 (error code 0xc)");
        assert!(
            sentence(0x103).ends_with("while an earlier event was delivered (error code 0x103)")
        );
        assert!(sentence(0).contains("not about a particular selector"));
    }

    #[test]
    fn a_fetch_shows_by_code_or_by_address() {
        let code = PageFaultCode::empty();
        assert!(Fault::Page { code, address: 0x10 }.is_fetch(0x10));
        assert!(!Fault::Page { code, address: 0x10 }.is_fetch(0x20));
        assert!(Fault::Page { code: PageFaultCode::FETCH, address: 0x10 }.is_fetch(0x20));
    }
}
