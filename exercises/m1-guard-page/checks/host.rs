//! Which pages are whose, for regions of all sizes.

use harness::{Check, Checked, Trial};
use m1_guard_page::{PAGE_BYTES, Place, Stacks};
use std::process::ExitCode;

const CHECKS: &[Check] = &[
    Check { name: "guard", body: guard },
    Check { name: "mapped", body: mapped },
    Check { name: "named", body: named },
    Check { name: "elsewhere", body: elsewhere },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

/// Rounds of each check.
const ROUNDS: u32 = 100;

/// A region at random.
fn stacks(trial: &mut Trial) -> Stacks {
    trial.round();
    let start = 0xffff_8000_0000_0000 + trial.random.below(1 << 30) * PAGE_BYTES;
    let stacks =
        Stacks { start, pages: trial.random.within(1..=20), count: trial.random.within(2..=9) };
    trial.given("start", format_args!("{start:#x}"));
    trial.given("pages", stacks.pages);
    trial.given("count", stacks.count);
    stacks
}

/// Where slot `number` begins.
fn slot(stacks: Stacks, number: u64) -> u64 {
    stacks.start + number * (stacks.pages + 1) * PAGE_BYTES
}

fn shown(range: &core::ops::Range<u64>) -> String {
    format!("{:#x}..{:#x}", range.start, range.end)
}

/// The lowest page of each slot.
fn guard(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let stacks = stacks(trial);
        let number = trial.random.below(stacks.count);
        trial.given("number", number);
        let got = stacks.guard(number);
        let start = slot(stacks, number);
        let expected = start..start + PAGE_BYTES;
        if got == expected {
            continue;
        }
        let message = if got.start == start + stacks.pages * PAGE_BYTES {
            "a stack grows down: it overflows at its lower end, so the guard is below it"
        } else if number > 0 && got.start == stacks.start + number * stacks.pages * PAGE_BYTES {
            "a slot is one page longer than its stack: the guard takes one too"
        } else if got.end.wrapping_sub(got.start) != PAGE_BYTES {
            "the guard is one page long"
        } else {
            "the guard is the lowest page of the slot"
        };
        trial.compared(shown(&expected), shown(&got));
        return trial.fail(message);
    }
    Ok(())
}

/// All other pages of the slot.
fn mapped(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let stacks = stacks(trial);
        let number = trial.random.below(stacks.count);
        trial.given("number", number);
        let got = stacks.mapped(number);
        let start = slot(stacks, number);
        let expected = start + PAGE_BYTES..slot(stacks, number + 1);
        if got == expected {
            continue;
        }
        let message = if got.start == start {
            "the guard page must not be mapped: with it nobody notices an overflow"
        } else if got.end.wrapping_sub(got.start) != stacks.pages * PAGE_BYTES {
            "the stack has `pages` pages, and the guard comes on top"
        } else {
            "the stack lies right above its guard"
        };
        trial.compared(shown(&expected), shown(&got));
        return trial.fail(message);
    }
    Ok(())
}

/// Addresses in the region, many at the ends of pages.
fn named(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let stacks = stacks(trial);
        let number = trial.random.below(stacks.count);
        let page = trial.random.pick(&[0, 0, 1, stacks.pages]);
        let offset = trial.random.pick(&[0, 8, PAGE_BYTES - 8, PAGE_BYTES - 1]);
        let address = slot(stacks, number) + page * PAGE_BYTES + offset;
        trial.given("address", format_args!("{address:#x}"));
        let expected = if page == 0 { Place::Overflow(number) } else { Place::Stack(number) };
        let got = stacks.locate(address);
        let message = match (got, expected) {
            (Place::Overflow(other), Place::Overflow(number)) if other + 1 == number => {
                "it is the stack above the guard that overflowed, not the one below"
            }
            (Place::Stack(_), Place::Overflow(_)) => {
                "that is in the guard page: the stack above it has overflowed"
            }
            (Place::Overflow(_), Place::Stack(_)) => "that is memory of the stack, all is well",
            (Place::Elsewhere, _) => "that is in the region",
            _ => "what lies at the address",
        };
        trial.equal(message, got, expected)?;
    }
    Ok(())
}

/// Addresses that are no stack's.
fn elsewhere(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let stacks = stacks(trial);
        let end = slot(stacks, stacks.count);
        let address = trial.random.pick(&[
            stacks.start - 1,
            stacks.start - PAGE_BYTES,
            end,
            end + PAGE_BYTES,
            end + PAGE_BYTES * stacks.pages,
            0,
            8,
            u64::MAX,
        ]);
        trial.given("address", format_args!("{address:#x}"));
        trial.equal("no stack is there", stacks.locate(address), Place::Elsewhere)?;
    }
    Ok(())
}
