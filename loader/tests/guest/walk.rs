//! Walking the live page tables through the direct map (Intel SDM, vol. 3A,
//! sec. 4.5 "4-Level Paging").

use x86_64::{
    VirtAddr,
    registers::control::Cr3,
    structures::paging::{PageTable, PageTableFlags as Flags},
};

use crate::requests;

/// What an address translates to.
#[derive(Clone, Copy, Debug)]
pub struct Translation {
    pub physical: u64,
    pub write: bool,
    pub execute: bool,
    pub user: bool,
    /// The index into the PAT.
    pub pat_index: u64,
}

/// Selects the upper half of the PAT in a 4 KiB page and in a larger one.
const PAT_SMALL: u64 = 1 << 7;
const PAT_LARGE: u64 = 1 << 12;

/// The live top-level table.
pub fn root() -> &'static PageTable {
    let (frame, _) = Cr3::read();
    table(frame.start_address().as_u64())
}

/// Translates `address`; `None` if nothing is mapped there.
pub fn translate(address: u64) -> Option<Translation> {
    let virt = VirtAddr::new(address);
    let levels = [
        (virt.p4_index(), 1u64 << 39),
        (virt.p3_index(), 1 << 30),
        (virt.p2_index(), 1 << 21),
        (virt.p1_index(), 1 << 12),
    ];
    let mut current = root();
    let (mut write, mut execute, mut user) = (true, true, true);
    for (index, span) in levels {
        let entry = &current[index];
        let flags = entry.flags();
        if !flags.contains(Flags::PRESENT) {
            return None;
        }
        write &= flags.contains(Flags::WRITABLE);
        execute &= !flags.contains(Flags::NO_EXECUTE);
        user &= flags.contains(Flags::USER_ACCESSIBLE);
        let base = entry.addr().as_u64();
        if span == 1 << 12 || flags.contains(Flags::HUGE_PAGE) {
            // Bits of the entry that `PageTableEntry` counts as address.
            let raw = base | flags.bits();
            let pat = if span == 1 << 12 { PAT_SMALL } else { PAT_LARGE };
            let pat_index = u64::from(flags.contains(Flags::WRITE_THROUGH))
                | u64::from(flags.contains(Flags::NO_CACHE)) << 1
                | u64::from(raw & pat != 0) << 2;
            let physical = (base & !(span - 1)) + (address & (span - 1));
            return Some(Translation { physical, write, execute, user, pat_index });
        }
        current = table(base);
    }
    None
}

fn table(physical: u64) -> &'static PageTable {
    let pointer = (requests::hhdm() + physical) as *const PageTable;
    // SAFETY: the loader's page tables are in the direct map, and nobody
    // changes them.
    unsafe { &*pointer }
}
