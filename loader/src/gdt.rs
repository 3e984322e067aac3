//! The GDT that the protocol prescribes at entry (Limine protocol, "Machine
//! state at entry"; descriptor format: Intel SDM, vol. 3A, sec. 3.4.5 "Segment
//! Descriptors").

/// The descriptors, in the prescribed order. All are marked accessed, so that
/// the CPU never writes to them.
pub const ENTRIES: [u64; 7] = [
    0,
    descriptor(CODE, 0, 0xffff),
    descriptor(DATA, 0, 0xffff),
    descriptor(CODE, SIZE_32 | PAGES, 0xf_ffff),
    descriptor(DATA, SIZE_32 | PAGES, 0xf_ffff),
    descriptor(CODE, LONG, 0),
    descriptor(DATA, 0, 0),
];

/// Selector of the 64-bit code segment.
pub const CODE_64: u16 = 5 * 8;

/// Selector of the 64-bit data segment.
pub const DATA_64: u16 = 6 * 8;

// Access byte: present, ring 0, code or data, readable or writable, accessed.
const CODE: u64 = 0x9b;
const DATA: u64 = 0x93;

// Flags.
const LONG: u64 = 1 << 53;
const SIZE_32: u64 = 1 << 54;
const PAGES: u64 = 1 << 55;

const fn descriptor(access: u64, flags: u64, limit: u64) -> u64 {
    access << 40 | flags | (limit & 0xffff) | (limit >> 16) << 48
}

const _: () = {
    assert!(ENTRIES[1] == 0x0000_9b00_0000_ffff);
    assert!(ENTRIES[3] == 0x00cf_9b00_0000_ffff);
    assert!(ENTRIES[4] == 0x00cf_9300_0000_ffff);
    assert!(ENTRIES[5] == 0x0020_9b00_0000_0000);
    assert!(ENTRIES[6] == 0x0000_9300_0000_0000);
};
