//! The interrupt descriptor table: 256 gates of 16 bytes (Intel SDM Vol. 3A,
//! 7.14.1 "64-Bit Mode IDT", Figure 7-8 "64-Bit IDT Gate Descriptors").
//!
//! ```text
//!  127      96 95                64 63        48 47      32 31   16 15      0
//! +-----------+--------------------+------------+----------+-------+---------+
//! | reserved  | offset 63:32       | off. 31:16 |  type…   | CS    | offset  |
//! |           |                    |            |          |       | 15:0    |
//! +-----------+--------------------+------------+----------+-------+---------+
//!                                   47 P | 46:45 DPL | 44 0 | 43:40 type | 34:32 IST
//! ```
//!
//! Every gate is an interrupt gate, so handlers start with interrupts off.

use crate::vector::Vector;
use core::mem::size_of;
use spin::Mutex;
use x86_64::instructions::segmentation::{CS, Segment};
use x86_64::instructions::tables::lidt;
use x86_64::structures::DescriptorTablePointer;
use x86_64::structures::gdt::SegmentSelector;
use x86_64::{PrivilegeLevel, VirtAddr};

/// Number of gates.
pub const GATES: usize = 256;

const PRESENT: u64 = 1 << 47;
const DPL_SHIFT: u32 = 45;
/// "64-bit interrupt gate": IF is cleared on entry.
const INTERRUPT_GATE: u64 = 0b1110 << 40;
const IST_SHIFT: u32 = 32;
const SELECTOR_SHIFT: u32 = 16;

/// A stack of the TSS's interrupt stack table, IST1 to IST7 (Intel SDM Vol. 3A,
/// 7.14.5 "Interrupt Stack Table").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackIndex(u8);

impl StackIndex {
    /// `index` from 1 to 7; other values do not exist.
    pub const fn new(index: u8) -> Option<Self> {
        if index >= 1 && index <= 7 { Some(Self(index)) } else { None }
    }
}

/// Which stack the CPU shall switch to for a vector, if any. Handed to
/// [`load`], so that a milestone with a TSS can use this module unchanged.
pub type StackPolicy = fn(Vector) -> Option<StackIndex>;

/// The stack policy of a kernel without a TSS: stay on the current stack.
pub fn current_stack(_vector: Vector) -> Option<StackIndex> {
    None
}

/// One gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Gate {
    low: u64,
    high: u64,
}

const _: () = assert!(size_of::<Gate>() == 16);

impl Gate {
    /// A gate that raises #NP when used.
    pub const MISSING: Self = Self { low: 0, high: 0 };

    /// An interrupt gate to `handler`.
    ///
    /// Software may use it with `int n` from ring `callable_from` inwards; the
    /// CPU's own events ignore that limit.
    pub fn interrupt(
        handler: VirtAddr,
        code: SegmentSelector,
        stack: Option<StackIndex>,
        callable_from: PrivilegeLevel,
    ) -> Self {
        let offset = handler.as_u64();
        let low = (offset & 0xffff)
            | u64::from(code.0) << SELECTOR_SHIFT
            | stack.map_or(0, |StackIndex(index)| u64::from(index)) << IST_SHIFT
            | INTERRUPT_GATE
            | (callable_from as u64) << DPL_SHIFT
            | PRESENT
            | (offset >> 16 & 0xffff) << 48;
        Self { low, high: offset >> 32 }
    }
}

/// The table itself; the lock is for rebuilding it, the CPU reads past it.
static IDT: Mutex<[Gate; GATES]> = Mutex::new([Gate::MISSING; GATES]);

/// Fills all gates, with handlers given by `handler`, and loads the table.
///
/// User mode may raise `int3` and `into` only (as on Linux); every other
/// `int n` from ring 3 is a #GP.
///
/// # Safety
/// `handler(vector)` is the address of code that can be entered by that vector:
/// it preserves every register and ends in IRETQ. Interrupts are off.
pub unsafe fn load(handler: impl Fn(Vector) -> VirtAddr, stack: StackPolicy) {
    let code = CS::get_reg();
    let mut idt = IDT.lock();
    for number in 0..=u8::MAX {
        let vector = Vector(number);
        let callable_from = match vector {
            Vector::BREAKPOINT | Vector::OVERFLOW => PrivilegeLevel::Ring3,
            _ => PrivilegeLevel::Ring0,
        };
        idt[usize::from(number)] =
            Gate::interrupt(handler(vector), code, stack(vector), callable_from);
    }
    let pointer = DescriptorTablePointer {
        limit: (size_of::<[Gate; GATES]>() - 1) as u16,
        base: VirtAddr::from_ptr(idt.as_ptr()),
    };
    // SAFETY: the table is a static with GATES valid gates (caller's contract
    // for the handlers), and the pointer covers exactly it.
    unsafe { lidt(&pointer) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gate_has_the_manual_s_layout() {
        let gate = Gate::interrupt(
            VirtAddr::new(0xffff_ffff_8123_4567),
            SegmentSelector(0x08),
            StackIndex::new(3),
            PrivilegeLevel::Ring3,
        );
        // offset 31:16 | P=1 DPL=3 type=E | IST=3 | selector | offset 15:0
        assert_eq!(gate.low, 0x8123_ee03_0008_4567);
        assert_eq!(gate.high, 0x0000_0000_ffff_ffff);
    }

    #[test]
    fn kernel_gate_without_ist() {
        let gate = Gate::interrupt(
            VirtAddr::new(0xffff_ffff_8000_0010),
            SegmentSelector(0x28),
            None,
            PrivilegeLevel::Ring0,
        );
        assert_eq!(gate.low, 0x8000_8e00_0028_0010);
    }

    #[test]
    fn there_are_seven_interrupt_stacks() {
        assert_eq!(StackIndex::new(0), None);
        assert_eq!(StackIndex::new(8), None);
        assert!((1..=7).all(|index| StackIndex::new(index).is_some()));
    }
}
