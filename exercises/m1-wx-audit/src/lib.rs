//! Exercise: an audit of page tables.
//!
//! Whatever put the entries there: what does the CPU make of them? You write the walk
//! over all tables that reports each page that breaks one of two rules. No page is both
//! writable and executable, and no page of the kernel's half is open to ring 3.

#![no_std]

/// P: the entry is in use (Intel SDM Vol. 3A, 5.5.4 "Linear-Address Translation with
/// 4-Level Paging and 5-Level Paging", Tables 5-15 to 5-20, for this and the next five).
pub const PRESENT: u64 = 1 << 0;
/// R/W: writes are allowed below this entry.
pub const WRITABLE: u64 = 1 << 1;
/// U/S: ring 3 is allowed below this entry.
pub const USER: u64 = 1 << 2;
/// PS: an entry of a PDPT or a PD maps a large page and leads to no table.
pub const LARGE: u64 = 1 << 7;
/// XD: no instruction fetches below this entry.
pub const NO_EXECUTE: u64 = 1 << 63;
/// Bits 51 to 12: the physical address of a table.
pub const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// Entries in a table.
pub const ENTRIES: usize = 512;

/// How far the index into a table is from bit 0 of a virtual address: PML4, PDPT, PD, PT.
/// An entry of such a table covers `1 << shift` bytes.
pub const SHIFTS: [u32; 4] = [39, 30, 21, 12];

/// What is added to an address of the upper half, which is the kernel's: bits 63 to 48
/// repeat bit 47.
pub const UPPER_HALF: u64 = 0xffff << 48;

/// The page tables, to look at.
pub trait Tables {
    /// Entry `index` of the table at the physical address `table`.
    fn read(&self, table: u64, index: usize) -> u64;
}

/// What the CPU permits, as far as it has come on its way down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// Writes are allowed.
    pub write: bool,
    /// Instruction fetches are allowed.
    pub execute: bool,
    /// Ring 3 is allowed.
    pub user: bool,
}

impl Rights {
    /// Before any entry was looked at.
    pub const ALL: Self = Self { write: true, execute: true, user: true };

    /// What remains of these rights below `entry`.
    pub fn through(self, entry: u64) -> Self {
        todo!("a right that was lost above stays lost; look at what `entry` takes away")
    }
}

/// The rule that a page breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// It can be written and executed, in whichever half it is.
    WritableAndExecutable,
    /// It is in the kernel's half, and ring 3 can use it.
    OpenToRing3,
}

/// A page that breaks a rule. One that breaks both is found twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Its first virtual address, canonical.
    pub page: u64,
    /// Its size: 4 KiB, 2 MiB or 1 GiB.
    pub bytes: u64,
    /// The rule.
    pub problem: Problem,
}

/// Walks all tables below the PML4 at `root` and gives each finding to `report`, in any
/// order.
pub fn audit(tables: &impl Tables, root: u64, report: &mut impl FnMut(Finding)) {
    todo!("for each entry of the PML4 that is present: what rights does it leave?")
}
