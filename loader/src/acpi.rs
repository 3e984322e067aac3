//! The one thing the loader needs from ACPI: where the IO APICs are (ACPI
//! specification 6.5, sec. 5.2.5 "Root System Description Pointer", 5.2.7 and
//! 5.2.8 for RSDT and XSDT, 5.2.12 "Multiple APIC Description Table").
//!
//! Tables are the firmware's word: whatever does not fit is skipped, never
//! followed out of the first 4 GiB, and bounded in length.

use arrayvec::ArrayVec;
use x86_64::PhysAddr;

use crate::{address::FOUR_GIB, memory::PhysMemory};

/// Most IO APICs that are looked after.
pub const MAX_IO_APICS: usize = 16;

/// Size of the header that all tables share.
const HEADER: u64 = 36;
/// Offset of the first structure in the MADT.
const MADT_FIRST: u64 = 44;
/// `Type` of an IO APIC structure, and its length.
const IO_APIC: (u8, u8) = (1, 12);
/// No table of interest is longer.
const MAX_LENGTH: u64 = 64 * 1024;

/// The addresses of the IO APICs that the MADT lists; none without a MADT.
pub fn io_apics(memory: &impl PhysMemory, rsdp: PhysAddr) -> ArrayVec<PhysAddr, MAX_IO_APICS> {
    let tables = Tables { memory };
    let mut found = ArrayVec::new();
    if let Some(madt) = tables.find(rsdp.as_u64(), *b"APIC") {
        let mut at = MADT_FIRST;
        while let (Some(kind), Some(length)) = (madt.u8(at), madt.u8(at + 1)) {
            if (kind, length) == IO_APIC
                && let Some(address) = madt.u32(at + 4)
                && found.try_push(PhysAddr::new(address.into())).is_err()
            {
                break;
            }
            if length < 2 {
                break;
            }
            at += u64::from(length);
        }
    }
    found
}

struct Tables<'m, M> {
    memory: &'m M,
}

impl<'m, M: PhysMemory> Tables<'m, M> {
    /// The table of this signature.
    fn find(&self, rsdp: u64, signature: [u8; 4]) -> Option<Span<'m, M>> {
        // Up to and including the XSDT's address, where there is one.
        let root = self.span(rsdp, 36).filter(|root| root.bytes(0) == Some(*b"RSD PTR "))?;
        let (rsdt, entry_size) = match root.u8(15)? {
            0 | 1 => (u64::from(root.u32(16)?), 4),
            _ => (u64::from_le_bytes(root.bytes(24)?), 8),
        };
        let list = self.table(rsdt)?;
        (HEADER..list.length).step_by(entry_size).find_map(|at| {
            let address = match entry_size {
                4 => u64::from(list.u32(at)?),
                _ => u64::from_le_bytes(list.bytes(at)?),
            };
            self.table(address).filter(|table| table.bytes(0) == Some(signature))
        })
    }

    fn table(&self, address: u64) -> Option<Span<'m, M>> {
        let length = u64::from(self.span(address, HEADER)?.u32(4)?);
        self.span(address, length)
    }

    fn span(&self, address: u64, length: u64) -> Option<Span<'m, M>> {
        let end = address.checked_add(length)?;
        let fits = address != 0 && length <= MAX_LENGTH && end <= FOUR_GIB.as_u64();
        fits.then(|| Span { memory: self.memory, start: PhysAddr::new(address), length })
    }
}

/// A bounded piece of a table.
struct Span<'m, M> {
    memory: &'m M,
    start: PhysAddr,
    length: u64,
}

impl<M: PhysMemory> Span<'_, M> {
    fn bytes<const N: usize>(&self, at: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        (at + N as u64 <= self.length).then(|| {
            self.memory.read(self.start + at, &mut bytes);
            bytes
        })
    }

    fn u8(&self, at: u64) -> Option<u8> {
        self.bytes(at).map(|[byte]| byte)
    }

    fn u32(&self, at: u64) -> Option<u32> {
        self.bytes(at).map(u32::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Simulated;

    /// RSDP at 0x100, root table at 0x200, MADT at 0x300 with an IO APIC
    /// between a local APIC and a broken structure.
    fn tables(revision: u8) -> Simulated {
        let mut memory = Simulated::new(0x1000);
        let mut put = |at: usize, bytes: &[u8]| {
            memory.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        };
        put(0x100, b"RSD PTR ");
        put(0x10f, &[revision]);
        put(0x110, &0x200u32.to_le_bytes());
        put(0x118, &0x200u64.to_le_bytes());
        let entry = if revision < 2 { 4 } else { 8 };
        put(0x200, if revision < 2 { b"RSDT" } else { b"XSDT" });
        put(0x204, &(36 + 2 * entry as u32).to_le_bytes());
        put(0x224, &0xffff_ffffu64.to_le_bytes()[..entry]);
        put(0x224 + entry, &0x300u64.to_le_bytes()[..entry]);
        put(0x300, b"APIC");
        put(0x304, &(44u32 + 8 + 12 + 2).to_le_bytes());
        put(0x32c, &[0, 8]);
        put(0x334, &[1, 12, 0, 0]);
        put(0x338, &0xfec0_0000u32.to_le_bytes());
        put(0x340, &[1, 0]);
        memory
    }

    #[test]
    fn io_apics_are_found_through_rsdt_and_xsdt() {
        for revision in [0, 2] {
            let found = io_apics(&tables(revision), PhysAddr::new(0x100));
            assert_eq!(found.as_slice(), [PhysAddr::new(0xfec0_0000)], "revision {revision}");
        }
    }

    #[test]
    fn nonsense_yields_none() {
        let memory = Simulated::new(0x1000);
        assert!(io_apics(&memory, PhysAddr::new(0x100)).is_empty());
        let mut memory = tables(2);
        memory.bytes[0x300] = b'X';
        assert!(io_apics(&memory, PhysAddr::new(0x100)).is_empty());
    }
}
