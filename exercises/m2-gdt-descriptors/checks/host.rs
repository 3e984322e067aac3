//! The bits of the descriptors, against the manual's picture.

use harness::{Check, Checked, Layout, Trial};
use m2_gdt_descriptors::{Kind, descriptor, table};
use std::process::ExitCode;

const CHECKS: &[Check] = &[
    Check { name: "flat", body: flat },
    Check { name: "access", body: access },
    Check { name: "width", body: width },
    Check { name: "order", body: order },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

/// Intel SDM Vol. 3A, 3.4.5 "Segment Descriptors", Figure 3-8.
const LAYOUT: Layout = Layout::new(
    64,
    &[
        ("base 31:24", 63, 56),
        ("G", 55, 55),
        ("D/B", 54, 54),
        ("L", 53, 53),
        ("AVL", 52, 52),
        ("limit 19:16", 51, 48),
        ("P", 47, 47),
        ("DPL", 46, 45),
        ("S", 44, 44),
        ("type", 43, 40),
        ("base 23:0", 39, 16),
        ("limit 15:0", 15, 0),
    ],
);

const GRANULARITY: u64 = 1 << 55;
const WIDTH_32: u64 = 1 << 54;
const LONG: u64 = 1 << 53;
const AVAILABLE: u64 = 1 << 52;
const PRESENT: u64 = 1 << 47;
const PRIVILEGE: u64 = 3 << 45;
const CODE_OR_DATA: u64 = 1 << 44;
const EXECUTABLE: u64 = 1 << 43;
/// For data: it grows downwards. For code: outer rings may call it and keep their ring.
const DOWN_OR_CONFORMING: u64 = 1 << 42;
const WRITABLE_OR_READABLE: u64 = 1 << 41;
const ACCESSED: u64 = 1 << 40;
const LIMIT_LOW: u64 = 0xffff;
const LIMIT_HIGH: u64 = 0xf << 48;
const BASE: u64 = 0xff << 56 | 0xff_ffff << 16;

/// A round's descriptor by the code under test, its kind and its ring.
fn round(trial: &mut Trial) -> (u64, Kind, u8) {
    trial.round();
    let kind = trial.random.pick(&[Kind::Data, Kind::Code64, Kind::Code32]);
    let ring = trial.random.pick(&[0, 3]);
    trial.given("kind", format_args!("{kind:?}"));
    trial.given("ring", ring);
    (descriptor(kind, ring), kind, ring)
}

/// One field of `got` must have the bits `expected`; the picture shows that field only.
fn field(trial: &mut Trial, message: &str, got: u64, mask: u64, expected: u64) -> Checked {
    trial.bits(message, LAYOUT, got & mask, expected)
}

/// Base, limit, granularity.
fn flat(trial: &mut Trial) -> Checked {
    for _ in 0..30 {
        let (got, ..) = round(trial);
        if got & LIMIT_HIGH == 0 && got & BASE == 0xf << 16 {
            trial.picture(LAYOUT, got & (BASE | LIMIT_HIGH), LIMIT_HIGH);
            return trial.fail(
                "the limit's upper four bits stand in the base: they belong into bits 51 to 48",
            );
        }
        field(trial, "the limit's lower 16 bits belong into bits 15 to 0", got, LIMIT_LOW, 0xffff)?;
        let high = "the limit's upper four bits belong into bits 51 to 48";
        field(trial, high, got, LIMIT_HIGH, LIMIT_HIGH)?;
        let granularity = "the limit is counted in bytes: set G, and it is counted in pages";
        field(trial, granularity, got, GRANULARITY, GRANULARITY)?;
        field(trial, "the base of a flat segment is 0", got, BASE, 0)?;
    }
    Ok(())
}

/// Type, S, DPL, P.
fn access(trial: &mut Trial) -> Checked {
    for _ in 0..30 {
        let (got, kind, ring) = round(trial);
        field(trial, "the segment is not present: bit 47 is clear", got, PRESENT, PRESENT)?;
        let system = "bit 44 is clear: that is a system descriptor, such as a TSS's";
        field(trial, system, got, CODE_OR_DATA, CODE_OR_DATA)?;
        let executable = if kind == Kind::Data { 0 } else { EXECUTABLE };
        let message = "bit 43 tells code from data: set for code, clear for data";
        field(trial, message, got, EXECUTABLE, executable)?;
        let message = match kind {
            Kind::Data => "bit 42 is set: that segment would grow downwards from its limit",
            _ => "bit 42 is set: conforming code, which ring 3 could call without a gate",
        };
        field(trial, message, got, DOWN_OR_CONFORMING, 0)?;
        let message = "bit 41 is clear: data could not be written, code not be read";
        field(trial, message, got, WRITABLE_OR_READABLE, WRITABLE_OR_READABLE)?;
        let message = "bit 40 is clear: the CPU would write to the table to note the first access";
        field(trial, message, got, ACCESSED, ACCESSED)?;
        let message = "`ring` belongs into bits 46 and 45";
        field(trial, message, got, PRIVILEGE, u64::from(ring) << 45)?;
    }
    Ok(())
}

/// L and D/B.
fn width(trial: &mut Trial) -> Checked {
    for _ in 0..30 {
        let (got, kind, _) = round(trial);
        let mask = LONG | WIDTH_32;
        let (expected, message) = match (kind, got & mask) {
            (Kind::Code64, both) if both == mask => {
                (LONG, "L and D are both set, which is reserved: 64-bit code has L alone")
            }
            (Kind::Code64, _) => {
                (LONG, "L is clear: the CPU would read 64-bit instructions as narrower ones")
            }
            (Kind::Code32, _) => (WIDTH_32, "32-bit code has D set and L clear"),
            (Kind::Data, _) => (WIDTH_32, "data has B set; L means something for code alone"),
        };
        field(trial, message, got, mask, expected)?;
        field(trial, "bit 52 is for the kernel's own use: leave it clear", got, AVAILABLE, 0)?;
    }
    Ok(())
}

/// Which descriptor stands where. Judged by the learner's own descriptors.
fn order(trial: &mut Trial) -> Checked {
    let table = table();
    let is = |index: usize, kind, ring| table[index] == descriptor(kind, ring);
    trial.equal_hex("selector 0 is null: its descriptor is 0", table[0], 0)?;
    let kernel = is(1, Kind::Code64, 0) && is(2, Kind::Data, 0);
    trial.holds(
        kernel,
        "SYSCALL loads CS with 0x08 and SS with 8 more: 64-bit code, then data, both of ring 0",
    )?;
    let swapped = is(3, Kind::Code64, 3) && is(4, Kind::Data, 3);
    trial.holds(
        !swapped,
        "the user's two are in SYSCALL's order: SYSRET loads SS with 8 more than its base, \
         and CS with 16 more",
    )?;
    trial.holds(is(3, Kind::Data, 3), "0x18 is the user's data: what SYSRET loads into SS")?;
    trial.holds(is(4, Kind::Code64, 3), "0x20 is the user's code: what SYSRET loads into CS")
}
