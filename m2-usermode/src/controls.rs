//! The control registers as ring 3 needs them, whatever the firmware left there.
//!
//! | Bit | Set to | So that |
//! | --- | --- | --- |
//! | CR0.EM, CR0.TS | 0 | x87 and SSE instructions run |
//! | CR0.MP, CR0.NE | 1 | x87 errors are #MF, not an interrupt of the 1980s |
//! | CR0.AM | 1 | a program that sets RFLAGS.AC gets the #AC that it asks for |
//! | CR4.OSFXSR, OSXMMEXCPT | 1 | SSE runs, and its errors are #XM |
//! | CR4.OSXSAVE | 0 | AVX and XSAVE are #UD: we do not save their registers |
//! | CR4.FSGSBASE | 0 | WRFSBASE and its kin are #UD: nor do we save those |
//! | CR4.PKE | 0 | no protection keys, which we would have to switch |
//! | CR4.PCE | 0 | RDPMC is #GP |
//! | CR4.TSD | 0 | RDTSC works: the bench counts with it |
//!
//! Intel SDM Vol. 3A, 2.5 "Control Registers". What belongs to paging m1's `cpu`
//! has set.

use x86_64::registers::control::{Cr0, Cr0Flags, Cr4, Cr4Flags};

/// Sets the bits of the module's table.
///
/// Every x86-64 CPU has those that are set to 1.
pub fn init() {
    // SAFETY: the kernel itself uses neither x87 nor SSE nor anything that is
    // switched off here, and runs in ring 0, where AM has no effect.
    unsafe {
        Cr0::update(|cr0| {
            cr0.remove(Cr0Flags::EMULATE_COPROCESSOR | Cr0Flags::TASK_SWITCHED);
            cr0.insert(Cr0Flags::MONITOR_COPROCESSOR | Cr0Flags::NUMERIC_ERROR);
            cr0.insert(Cr0Flags::ALIGNMENT_MASK);
        });
        Cr4::update(|cr4| {
            cr4.remove(Cr4Flags::OSXSAVE | Cr4Flags::FSGSBASE | Cr4Flags::PROTECTION_KEY_USER);
            cr4.remove(Cr4Flags::PERFORMANCE_MONITOR_COUNTER | Cr4Flags::TIMESTAMP_DISABLE);
            cr4.insert(Cr4Flags::OSFXSR | Cr4Flags::OSXMMEXCPT_ENABLE);
        });
    }
}
