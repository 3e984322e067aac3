//! Exercise: what an error code says.
//!
//! The CPU packs the reason of a fault into a few bits. You write the functions that
//! unpack them; the sentences are made for you. README.md beside this folder has the
//! pictures of those bits.

#![no_std]

use core::fmt;

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Data was read.
    Read,
    /// Data was written.
    Write,
    /// An instruction was fetched.
    Fetch,
}

/// In which ring the CPU was. (The rings 1 and 2 count as 0 here.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ring {
    /// The kernel.
    Ring0,
    /// A user program.
    Ring3,
}

/// Why it could not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There is no page.
    NotPresent,
    /// There is one, and it does not permit this.
    Forbidden,
    /// An entry of the page tables has a reserved bit set.
    ReservedBit,
    /// A protection key forbids it.
    ProtectionKey,
}

/// A page fault's error code, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageFault {
    /// What was tried.
    pub access: Access,
    /// By whom.
    pub ring: Ring,
    /// Why it could not be done.
    pub cause: Cause,
}

/// A table that the CPU looked something up in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// The global descriptor table.
    Gdt,
    /// A local descriptor table.
    Ldt,
    /// The interrupt descriptor table.
    Idt,
}

/// The error code of #TS, #NP, #SS or #GP, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectorFault {
    /// Where the entry is.
    pub table: Table,
    /// Which one it is, counted from 0. For the IDT, that is the vector.
    pub index: u16,
    /// Whether it happened while an earlier event was delivered.
    pub external: bool,
}

const PRESENT: u64 = 1 << 0;
const WRITE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const RESERVED: u64 = 1 << 3;
const FETCH: u64 = 1 << 4;
const KEY: u64 = 1 << 5;

/// Decodes a page fault's error code.
pub fn page_fault(code: u64) -> PageFault {
    let access = if code & FETCH != 0 {
        Access::Fetch
    } else if code & WRITE != 0 {
        Access::Write
    } else {
        Access::Read
    };
    let ring = if code & USER != 0 { Ring::Ring3 } else { Ring::Ring0 };
    let cause = if code & RESERVED != 0 {
        Cause::ReservedBit
    } else if code & KEY != 0 {
        Cause::ProtectionKey
    } else if code & PRESENT != 0 {
        Cause::Forbidden
    } else {
        Cause::NotPresent
    };
    PageFault { access, ring, cause }
}

const EXTERNAL: u64 = 1 << 0;
const IN_IDT: u64 = 1 << 1;
const IN_LDT: u64 = 1 << 2;
const INDEX_SHIFT: u32 = 3;

/// Decodes the error code of #TS, #NP, #SS or #GP: `None` if it is null, which means
/// about no entry in particular.
pub fn selector_fault(code: u64) -> Option<SelectorFault> {
    if code & !EXTERNAL == 0 {
        return None;
    }
    let table = if code & IN_IDT != 0 {
        Table::Idt
    } else if code & IN_LDT != 0 {
        Table::Ldt
    } else {
        Table::Gdt
    };
    let index = (code >> INDEX_SHIFT) as u16;
    Some(SelectorFault { table, index, external: code & EXTERNAL != 0 })
}

impl fmt::Display for PageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = match self.access {
            Access::Read => "read from",
            Access::Write => "write to",
            Access::Fetch => "instruction fetch from",
        };
        let page = match self.cause {
            Cause::NotPresent => "a page that is not present",
            Cause::Forbidden => "a page that does not permit it",
            Cause::ReservedBit => "a page whose entries have a reserved bit set",
            Cause::ProtectionKey => "a page that a protection key forbids",
        };
        let ring = match self.ring {
            Ring::Ring0 => "ring 0",
            Ring::Ring3 => "ring 3",
        };
        write!(f, "{access} {page}, by {ring}")
    }
}

impl fmt::Display for SelectorFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.table {
            Table::Gdt => write!(f, "GDT entry {}", self.index)?,
            Table::Ldt => write!(f, "LDT entry {}", self.index)?,
            Table::Idt => write!(f, "IDT gate of vector {}", self.index)?,
        }
        if self.external {
            write!(f, ", while an earlier event was delivered")?;
        }
        Ok(())
    }
}
