//! Mapping over simulated memory: the tables that are there, and those that are made.

use harness::{Check, Checked, Layout, Trial};
use m1_map_page::{
    ADDRESS, ENTRIES, LARGE, MapError, NO_EXECUTE, PRESENT, SHIFTS, Tables, USER, WRITABLE, index,
    map,
};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::process::ExitCode;

const CHECKS: &[Check] = &[
    Check { name: "last-entry", body: last_entry },
    Check { name: "missing-tables", body: missing_tables },
    Check { name: "the-way-down", body: the_way_down },
    Check { name: "conflicts", body: conflicts },
    Check { name: "out-of-memory", body: out_of_memory },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

/// Rounds of each check.
const ROUNDS: u32 = 30;
/// Names of the tables, in the order of the walk.
const NAMES: [&str; 4] = ["PML4", "PDPT", "PD", "PT"];
/// What `map` decides in an entry: Intel SDM Vol. 3A, Table 5-20.
const ENTRY: Layout = Layout::new(
    64,
    &[
        ("XD", 63, 63),
        ("address 51:12", 51, 12),
        ("PS", 7, 7),
        ("U", 2, 2),
        ("W", 1, 1),
        ("P", 0, 0),
    ],
);

/// Tables by their physical addresses.
struct Memory {
    tables: BTreeMap<u64, [u64; ENTRIES]>,
    /// Frames still to be had.
    left: usize,
    /// Tables given out.
    made: Vec<u64>,
    /// An access to a place where there is no table.
    stray: Cell<Option<(u64, usize)>>,
    next: u64,
}

impl Tables for Memory {
    fn read(&self, table: u64, index: usize) -> u64 {
        match self.tables.get(&table).and_then(|entries| entries.get(index)) {
            Some(entry) => *entry,
            None => {
                self.stray.set(self.stray.get().or(Some((table, index))));
                0
            }
        }
    }

    fn write(&mut self, table: u64, index: usize, entry: u64) {
        match self.tables.get_mut(&table).and_then(|entries| entries.get_mut(index)) {
            Some(place) => *place = entry,
            None => self.stray.set(self.stray.get().or(Some((table, index)))),
        }
    }

    fn allocate(&mut self) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        let table = self.add(JUNK);
        self.made.push(table);
        Some(table)
    }
}

/// What is in a frame that is given out: as an entry it would be present.
const JUNK: u64 = 0xdead_b000 | PRESENT;

impl Memory {
    /// An empty PML4, and memory for `left` tables.
    fn new(trial: &mut Trial, left: usize) -> (Self, u64) {
        let next = trial.random.within(0x100..=0xf_ffff) << 12;
        let (tables, stray) = (BTreeMap::new(), Cell::new(None));
        let mut memory = Self { tables, left, made: Vec::new(), stray, next };
        let root = memory.add(0);
        trial.given("root", format_args!("{root:#x}"));
        (memory, root)
    }

    fn add(&mut self, fill: u64) -> u64 {
        let table = self.next;
        // Frames need not be neighbours.
        self.next += 0x3000;
        self.tables.insert(table, [fill; ENTRIES]);
        table
    }

    /// Builds the tables for `page`, with `flags` in their entries, down to one of
    /// `SHIFTS[..levels]`; gives the last one.
    fn build(&mut self, root: u64, page: u64, levels: usize, flags: u64) -> u64 {
        let mut table = root;
        for shift in &SHIFTS[..levels] {
            let entry = self.read(table, index(page, *shift));
            let next = if entry & PRESENT != 0 { entry & ADDRESS } else { self.add(0) };
            self.write(table, index(page, *shift), next | flags);
            table = next;
        }
        table
    }

    /// The four entries that the CPU reads for `page`, as far as it comes.
    fn walk(&self, root: u64, page: u64) -> Vec<u64> {
        let mut table = root;
        let mut entries = Vec::new();
        for shift in SHIFTS {
            let Some(place) = self.tables.get(&table) else { break };
            let entry = place[index(page, shift)];
            entries.push(entry);
            if entry & PRESENT == 0 {
                break;
            }
            table = entry & ADDRESS;
        }
        entries
    }

