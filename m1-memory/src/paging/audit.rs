//! What must never be true of the kernel's page tables.
//!
//! The audit looks at the tables as the CPU does, so it finds a mistake however
//! it got there.

use super::mapper::Mapper;
use super::walk::MappedRegion;
use crate::layout;
use crate::physical::PhysicalMemory;
use core::fmt;

/// A rule that the tables break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A region is both writable and executable.
    WritableAndExecutable(MappedRegion),
    /// Ring 3 can reach a region of the kernel's half.
    UserInKernelHalf(MappedRegion),
    /// A region of the kernel's half is not global.
    NotGlobal(MappedRegion),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rule, region) = match self {
            Self::WritableAndExecutable(region) => ("writable and executable", region),
            Self::UserInKernelHalf(region) => ("open to ring 3 in the kernel's half", region),
            Self::NotGlobal(region) => ("of the kernel's half but not global", region),
        };
        write!(f, "{:#x}-{:#x} is {rule}", region.start.as_u64(), region.last.as_u64())
    }
}

/// What a clean audit looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Regions in the whole address space.
    pub regions: u64,
    /// Regions in the kernel's half.
    pub kernel_regions: u64,
}

/// Checks every mapped region.
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
