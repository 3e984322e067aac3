//! The registers' values, against the manual's pictures.

use harness::{Check, Checked, Layout, Trial};
use m2_syscall_msrs::{
    IA32_CSTAR, IA32_EFER, IA32_FMASK, IA32_LSTAR, IA32_STAR, efer, flag_mask, setup, star,
};
use std::process::ExitCode;

const CHECKS: &[Check] = &[
    Check { name: "star", body: segments },
    Check { name: "flag-mask", body: flags },
    Check { name: "efer", body: switches },
    Check { name: "setup", body: all_four },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

/// Intel SDM Vol. 3A, 6.8.8 "Fast System Calls in 64-Bit Mode", Figure 6-14.
const STAR: Layout = Layout::new(
    64,
    &[("SYSRET base", 63, 48), ("SYSCALL base", 47, 32), ("EIP for 32-bit", 31, 0)],
);

/// Intel SDM Vol. 1, 3.4.3 "EFLAGS Register", Figure 3-8.
const FLAGS: Layout = Layout::new(
    32,
    &[
        ("AC", 18, 18),
        ("VM", 17, 17),
        ("RF", 16, 16),
        ("NT", 14, 14),
        ("IOPL", 13, 12),
        ("OF", 11, 11),
        ("DF", 10, 10),
        ("IF", 9, 9),
        ("TF", 8, 8),
        ("SF", 7, 7),
        ("ZF", 6, 6),
        ("AF", 4, 4),
        ("PF", 2, 2),
        ("CF", 0, 0),
    ],
);

/// Intel SDM Vol. 3A, 2.2.1 "Extended Feature Enable Register", Figure 2-4; bit 14 is
/// AMD's.
const EFER: Layout = Layout::new(
    16,
    &[("FFXSR", 14, 14), ("NXE", 11, 11), ("LMA", 10, 10), ("LME", 8, 8), ("SCE", 0, 0)],
);

const RING_3: u16 = 3;

/// A round's selectors: the kernel's code, the user's data.
fn selectors(trial: &mut Trial) -> (u16, u16) {
    let kernel_code = 8 * trial.random.within(1..=20) as u16;
    let user_data = (8 * trial.random.within(22..=40) as u16) | RING_3;
    trial.given("kernel_code", format_args!("{kernel_code:#x}"));
    trial.given("user_data", format_args!("{user_data:#x}"));
    (kernel_code, user_data)
}

/// Both bases, at their places.
fn segments(trial: &mut Trial) -> Checked {
    for _ in 0..50 {
        trial.round();
        let (kernel_code, user_data) = selectors(trial);
        let got = star(kernel_code, user_data);
        let (sysret, syscall) = ((got >> 48) as u16, (got >> 32) as u16);
        // SYSRET puts ring 3 into CS and SS itself, so that the base may have it or not.
        let base = user_data - 8;
        let base = if sysret & RING_3 == 0 { base & !RING_3 } else { base };
        let expected = u64::from(base) << 48 | u64::from(kernel_code) << 32;
        let message = if syscall | RING_3 == base | RING_3 && sysret == kernel_code {
            "the two bases have changed places: SYSRET's is the upper one"
        } else if syscall != kernel_code {
            "SYSCALL loads CS with bits 47 to 32: the selector of the kernel's code"
        } else if sysret | RING_3 == user_data {
            "SYSRET loads SS with 8 more than its base: the base is 8 below the user's data"
        } else if sysret | RING_3 == user_data + 8 {
            "SYSRET's base is not the user's code: it loads CS with 16 more than its base"
        } else if sysret != base {
            "SYSRET loads SS with 8 more than bits 63 to 48, and CS with 16 more"
        } else {
            "bits 31 to 0 serve 32-bit kernels only: leave them 0"
        };
        trial.bits(message, STAR, got, expected)?;
    }
    Ok(())
}

/// The flags that must be clear at the entry, each with what happens otherwise.
const MUST_CLEAR: [(u64, &str); 5] = [
    (1 << 9, "IF is not masked: an interrupt could arrive while RSP is the program's"),
    (1 << 8, "TF is not masked: a single step would arrive on the kernel's first instruction"),
    (1 << 10, "DF is not masked: the kernel's copies would run downwards"),
    (1 << 18, "AC is not masked: a program that sets it would switch SMAP off in the kernel"),
    (1 << 14, "NT is not masked: IRETQ would raise #GP, for a nested task that is none"),
];

/// Each flag. More than the five may be masked.
fn flags(trial: &mut Trial) -> Checked {
    /// The flags of RFLAGS end at bit 21.
    const DEFINED: u64 = (1 << 22) - 1;
    let got = flag_mask();
    let all = MUST_CLEAR.iter().fold(0, |all, (flag, _)| all | flag);
    if got & all == 0 && got != 0 {
        trial.picture(FLAGS, got & 0xffff_ffff, all);
        return trial.fail(
            "none of the five is masked, but others are: a 1 in the mask makes SYSCALL clear \
             the flag",
        );
    }
    for (flag, message) in MUST_CLEAR {
        trial.bits(message, FLAGS, got & all, all & (got | flag))?;
    }
    trial.holds(got & !DEFINED == 0, "bits 63 to 22 are no flags: leave them 0")
}

/// SCE, and nothing else.
fn switches(trial: &mut Trial) -> Checked {
    const SCE: u64 = 1 << 0;
    const LONG_MODE: u64 = 1 << 8 | 1 << 10;
    const OTHERS: u64 = 1 << 11 | 1 << 14;
    for _ in 0..20 {
        trial.round();
        let current = LONG_MODE | trial.random.bits() & (OTHERS | SCE);
        trial.given("current", format_args!("{current:#x}"));
        let got = efer(current);
        let message = if got & SCE == 0 {
            "SCE is clear: SYSCALL would raise #UD"
        } else if got & LONG_MODE != LONG_MODE {
            "LME or LMA is cleared, which would end 64-bit mode: keep what is there"
        } else {
            "the other switches stay as they are in `current`"
        };
        trial.bits(message, EFER, got & 0xffff, current | SCE)?;
        trial.equal_hex(message, got, current | SCE)?;
    }
    Ok(())
}

/// Each register once, with its value. Judged by the learner's own values.
fn all_four(trial: &mut Trial) -> Checked {
    for _ in 0..10 {
        trial.round();
        let (kernel_code, user_data) = selectors(trial);
        let entry = 0xffff_ffff_8000_0000 | trial.random.below(1 << 31);
        let current = 1 << 8 | 1 << 10 | (trial.random.below(2) << 11);
        trial.given("entry", format_args!("{entry:#x}"));
        trial.given("current_efer", format_args!("{current:#x}"));
        let writes = setup(kernel_code, user_data, entry, current);
        let value = |register| writes.iter().find(|write| write.0 == register).map(|w| w.1);
        if value(IA32_CSTAR).is_some() {
            return trial.fail("IA32_CSTAR is for 32-bit code: 64-bit code arrives by IA32_LSTAR");
        }
        let expected = [
            (IA32_STAR, "IA32_STAR gets the value of `star`", star(kernel_code, user_data)),
            (IA32_LSTAR, "IA32_LSTAR gets the entry's address", entry),
            (IA32_FMASK, "IA32_FMASK gets the value of `flag_mask`", flag_mask()),
            (IA32_EFER, "IA32_EFER gets the value of `efer`", efer(current)),
        ];
        for (register, message, expected) in expected {
            match value(register) {
                Some(got) => trial.equal_hex(message, got, expected)?,
                None => return trial.fail(format_args!("{message}, but is not in the list")),
            }
        }
        trial.holds(
            writes[3].0 == IA32_EFER,
            "IA32_EFER comes last: SCE makes SYSCALL valid, and then the rest must be there",
        )?;
    }
    Ok(())
}