    /// Nothing that is no table may have been touched.
    fn no_stray(&self, trial: &mut Trial) -> Checked {
        let Some((table, index)) = self.stray.get() else { return Ok(()) };
        trial.given("index", index);
        if index >= ENTRIES {
            return trial.fail("a table has 512 entries; this index is beyond");
        }
        if table & ADDRESS == JUNK & ADDRESS {
            return trial
                .fail("a new table holds what its frame held before: clear it before it is used");
        }
        if self.tables.contains_key(&(table & ADDRESS)) {
            return trial.fail(format_args!(
                "{table:#x} still has an entry's flags in it: a table's address is bits 51 to 12"
            ));
        }
        trial.fail(format_args!("there is no table at {table:#x}"))
    }
}

/// A page anywhere.
fn page(trial: &mut Trial) -> u64 {
    trial.random.below(1 << 36) << 12
}

/// What to map: page, frame, flags.
fn wanted(trial: &mut Trial) -> (u64, u64, u64) {
    let page = page(trial);
    let frame = trial.random.below(1 << 30) << 12;
    let flags = trial.random.pick(&[0, WRITABLE | NO_EXECUTE, USER, USER | WRITABLE | NO_EXECUTE]);
    trial.given("page", format_args!("{page:#x}"));
    trial.given("frame", format_args!("{frame:#x}"));
    trial.given("flags", format_args!("{}", named(flags)));
    (page, frame, flags)
}

fn named(flags: u64) -> String {
    let bits = [(WRITABLE, "WRITABLE"), (USER, "USER"), (NO_EXECUTE, "NO_EXECUTE")];
    let names: Vec<_> = bits.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, n)| *n).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(" | ") }
}

/// The result must be `Ok`.
fn mapped(trial: &mut Trial, memory: &Memory, result: Result<(), MapError>) -> Checked {
    memory.no_stray(trial)?;
    if result.is_err() && !memory.made.is_empty() {
        return trial.fail(format_args!(
            "{:?}, but nothing is there: a new table holds what its frame held before, clear it",
            result
        ));
    }
    trial.equal("nothing is in the way, so `map` succeeds", result, Ok(()))
}

/// All tables are there: one entry is to be written.
fn last_entry(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        trial.round();
        let (mut memory, root) = Memory::new(trial, 0);
        let (page, frame, flags) = wanted(trial);
        let table = memory.build(root, page, 3, PRESENT | WRITABLE | USER);
        // A neighbour, which stays.
        let other = (index(page, 12) + 1) % ENTRIES;
        memory.write(table, other, JUNK);
        let result = map(&mut memory, root, page, frame, flags);
        if result == Err(MapError::OutOfMemory) {
            return trial.fail("all three tables are there: none needs to be made");
        }
        mapped(trial, &memory, result)?;
        trial.equal_hex("the neighbour's entry stays as it is", memory.read(table, other), JUNK)?;
        let got = memory.read(table, index(page, 12));
        if got == frame | flags {
            return trial.fail("the page's entry is not present: bit 0 is clear");
        }
        trial.bits("the PT's entry: frame, flags, P", ENTRY, got, frame | flags | PRESENT)?;
    }
    Ok(())
}

/// Some or all tables are missing.
fn missing_tables(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        trial.round();
        let (mut memory, root) = Memory::new(trial, 8);
        let (page, frame, flags) = wanted(trial);
        let there = trial.random.index(3);
        memory.build(root, page, there, PRESENT | WRITABLE | USER);
        trial.given("tables_there", there);
        let result = map(&mut memory, root, page, frame, flags);
        mapped(trial, &memory, result)?;
        let entries = memory.walk(root, page);
        if let Some(level) = entries.iter().position(|entry| entry & PRESENT == 0) {
            trial.given("entry", format_args!("{:#x}", entries[level]));
            return trial.fail(format_args!("the {}'s entry is not present", NAMES[level]));
        }
        trial.equal("each level leads to a table", entries.len(), SHIFTS.len())?;
        trial.equal_hex("the way ends at the frame", entries[3] & ADDRESS, frame)?;
        trial.equal("a table is made for each that was missing", memory.made.len(), 3 - there)?;
        for table in memory.made.clone() {
            let used = memory.tables[&table].iter().filter(|entry| **entry != 0).count();
            if used != 1 {
                trial.given("table", format_args!("{table:#x}"));
                trial.compared("1 entry that is not 0", format_args!("{used} entries"));
                return trial.fail(
                    "a new table holds what its frame held before: clear all its other entries",
                );
            }
        }
    }
    Ok(())
}

