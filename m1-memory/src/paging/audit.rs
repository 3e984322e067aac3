//! What must never be true of the kernel's page tables.
//!
//! The audit looks at the tables as the CPU does, so it finds a mistake however
//! it got there. [`audit`] checks every region's rights; [`audit_regions`] that
//! nothing is mapped where nothing was planned; [`audit_direct_map`] follows the direct map and the memory map side by side:
//!
//! ```text
//!   RAM          [=========)      [=====)  [====)
//!   direct map   [=========)  [=)  [====)  [====)
//!                              ^ extra ^ missing
//! ```

use super::access::Use;
use super::mapper::{Mapper, Mapping};
use super::ram::RamRange;
use super::walk::MappedRegion;
use crate::layout;
use crate::physical::PhysicalMemory;
use crate::regions::{Kind, Region};
use core::fmt;
use core::iter::Peekable;
use x86_64::{PhysAddr, VirtAddr};

/// A rule that the tables break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A region is both writable and executable.
    WritableAndExecutable(MappedRegion),
    /// Ring 3 can reach a region of the kernel's half.
    UserInKernelHalf(MappedRegion),
    /// A region of the kernel's half is not global.
    NotGlobal(MappedRegion),
    /// A page of the direct map is not RAM.
    NotRam(Mapping),
    /// A page of the direct map leads to another address than its own.
    Displaced(Mapping),
    /// A page of the direct map is writable and should not be, or the other way
    /// round, or it is executable.
    WrongAccess(Mapping),
    /// RAM from this address on is missing from the direct map.
    RamMissing(PhysAddr),
    /// A page of the kernel's half lies in no region that has been set aside.
    Unplanned(Mapping),
    /// A page has other rights than its region plans.
    NotAsPlanned(Mapping, Region),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut region = |region: &MappedRegion, rule| {
            write!(f, "{:#x}-{:#x} is {rule}", region.start.as_u64(), region.last.as_u64())
        };
        match self {
            Self::WritableAndExecutable(found) => region(found, "writable and executable"),
            Self::UserInKernelHalf(found) => region(found, "open to ring 3 in the kernel's half"),
            Self::NotGlobal(found) => region(found, "of the kernel's half but not global"),
            Self::NotRam(page) => write!(f, "direct map: {page} is not RAM"),
            Self::Displaced(page) => write!(f, "direct map: {page} is not its own address"),
            Self::WrongAccess(page) => write!(f, "direct map: {page} has the wrong rights"),
            Self::RamMissing(from) => {
                write!(f, "direct map: RAM from {:#x} on is not mapped", from.as_u64())
            }
            Self::Unplanned(page) => write!(f, "{page} lies in no region"),
            Self::NotAsPlanned(page, region) => {
                write!(f, "{page} has other rights than its region: {region}")
            }
        }
    }
}

/// What a clean audit looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Regions in the whole address space.
    pub regions: u64,
    /// Regions in the kernel's half.
    pub kernel_regions: u64,
    /// Bytes of RAM in the direct map.
    pub direct_map_bytes: u64,
}

/// Checks the rights of every mapped region.
///
/// # Errors
/// The first violation, in address order.
pub fn audit<M: PhysicalMemory>(tables: &Mapper<M>) -> Result<Summary, Violation> {
    let (mut summary, mut violation) = (Summary::default(), None);
    tables.for_each_region(|region| {
        summary.regions += 1;
        let rights = region.rights;
        let kernel_half = region.start >= layout::KERNEL_HALF;
        summary.kernel_regions += u64::from(kernel_half);
        let found = if rights.write && rights.execute {
            Some(Violation::WritableAndExecutable(region))
        } else if kernel_half && rights.user {
            Some(Violation::UserInKernelHalf(region))
        } else if kernel_half && !rights.global {
            Some(Violation::NotGlobal(region))
        } else {
            None
        };
        violation = violation.or(found);
    });
    violation.map_or(Ok(summary), Err)
}

/// Checks that the direct map holds exactly `ram`, which is in order: every byte
/// at its own address, with its access, and nothing else. Returns how many bytes.
///
/// # Errors
/// The first violation, in address order.
pub fn audit_direct_map<M: PhysicalMemory>(
    tables: &Mapper<M>,
    ram: impl Iterator<Item = RamRange>,
) -> Result<u64, Violation> {
    let mut expected = Expected { ram: ram.peekable(), done: PhysAddr::zero() };
    let (mut bytes, mut outcome) = (0, Ok(()));
    tables.for_each_page(|page| {
        if (layout::DIRECT_MAP..layout::DIRECT_MAP_END).contains(&page.page) {
            bytes += page.level.entry_bytes();
            if outcome.is_ok() {
                outcome = expected.take(page);
            }
        }
    });
    outcome.and_then(|()| expected.finish()).map(|()| bytes)
}

/// Checks that each page of the kernel's half lies in a region, as `find` knows
/// them, and has its access. The direct map's access varies with the RAM behind
/// it and is [`audit_direct_map`]'s.
///
/// # Errors
/// The first violation, in address order.
pub fn audit_regions<M: PhysicalMemory>(
    tables: &Mapper<M>,
    find: impl Fn(VirtAddr) -> Option<Region>,
) -> Result<(), Violation> {
    let mut outcome = Ok(());
    tables.for_each_page(|page| {
        if page.page >= layout::KERNEL_HALF && outcome.is_ok() {
            let last = MappedRegion::from(page).last;
            outcome = match find(page.page).filter(|region| region.end > last) {
                None => Err(Violation::Unplanned(page)),
                Some(region) if region.kind == Kind::DirectMap => Ok(()),
                Some(region) if page.rights == region.access.rights() => Ok(()),
                Some(region) => Err(Violation::NotAsPlanned(page, region)),
            };
        }
    });
    outcome
}

/// The RAM that the direct map still has to show.
struct Expected<I: Iterator<Item = RamRange>> {
    ram: Peekable<I>,
    /// All RAM below was seen.
    done: PhysAddr,
}

impl<I: Iterator<Item = RamRange>> Expected<I> {
    fn take(&mut self, page: Mapping) -> Result<(), Violation> {
        if page.page - layout::DIRECT_MAP != page.physical.as_u64() {
            return Err(Violation::Displaced(page));
        }
        let end = page.physical + page.level.entry_bytes();
        let mut at = page.physical;
        // A large page may span ranges only if they differ in nothing, and then
        // they would be one; so it is one range after all.
        while at < end {
            self.skip_finished();
            let Some(&range) = self.ram.peek().filter(|range| range.start < end) else {
                return Err(Violation::NotRam(page));
            };
            let next = range.start.max(self.done);
            if next < at {
                return Err(Violation::RamMissing(next));
            }
            if next > at {
                return Err(Violation::NotRam(page));
            }
            let write = range.access.usage == Use::ReadWrite;
            if page.rights.write != write || page.rights.execute {
                return Err(Violation::WrongAccess(page));
            }
            at = range.end.min(end);
            self.done = at;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Violation> {
        self.skip_finished();
        let missing = self.ram.peek().map(|range| range.start.max(self.done));
        missing.map_or(Ok(()), |from| Err(Violation::RamMissing(from)))
    }

    fn skip_finished(&mut self) {
        while self.ram.next_if(|range| range.end <= self.done).is_some() {}
    }
}
