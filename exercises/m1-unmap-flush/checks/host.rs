//! Taking pages away, on a simulated machine that writes down what is done to it.

use harness::{Check, Checked, Trial};
use m1_unmap_flush::{ADDRESS, ENTRIES, LARGE, Machine, PRESENT, SHIFTS, UnmapError, index, unmap};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::process::ExitCode;

const CHECKS: &[Check] = &[
    Check { name: "entry-cleared", body: entry_cleared },
    Check { name: "nothing-there", body: nothing_there },
    Check { name: "cpu-told", body: cpu_told },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

/// Rounds of each check.
const ROUNDS: u32 = 30;
/// P, W and XD, as a page of data has them (Intel SDM Vol. 3A, Table 5-20).
const DATA: u64 = PRESENT | 1 << 1 | 1 << 63;

/// What was done to the machine.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    Write { table: u64, index: usize, entry: u64 },
    Flush(u64),
}

/// Tables by their physical addresses, and what was done.
struct Simulated {
    tables: BTreeMap<u64, [u64; ENTRIES]>,
    events: Vec<Event>,
    stray: Cell<Option<u64>>,
    next: u64,
}

impl Machine for Simulated {
    fn read(&self, table: u64, index: usize) -> u64 {
        match self.tables.get(&table).and_then(|entries| entries.get(index)) {
            Some(entry) => *entry,
            None => {
                self.stray.set(Some(table));
                0
            }
        }
    }

    fn write(&mut self, table: u64, index: usize, entry: u64) {
        self.events.push(Event::Write { table, index, entry });
        match self.tables.get_mut(&table).and_then(|entries| entries.get_mut(index)) {
            Some(place) => *place = entry,
            None => self.stray.set(Some(table)),
        }
    }

    fn flush(&mut self, page: u64) {
        self.events.push(Event::Flush(page));
    }
}

/// A page that is mapped: the machine, the PML4, page, frame, and the PT.
struct Mapped {
    machine: Simulated,
    root: u64,
    page: u64,
    frame: u64,
    table: u64,
}

impl Mapped {
    /// A page anywhere, and its neighbours in the PT.
    fn new(trial: &mut Trial) -> Self {
        trial.round();
        let next = trial.random.within(0x100..=0xf_ffff) << 12;
        let (page, frame) = (trial.random.below(1 << 36) << 12, trial.random.below(1 << 30) << 12);
        let (tables, events, stray) = (BTreeMap::new(), Vec::new(), Cell::new(None));
        let mut machine = Simulated { tables, events, stray, next };
        let root = machine.add();
        let mut table = root;
        for shift in &SHIFTS[..3] {
            let below = machine.add();
            machine.write(table, index(page, *shift), below | DATA & !(1 << 63));
            table = below;
        }
        for entry in 0..ENTRIES {
            machine.write(table, entry, (frame + ((entry as u64 + 1) << 40)) & ADDRESS | DATA);
        }
        machine.write(table, index(page, SHIFTS[3]), frame | DATA);
        machine.events.clear();
        trial.given("page", format_args!("{page:#x}"));
        trial.given("entry", format_args!("{:#x}", frame | DATA));
        Self { machine, root, page, frame, table }
    }

    fn unmap(&mut self, trial: &mut Trial) -> Result<Result<u64, UnmapError>, Checked> {
        let result = unmap(&mut self.machine, self.root, self.page);
        match self.machine.stray.get() {
            None => Ok(result),
            Some(table) if self.machine.tables.contains_key(&(table & ADDRESS)) => {
                Err(trial.fail(format_args!(
                    "{table:#x} still has an entry's flags in it: a table's address is bits 51 to 12"
                )))
            }
            Some(table) => Err(trial.fail(format_args!("there is no table at {table:#x}"))),
        }
    }
}

impl Simulated {
    fn add(&mut self) -> u64 {
        let table = self.next;
        self.next += 0x3000;
        self.tables.insert(table, [0; ENTRIES]);
        table
    }
}

