//! Walks over simulated tables at random places.

use harness::{Check, Checked, Trial};
use m1_translate::{ADDRESS, LARGE, PRESENT, Tables, translate};
use std::{cell::Cell, collections::HashMap, process::ExitCode};

const CHECKS: &[Check] = &[
    Check { name: "small-pages", body: small_pages },
    Check { name: "not-present", body: not_present },
    Check { name: "address-bits", body: address_bits },
    Check { name: "large-pages", body: large_pages },
    Check { name: "large-only-where-it-can-be", body: large_only_where_it_can_be },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

const ROUNDS: u32 = 100;
/// Bits that hold something else than an address, and do not change the way: RW, US, PWT,
/// PCD, A, AVL, NX (Intel SDM Vol. 3A, 5.5, Table 5-20).
const OTHER: u64 = 1 << 63 | 0x7f << 52 | 0b111 << 9 | 0b11_1110;
/// Bit 7 of a page table's entry is PAT there, not PS.
const PAT: u64 = 1 << 7;
/// Bit 12 of a large page's entry is its PAT.
const PAT_OF_LARGE: u64 = 1 << 12;

/// Tables by address, and a note of mistakes in reading them.
#[derive(Default)]
struct Memory {
    tables: HashMap<u64, HashMap<usize, u64>>,
    /// An address that is no table's, or an index beyond it.
    stray: Cell<Option<(u64, usize)>>,
}

impl Tables for Memory {
    fn entry(&self, table: u64, index: usize) -> u64 {
        match self.tables.get(&table) {
            Some(entries) if index < 512 => entries.get(&index).copied().unwrap_or(0),
            _ => {
                self.stray.set(Some((table, index)));
                0
            }
        }
    }
}

/// One address mapped by fresh tables at random places.
struct Way {
    memory: Memory,
    root: u64,
    address: u64,
    /// What the walk must find.
    physical: u64,
    /// The tables on the way and the index in each.
    steps: Vec<(u64, usize)>,
}

impl Way {
    /// A way whose page begins at bit `shift`. `flags` go into every entry.
    fn new(trial: &mut Trial, shift: u32, flags: u64) -> Self {
        trial.round();
        let low = trial.random.below(1 << 48);
        let address = if low >> 47 == 1 { low | 0xffff << 48 } else { low };
        let mut memory = Memory::default();
        let root = fresh(trial, &memory);
        memory.tables.insert(root, HashMap::new());
        let (mut table, mut steps) = (root, Vec::new());
        for level in [39, 30, 21, 12] {
            let index = (address >> level) as usize & 511;
            steps.push((table, index));
            let (target, kind) = if level == shift {
                let page = trial.random.below(1 << (52 - shift)) << shift;
                (page, if shift > 12 { LARGE } else { 0 })
            } else {
                (fresh(trial, &memory), 0)
            };
            let entry = target | kind | flags & OTHER | PRESENT;
            if let Some(entries) = memory.tables.get_mut(&table) {
                entries.insert(index, entry);
            }
            if level == shift {
                let physical = target | address & ((1 << shift) - 1);
                trial.given("address", format_args!("{address:#x}"));
                trial.given("page of", size(shift));
                return Self { memory, root, address, physical, steps };
            }
            memory.tables.insert(target, HashMap::new());
            table = target;
        }
        unreachable!("the page is on one of the levels")
    }

    /// The entry of the step counted from the PML4.
    fn entry(&mut self, step: usize) -> &mut u64 {
        let (table, index) = self.steps[step];
        self.memory.tables.entry(table).or_default().entry(index).or_insert(0)
    }

    /// Walks, and says what went astray on the way.
    fn walk(&self, trial: &mut Trial) -> Result<Option<u64>, harness::Failed> {
        let got = translate(&self.memory, self.root, self.address);
        match self.memory.stray.get() {
            Some((_, index)) if index >= 512 => {
                let message = format_args!("a table has 512 entries, and {index} was read");
                trial.fail(message).map(|()| None)
            }
            Some((table, _)) => {
                let message = if table & !ADDRESS != 0 {
                    format!("{table:#x} is no table: flags of the entry are left in its address")
                } else {
                    format!("{table:#x} is no table: the walk took a page or nothing for one")
                };
                trial.fail(message).map(|()| None)
            }
            None => Ok(got),
        }
    }

    fn expect(&self, trial: &mut Trial, message: &str) -> Checked {
        let got = self.walk(trial)?;
        if got == Some(self.physical) {
            return Ok(());
        }
        let shown =
            |value: Option<u64>| value.map_or("nothing mapped".to_owned(), |at| format!("{at:#x}"));
        trial.compared(shown(Some(self.physical)), shown(got));
        trial.fail(message)
    }
}

fn size(shift: u32) -> &'static str {
    match shift {
        30 => "1 GiB",
        21 => "2 MiB",
        _ => "4 KiB",
    }
}

/// A frame that no table has.
fn fresh(trial: &mut Trial, memory: &Memory) -> u64 {
    loop {
        let frame = trial.random.below(1 << 40) << 12;
        if !memory.tables.contains_key(&frame) {
            return frame;
        }
    }
}

fn small_pages(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let way = Way::new(trial, 12, 0);
        let page_only = way.physical & !0xfff;
        if way.walk(trial)? == Some(page_only) && way.physical != page_only {
            return trial.fail("that is the page's first byte: the offset is missing");
        }
        way.expect(trial, "the byte's physical address")?;
    }
    Ok(())
}

fn not_present(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let shift = trial.random.pick(&[12, 21, 30]);
        let mut way = Way::new(trial, shift, 0);
        let step = trial.random.index(way.steps.len());
        // Everything but the present bit stays: the CPU ignores the rest then.
        *way.entry(step) &= !PRESENT;
        let level = ["PML4", "PDPT", "PD", "PT"][step];
        trial.given("not present", format_args!("the {level}'s entry"));
        let got = way.walk(trial)?;
        if let Some(got) = got {
            trial.compared("nothing mapped", format_args!("{got:#x}"));
            return trial.fail("an entry that is not present leads nowhere, whatever else it says");
        }
    }
    Ok(())
}

fn address_bits(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let flags = trial.random.bits();
        let mut way = Way::new(trial, 12, flags);
        if trial.random.flip() {
            *way.entry(3) |= PAT;
        }
        way.expect(trial, "flags, NX among them, do not belong to the address")?;
    }
    Ok(())
}

fn large_pages(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let (shift, flags) = (trial.random.pick(&[21, 30]), trial.random.bits());
        let mut way = Way::new(trial, shift, flags);
        if trial.random.flip() {
            let last = way.steps.len() - 1;
            *way.entry(last) |= PAT_OF_LARGE;
        }
        let bits = if shift == 21 { "21" } else { "30" };
        let message = format!("in a large page the low {bits} bits come from the virtual address");
        way.expect(trial, &message)?;
    }
    Ok(())
}

/// Bit 7 means a large page in the PDPT and the PD only.
fn large_only_where_it_can_be(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let mut way = Way::new(trial, 12, 0);
        *way.entry(3) |= PAT;
        way.expect(trial, "bit 7 in the page table's entry is PAT: the page has 4 KiB")?;
    }
    Ok(())
}
