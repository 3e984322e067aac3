//! Addresses taken apart and put together.

use harness::{Check, Checked, Layout, Trial};
use m1_page_indices::{Path, address, is_canonical, path};
use std::process::ExitCode;

const CHECKS: &[Check] = &[
    Check { name: "offset", body: offset },
    Check { name: "indices", body: indices },
    Check { name: "canonical", body: canonical },
    Check { name: "together", body: together },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

/// Intel SDM Vol. 3A, 5.5 "4-Level Paging", Figure 5-8.
const ADDRESS: Layout = Layout::new(
    64,
    &[
        ("sign", 63, 48),
        ("PML4", 47, 39),
        ("PDPT", 38, 30),
        ("PD", 29, 21),
        ("PT", 20, 12),
        ("offset", 11, 0),
    ],
);
const ROUNDS: u32 = 200;

/// A path with each part at random, and its address without the bits above 47.
fn random(trial: &mut Trial) -> (Path, u64) {
    trial.round();
    let mut below = |bound: u64| trial.random.below(bound) as usize;
    let (pml4, pdpt, pd, pt) = (below(512), below(512), below(512), below(512));
    let wanted = Path { pml4, pdpt, pd, pt, offset: below(4096) };
    (wanted, low(wanted))
}

/// The low 48 bits of the address of a path.
fn low(path: Path) -> u64 {
    (path.pml4 as u64) << 39
        | (path.pdpt as u64) << 30
        | (path.pd as u64) << 21
        | (path.pt as u64) << 12
        | path.offset as u64
}

fn extended(low: u64) -> u64 {
    if low >> 47 & 1 == 1 { low | 0xffff << 48 } else { low }
}

fn offset(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let (wanted, low) = random(trial);
        let address = extended(low);
        trial.given("address", format_args!("{address:#x}"));
        trial.equal_hex("the byte of the page", path(address).offset, wanted.offset)?;
    }
    Ok(())
}

fn indices(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let (wanted, low) = random(trial);
        let address = extended(low);
        trial.given("address", format_args!("{address:#x}"));
        let got = path(address);
        let pairs = [
            ("PT", got.pt, wanted.pt),
            ("PD", got.pd, wanted.pd),
            ("PDPT", got.pdpt, wanted.pdpt),
            ("PML4", got.pml4, wanted.pml4),
        ];
        for (name, got, wanted) in pairs {
            if got >= 512 {
                trial.compared(wanted, got);
                return trial.fail(format_args!(
                    "the {name} index is {got}, but a table has 512 entries: mask 9 bits"
                ));
            }
        }
        let reversed = (got.pml4, got.pdpt, got.pd, got.pt)
            == (wanted.pt, wanted.pd, wanted.pdpt, wanted.pml4);
        if reversed && got != wanted {
            return trial
                .fail("the order is reversed: the PML4 is looked up first, by the highest bits");
        }
        for (name, got, wanted) in pairs {
            trial.equal(format_args!("the {name} index"), got, wanted)?;
        }
    }
    Ok(())
}

fn canonical(trial: &mut Trial) -> Checked {
    for round in 0..ROUNDS {
        let (_, low) = random(trial);
        // Any one bit above 47 that differs makes it non-canonical, so one does.
        let address = match round % 2 {
            0 => extended(low),
            _ => extended(low) ^ 1 << trial.random.within(48..=63),
        };
        trial.given("address", format_args!("{address:#x}"));
        let expected = round % 2 == 0;
        if is_canonical(address) == expected {
            continue;
        }
        let message = match (expected, address >> 63) {
            (true, 0) => "bits 63 to 47 are all 0, so it is canonical",
            (true, _) => "bits 63 to 47 are all 1, so it is canonical",
            (false, _) => "a bit above 47 differs from bit 47, so it is not canonical",
        };
        trial.picture(ADDRESS, address, extended(low));
        return trial.fail(message);
    }
    Ok(())
}

fn together(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let (wanted, low) = random(trial);
        trial.given("path", format_args!("{wanted:?}"));
        let got = address(wanted);
        let message = if got == low && got != extended(low) {
            "bit 47 is set, so the bits above it must be: the address is not canonical"
        } else {
            "the address of the path"
        };
        trial.bits(message, ADDRESS, got, extended(low))?;
    }
    Ok(())
}