/// The entry of the page, and no other, is 0 afterwards.
fn entry_cleared(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let mut mapped = Mapped::new(trial);
        let before = mapped.machine.tables.clone();
        let result = match mapped.unmap(trial) {
            Ok(result) => result,
            Err(failed) => return failed,
        };
        let place = index(mapped.page, SHIFTS[3]);
        for (table, entries) in &before {
            for (number, entry) in entries.iter().enumerate() {
                let now = mapped.machine.tables[table][number];
                if now != *entry && (*table, number) != (mapped.table, place) {
                    trial.given("entry", format_args!("{number} of the table at {table:#x}"));
                    trial.compared(format_args!("{entry:#x}"), format_args!("{now:#x}"));
                    return trial.fail(if *table == mapped.table {
                        "another page's entry was changed"
                    } else {
                        "the entry of a whole table was changed: it holds 511 other pages"
                    });
                }
            }
        }
        let now = mapped.machine.tables[&mapped.table][place];
        if now & PRESENT != 0 {
            return trial.fail("the page's entry is still present");
        }
        trial.equal_hex("the page's entry becomes 0", now, 0)?;
        if result == Ok(mapped.frame | DATA) {
            return trial.fail("that is the whole entry: the frame's address is bits 51 to 12");
        }
        if result == Ok(0) && mapped.frame != 0 {
            return trial.fail("the frame is lost: read the entry before you clear it");
        }
        trial.equal("the frame that was mapped", result, Ok(mapped.frame))?;
    }
    Ok(())
}

/// Where no page of 4 KiB is, nothing may change.
fn nothing_there(trial: &mut Trial) -> Checked {
    for round in 0..ROUNDS {
        let mut mapped = Mapped::new(trial);
        let (root, page) = (mapped.root, mapped.page);
        let (level, large) = [(0, false), (1, false), (2, false), (3, false), (1, true), (2, true)]
            [round as usize % 6];
        let mut table = root;
        for shift in &SHIFTS[..level] {
            table = mapped.machine.read(table, index(page, *shift)) & ADDRESS;
        }
        let bytes = 1_u64 << SHIFTS[level];
        let entry = match large {
            // A large page's address is a multiple of its size.
            true => (trial.random.below(1 << 8) * bytes) | DATA | LARGE,
            // All but P may stand in an entry that is not in use.
            false => mapped.frame | DATA & !PRESENT,
        };
        mapped.machine.write(table, index(page, SHIFTS[level]), entry);
        mapped.machine.events.clear();
        trial.round();
        trial.given("page", format_args!("{page:#x}"));
        let name = ["PML4", "PDPT", "PD", "PT"][level];
        trial.given("entry", format_args!("{entry:#x}, in the {name}"));
        let result = unmap(&mut mapped.machine, root, page);
        let events = &mapped.machine.events;
        let wrote = events.iter().any(|event| matches!(event, Event::Write { .. }));
        if large {
            if mapped.machine.stray.get().is_some() || result == Err(UnmapError::NotMapped) {
                return trial.fail("the entry maps a large page, PS is set: it leads to no table");
            }
            trial.equal("4 KiB of a large page", result, Err(UnmapError::LargePage))?;
        } else {
            if mapped.machine.stray.get().is_some() || result.is_ok() {
                return trial.fail("the entry is not present: what else is in it means nothing");
            }
            trial.equal("no page is there", result, Err(UnmapError::NotMapped))?;
        }
        trial.holds(!wrote, "nothing was to be changed, and an entry was written")?;
    }
    Ok(())
}

/// The CPU is told, of the right page, and not too early.
fn cpu_told(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let mut mapped = Mapped::new(trial);
        if let Err(failed) = mapped.unmap(trial) {
            return failed;
        }
        let events = &mapped.machine.events;
        let position = |wanted: &dyn Fn(&Event) -> bool| events.iter().rposition(wanted);
        let cleared = position(&|event| matches!(event, Event::Write { .. }));
        let flushed = position(&|event| *event == Event::Flush(mapped.page));
        let elsewhere = events.iter().find_map(|event| match event {
            Event::Flush(page) => Some(*page),
            Event::Write { .. } => None,
        });
        trial.holds(cleared.is_some(), "no entry was written")?;
        match (flushed, elsewhere) {
            (None, None) => {
                return trial
                    .fail("the CPU was not told: it may go on with the translation it remembers");
            }
            (None, Some(page)) if page == mapped.frame => {
                return trial.fail("the TLB is asked by virtual address; that was the frame's");
            }
            (None, Some(page)) => {
                trial.compared(format_args!("{:#x}", mapped.page), format_args!("{page:#x}"));
                return trial.fail("the CPU was told to forget another page");
            }
            (Some(_), _) => {}
        }
        trial.holds(
            flushed > cleared,
            "flushed too early: while the entry is there, the CPU may remember it again",
        )?;
    }
    Ok(())
}
