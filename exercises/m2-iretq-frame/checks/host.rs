//! The five words, against the manual's pictures.

use harness::{Check, Checked, Layout, Trial};
use m2_iretq_frame::{Frame, user_frame};
use std::process::ExitCode;

const CHECKS: &[Check] = &[
    Check { name: "places", body: places },
    Check { name: "selectors", body: selectors },
    Check { name: "flags", body: flags },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

/// Intel SDM Vol. 3A, 3.4.2 "Segment Selectors", Figure 3-6.
const SELECTOR: Layout = Layout::new(16, &[("index", 15, 3), ("TI", 2, 2), ("RPL", 1, 0)]);

/// Intel SDM Vol. 1, 3.4.3 "EFLAGS Register", Figure 3-8.
const RFLAGS: Layout = Layout::new(
    22,
    &[
        ("ID", 21, 21),
        ("VIP", 20, 20),
        ("VIF", 19, 19),
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
        ("1", 1, 1),
        ("CF", 0, 0),
    ],
);
const INTERRUPT: u64 = 1 << 9;
const ALWAYS_ONE: u64 = 1 << 1;
const IOPL: u64 = 0b11 << 12;
const TRAP: u64 = 1 << 8;

/// What a frame was asked for.
struct Wanted {
    entry: u64,
    stack_end: u64,
    code: u16,
    data: u16,
}

fn round(trial: &mut Trial) -> (Wanted, Frame) {
    trial.round();
    let entry = trial.random.within(0x1_0000..=0x7f_0000);
    let stack_end = trial.random.within(0x80_0000..=0x7fff_ffff) & !0xf;
    let code = trial.random.within(1..=30) as u16 * 8;
    // Another one than the code's.
    let data = (code / 8 + trial.random.within(1..=20) as u16) * 8;
    trial.given("entry", format_args!("{entry:#x}"));
    trial.given("stack_end", format_args!("{stack_end:#x}"));
    trial.given("code", format_args!("{code:#x}"));
    trial.given("data", format_args!("{data:#x}"));
    let frame = user_frame(entry, stack_end, code, data);
    (Wanted { entry, stack_end, code, data }, frame)
}

fn places(trial: &mut Trial) -> Checked {
    for _ in 0..50 {
        let (wanted, frame) = round(trial);
        let [rip, _, _, rsp, ss] = frame;
        if ss == wanted.entry {
            return trial.fail(
                "the frame is upside down: it begins with the lowest address, where RIP stands",
            );
        }
        trial.equal_hex("the first word, RIP, must be `entry`", rip, wanted.entry)?;
        trial.equal_hex("the fourth word, RSP, must be `stack_end`", rsp, wanted.stack_end)?;
    }
    Ok(())
}

fn selectors(trial: &mut Trial) -> Checked {
    for _ in 0..50 {
        let (wanted, [_, cs, _, _, ss]) = round(trial);
        if cs & !7 == u64::from(wanted.data) && ss & !7 == u64::from(wanted.code) {
            return trial.fail("CS holds the data segment, and SS the code segment");
        }
        for (name, got, descriptor) in [("CS", cs, wanted.code), ("SS", ss, wanted.data)] {
            let expected = u64::from(descriptor) | 3;
            let message = match (got ^ expected, got & 3) {
                (0, _) => continue,
                (1..=3, 0) => "RPL is 0: the kernel's ring",
                (1..=3, _) => "RPL must be 3",
                _ if got & 4 != 0 => "TI must be 0: there is no LDT",
                _ => "the index is not the descriptor's",
            };
            trial.bits(format_args!("{name}: {message}"), SELECTOR, got, expected)?;
        }
    }
    Ok(())
}

fn flags(trial: &mut Trial) -> Checked {
    for _ in 0..50 {
        let (_, [_, _, flags, _, _]) = round(trial);
        let expected = INTERRUPT | ALWAYS_ONE;
        let message = if flags & INTERRUPT == 0 {
            "IF is 0: no timer would ever interrupt the program"
        } else if flags & IOPL != 0 {
            "IOPL is not 0: ring 3 could use every port, and turn interrupts off"
        } else if flags & TRAP != 0 {
            "TF is 1: the program would be interrupted after every instruction"
        } else if flags & ALWAYS_ONE == 0 {
            "bit 1 is always 1"
        } else {
            "a flag is set that is 0 after a reset"
        };
        trial.bits(message, RFLAGS, flags, expected)?;
    }
    Ok(())
}
