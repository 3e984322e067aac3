//! The TSS, its descriptor, and the gates' choice, against the manual's pictures.

use harness::{Check, Checked, Layout, Trial};
use m2_tss_ist::{
    DOUBLE_FAULT, MACHINE_CHECK, NMI, Stack, TaskState, descriptor, ist_of, task_state,
};
use std::process::ExitCode;

const CHECKS: &[Check] = &[
    Check { name: "stacks", body: stacks },
    Check { name: "base", body: base },
    Check { name: "attributes", body: attributes },
    Check { name: "gates", body: gates },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

/// Intel SDM Vol. 3A, 9.2.3 "TSS Descriptor in 64-bit Mode", Figure 9-4.
const LOW: Layout = Layout::new(
    64,
    &[
        ("base 31:24", 63, 56),
        ("G", 55, 55),
        ("limit 19:16", 51, 48),
        ("P", 47, 47),
        ("DPL", 46, 45),
        ("0", 44, 44),
        ("type", 43, 40),
        ("base 23:0", 39, 16),
        ("limit 15:0", 15, 0),
    ],
);
const HIGH: Layout = Layout::new(64, &[("0", 63, 32), ("base 63:32", 31, 0)]);

/// Bits of the low word that hold parts of the base.
const BASE_LOW: u64 = 0xff_ffff << 16;
const BASE_HIGH: u64 = 0xff << 56;
const TYPE: u64 = 0b1111 << 40;
const AVAILABLE_TSS: u64 = 0b1001 << 40;
const BUSY_TSS: u64 = 0b1011 << 40;
const NOT_SYSTEM: u64 = 1 << 44;
const PRIVILEGE: u64 = 3 << 45;
const PRESENT: u64 = 1 << 47;
const GRANULARITY: u64 = 1 << 55;
const LIMIT: u64 = 0xffff | 0xf << 48;
const LAST_BYTE: u64 = 103;

/// The CPU checks 16-byte alignment by itself; a stack has whole pages.
const PAGE: u64 = 4096;
/// Where the course's kernel stacks are.
const STACKS: u64 = 0xffff_ffff_c000_0000;

/// RSP0, the table of stacks, and the ports.
fn stacks(trial: &mut Trial) -> Checked {
    for _ in 0..30 {
        trial.round();
        let mut stack = |name| {
            let bottom = STACKS + PAGE * trial.random.below(1 << 16);
            let stack = Stack { bottom, bytes: PAGE * trial.random.within(1..=16) };
            let bytes = stack.bytes;
            trial.given(name, format_args!("{{ bottom: {bottom:#x}, bytes: {bytes:#x} }}"));
            stack
        };
        let kernel = stack("kernel");
        let three = [stack("double_fault"), stack("nmi"), stack("machine_check")];
        let tss = task_state(kernel, three[0], three[1], three[2]);
        let (rsp, ist, reserved_0) = ({ tss.rsp }, { tss.ist }, { tss.reserved_0 });
        let tops = three.map(|stack| stack.bottom + stack.bytes);
        let bottom = rsp[0] == kernel.bottom || ist[0] == three[0].bottom;
        if bottom {
            return trial.fail(
                "a stack pointer is the stack's bottom: stacks grow down, so they start at \
                 the top, one past the last byte",
            );
        }
        trial.equal_hex("RSP0 is the top of `kernel`", rsp[0], kernel.bottom + kernel.bytes)?;
        if ist[1..4] == tops {
            return trial.fail("every stack is one place too high: IST1 is `ist[0]`");
        }
        trial.equal_hex("IST1 is the top of `double_fault`", ist[0], tops[0])?;
        trial.equal_hex("IST2 is the top of `nmi`", ist[1], tops[1])?;
        trial.equal_hex("IST3 is the top of `machine_check`", ist[2], tops[2])?;
        let rest = rsp[1..].iter().chain(&ist[3..]).all(|&word| word == 0);
        let reserved = reserved_0 == 0 && tss.reserved_3 == 0;
        let reserved = reserved && { tss.reserved_1 } == 0 && { tss.reserved_2 } == 0;
        trial.holds(rest && reserved, "RSP1, RSP2, IST4 to IST7 and what is reserved stay 0")?;
        trial.holds(
            usize::from(tss.io_map_base) >= size_of::<TaskState>(),
            "the map of ports lies inside the TSS: the CPU would take its other bytes for \
             permissions, and 0 permits",
        )?;
    }
    Ok(())
}

/// A round's descriptor by the code under test, and its base.
fn round(trial: &mut Trial) -> ([u64; 2], u64) {
    trial.round();
    let base = 0xffff_ffff_8000_0000 | trial.random.below(1 << 31) & !0xf;
    trial.given("base", format_args!("{base:#x}"));
    (descriptor(base), base)
}

/// The three parts of the TSS's address.
fn base(trial: &mut Trial) -> Checked {
    for _ in 0..50 {
        let ([low, high], base) = round(trial);
        let expected = (base & 0xff_ffff) << 16;
        let message = "base bits 23 to 0 belong into bits 39 to 16";
        trial.bits(message, LOW, low & BASE_LOW, expected)?;
        let message = "base bits 31 to 24 belong into bits 63 to 56";
        trial.bits(message, LOW, low & BASE_HIGH, (base >> 24 & 0xff) << 56)?;
        trial.bits("the second word holds base bits 63 to 32", HIGH, high, base >> 32)?;
    }
    Ok(())
}

/// Everything between.
fn attributes(trial: &mut Trial) -> Checked {
    for _ in 0..10 {
        let ([low, _], _) = round(trial);
        let message = match low & LIMIT {
            limit if limit == LAST_BYTE + 1 => {
                "a limit is the offset of the last byte: one less than the size"
            }
            _ => "the limit is the offset of the TSS's last byte",
        };
        trial.bits(message, LOW, low & LIMIT, LAST_BYTE)?;
        let message = match low & TYPE {
            BUSY_TSS => "the type is that of a busy TSS: LTR takes an available one, and marks it",
            _ => "the type of an available 64-bit TSS is 0b1001",
        };
        trial.bits(message, LOW, low & TYPE, AVAILABLE_TSS)?;
        let message = "bit 44 is set: that is a code or data descriptor";
        trial.bits(message, LOW, low & NOT_SYSTEM, 0)?;
        trial.bits("the descriptor is of ring 0", LOW, low & PRIVILEGE, 0)?;
        trial.bits("the TSS is not present: bit 47 is clear", LOW, low & PRESENT, PRESENT)?;
        let message = "G is set: the limit would count pages";
        trial.bits(message, LOW, low & GRANULARITY, 0)?;
    }
    Ok(())
}

/// Which gates leave the current stack.
fn gates(trial: &mut Trial) -> Checked {
    let special = [(DOUBLE_FAULT, "#DF", 1), (NMI, "NMI", 2), (MACHINE_CHECK, "#MC", 3)];
    for (vector, name, number) in special {
        trial.round();
        trial.given("vector", vector);
        let message = match ist_of(vector) {
            0 => format!("{name} stays on the current stack, which may be the reason for it"),
            _ => format!("`task_state` made IST{number} for {name}"),
        };
        trial.equal(message, ist_of(vector), number)?;
    }
    for vector in 0..=u8::MAX {
        if special.iter().all(|special| special.0 != vector) {
            trial.round();
            trial.given("vector", vector);
            trial.equal(
                "an ordinary trap stays on the current stack: on an IST stack, a second one \
                 inside it would overwrite the first one's frame",
                ist_of(vector),
                0,
            )?;
        }
    }
    Ok(())
}
