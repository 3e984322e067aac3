//! The protections that the CPU offers on top of page tables.
//!
//! | Bit | With it |
//! | --- | --- |
//! | EFER.NXE | pages can forbid execution |
//! | CR0.WP | ring 0 obeys read-only pages too |
//! | CR4.PGE | global pages survive a change of CR3 |
//! | CR4.SMEP | ring 0 does not execute user pages |
//! | CR4.SMAP | ring 0 does not touch user pages unless it says so (STAC) |
//! | CR4.UMIP | ring 3 cannot read the descriptor tables' addresses |
//!
//! Intel SDM Vol. 3A, 2.5 "Control Registers" and 5.6.1 "Determination of Access
//! Rights"; which of them exist tells CPUID (Vol. 2A, "CPUID").

use core::fmt;
use raw_cpuid::CpuId;
use x86_64::registers::control::{Cr0, Cr0Flags, Cr4, Cr4Flags, Efer, EferFlags};

/// What this CPU has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the module's table, and pages of 1 GiB
pub struct Features {
    pub no_execute: bool,
    pub smep: bool,
    pub smap: bool,
    pub umip: bool,
    pub page_1_gib: bool,
}

/// The CPU cannot forbid execution; W^X would be an empty promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoExecuteMissing;

impl fmt::Display for NoExecuteMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this CPU has no NX bit (CPUID 80000001h:EDX.20); W^X needs it")
    }
}

impl Features {
    /// Asks CPUID.
    pub fn detect() -> Self {
        let cpuid = CpuId::new();
        let structured = cpuid.get_extended_feature_info();
        let extended = cpuid.get_extended_processor_and_feature_identifiers();
        Self {
            no_execute: extended.as_ref().is_some_and(|leaf| leaf.has_execute_disable()),
            smep: structured.as_ref().is_some_and(|leaf| leaf.has_smep()),
            smap: structured.as_ref().is_some_and(|leaf| leaf.has_smap()),
            umip: structured.as_ref().is_some_and(|leaf| leaf.has_umip()),
            page_1_gib: extended.as_ref().is_some_and(|leaf| leaf.has_1gib_pages()),
        }
    }
}

impl fmt::Display for Features {
    /// The protections that [`protect`] turns on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NX, WP, global pages")?;
        let optional = [(self.smep, "SMEP"), (self.smap, "SMAP"), (self.umip, "UMIP")];
        for (_, name) in optional.into_iter().filter(|(present, _)| *present) {
            write!(f, ", {name}")?;
        }
        Ok(())
    }
}

/// Turns on every protection that the CPU has.
///
/// # Errors
/// [`NoExecuteMissing`]; nothing was changed then.
///
/// # Safety
/// The loaded page tables allow what the running code does: they map its text
/// executable and what it writes to writable, and nothing the kernel uses is a
/// user page.
pub unsafe fn protect(features: Features) -> Result<(), NoExecuteMissing> {
    if !features.no_execute {
        return Err(NoExecuteMissing);
    }
    let mut cr4 = Cr4Flags::PAGE_GLOBAL;
    cr4.set(Cr4Flags::SUPERVISOR_MODE_EXECUTION_PROTECTION, features.smep);
    cr4.set(Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION, features.smap);
    cr4.set(Cr4Flags::USER_MODE_INSTRUCTION_PREVENTION, features.umip);
    // SAFETY: the bits exist on this CPU, and the tables obey them (caller).
    unsafe {
        Efer::update(|efer| efer.insert(EferFlags::NO_EXECUTE_ENABLE));
        Cr0::update(|cr0| cr0.insert(Cr0Flags::WRITE_PROTECT));
        Cr4::update(|current| current.insert(cr4));
    }
    log::info!("protected by {features}");
    Ok(())
}
