//! A global descriptor table of our own.
//!
//! The loader's GDT lies in memory that M1 reclaims, and the CPU reads it at
//! every interrupt. Three entries are enough as long as there is only ring 0:
//!
//! ```text
//!  0x00  null
//!  0x08  kernel code: 64-bit, ring 0
//!  0x10  kernel data
//! ```
//!
//! Intel SDM Vol. 3A, 3.4.5 "Segment Descriptors", Figure 3-8; in 64-bit mode base
//! and limit are ignored.

use x86_64::instructions::segmentation::{CS, DS, ES, FS, GS, SS, Segment};
use x86_64::instructions::tables::lgdt;
use x86_64::structures::DescriptorTablePointer;
use x86_64::structures::gdt::SegmentSelector;
use x86_64::{PrivilegeLevel, VirtAddr};

/// Bits of a descriptor's high half, as positions in the whole.
const ACCESSED: u64 = 1 << 40;
const WRITABLE_OR_READABLE: u64 = 1 << 41;
const EXECUTABLE: u64 = 1 << 43;
const CODE_OR_DATA: u64 = 1 << 44;
const PRESENT: u64 = 1 << 47;
const LONG_MODE: u64 = 1 << 53;

const DATA_SEGMENT: u64 = ACCESSED | WRITABLE_OR_READABLE | CODE_OR_DATA | PRESENT;
const CODE_SEGMENT: u64 = DATA_SEGMENT | EXECUTABLE | LONG_MODE;
const _: () = assert!(CODE_SEGMENT == 0x0020_9b00_0000_0000);
const _: () = assert!(DATA_SEGMENT == 0x0000_9300_0000_0000);

/// Kernel code.
pub const CODE: SegmentSelector = SegmentSelector::new(1, PrivilegeLevel::Ring0);
/// Kernel data and stack.
pub const DATA: SegmentSelector = SegmentSelector::new(2, PrivilegeLevel::Ring0);

/// "Accessed" is set from the start, so the CPU never writes to the table.
static GDT: [u64; 3] = [0, CODE_SEGMENT, DATA_SEGMENT];

/// Loads the table and all segment registers. Interrupts must be off, and the
/// IDT loaded afterwards: its gates name the code segment.
pub fn init() {
    let pointer = DescriptorTablePointer {
        limit: (size_of_val(&GDT) - 1) as u16,
        base: VirtAddr::from_ptr(GDT.as_ptr()),
    };
    // SAFETY: the table is static and its descriptors are those of 64-bit ring 0
    // code and data; base and limit do not matter in 64-bit mode.
    unsafe {
        lgdt(&pointer);
        CS::set_reg(CODE);
        SS::set_reg(DATA);
        DS::set_reg(DATA);
        ES::set_reg(DATA);
        FS::set_reg(SegmentSelector::NULL);
        GS::set_reg(SegmentSelector::NULL);
    }
}