/// The flags of the entries above the page's.
fn the_way_down(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        trial.round();
        let (mut memory, root) = Memory::new(trial, 8);
        let (page, frame, flags) = wanted(trial);
        let there = trial.random.index(4);
        let closed = PRESENT | WRITABLE;
        memory.build(root, page, there, closed);
        trial.given("tables_there", there);
        let result = map(&mut memory, root, page, frame, flags);
        mapped(trial, &memory, result)?;
        for (level, entry) in memory.walk(root, page).into_iter().take(3).enumerate() {
            let message = if entry & NO_EXECUTE != 0 {
                "NO_EXECUTE above the page takes the right away from all its neighbours"
            } else if entry & WRITABLE == 0 {
                "a table that does not allow writes allows none to all pages below it"
            } else if entry & USER == 0 && flags & USER != 0 {
                "ring 3 needs USER on every level: this one is closed to it"
            } else if entry & USER != 0 && flags & USER == 0 {
                "the page is the kernel's: nothing on its way needs to be open to ring 3"
            } else {
                "the entry of a table: its address, P, W, and U if the page has it"
            };
            let expected = entry & ADDRESS | closed | flags & USER;
            trial.round();
            trial.given("page", format_args!("{page:#x}"));
            trial.given("flags", named(flags));
            trial.given("level", NAMES[level]);
            trial.bits(message, ENTRY, entry, expected)?;
        }
    }
    Ok(())
}

/// Something is mapped there.
fn conflicts(trial: &mut Trial) -> Checked {
    for round in 0..ROUNDS {
        trial.round();
        let (mut memory, root) = Memory::new(trial, 8);
        let (page, frame, flags) = wanted(trial);
        // A page of 1 GiB, of 2 MiB, of 4 KiB. Bit 7 of a PT's entry is PAT.
        let level = 1 + round as usize % 3;
        let table = memory.build(root, page, level, PRESENT | WRITABLE | USER);
        let place = index(page, SHIFTS[level]);
        let bytes = 1_u64 << SHIFTS[level];
        let there = (trial.random.below(1 << 10) * bytes) | PRESENT | WRITABLE | LARGE;
        memory.write(table, place, there);
        trial.given("mapped_there", format_args!("{} KiB, entry {there:#x}", bytes >> 10));
        let result = map(&mut memory, root, page, frame, flags);
        let now = memory.tables[&table][place];
        if now & ADDRESS != there & ADDRESS && level == 3 {
            return trial.fail("the page was mapped to another frame: its owner lost it");
        }
        if memory.stray.get().is_some() && level < 3 {
            return trial.fail("the entry maps a large page, PS is set: it leads to no table");
        }
        memory.no_stray(trial)?;
        trial.equal_hex("what was mapped stays as it was", now, there)?;
        let expected = if level == 3 { MapError::AlreadyMapped } else { MapError::LargePage };
        trial.equal("the page cannot be had", result, Err(expected))?;
    }
    Ok(())
}

/// No frame for a table.
fn out_of_memory(trial: &mut Trial) -> Checked {
    for left in 0..3 {
        trial.round();
        let (mut memory, root) = Memory::new(trial, left);
        let (page, frame, flags) = wanted(trial);
        trial.given("frames_left", left);
        let result = map(&mut memory, root, page, frame, flags);
        memory.no_stray(trial)?;
        trial.equal("three tables are missing", result, Err(MapError::OutOfMemory))?;
        for (table, entries) in &memory.tables {
            for (index, entry) in entries.iter().enumerate() {
                let leads = entry & ADDRESS;
                let junk = memory.made.last() == Some(table) && *entry == JUNK;
                if entry & PRESENT != 0 && !junk && !memory.tables.contains_key(&leads) {
                    trial.given("entry", format_args!("{index} of {table:#x}: {entry:#x}"));
                    return trial.fail("an entry is present and leads to no table");
                }
            }
        }
    }
    Ok(())
}
