//! Audits of simulated tables, in which some pages break the rules.

use harness::{Check, Checked, Trial};
use m1_wx_audit::{
    ADDRESS, ENTRIES, Finding, LARGE, NO_EXECUTE, PRESENT, Problem, Rights, SHIFTS, Tables,
    UPPER_HALF, USER, WRITABLE, audit,
};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::process::ExitCode;

const CHECKS: &[Check] = &[
    Check { name: "rights", body: rights },
    Check { name: "one-page", body: one_page },
    Check { name: "false-alarms", body: false_alarms },
    Check { name: "whole-tree", body: whole_tree },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

const NAMES: [&str; 4] = ["PML4", "PDPT", "PD", "PT"];

/// Tables by their physical addresses.
struct Memory {
    tables: BTreeMap<u64, Box<[u64; ENTRIES]>>,
    stray: Cell<Option<u64>>,
}

impl Tables for Memory {
    fn read(&self, table: u64, index: usize) -> u64 {
        match self.tables.get(&table).and_then(|entries| entries.get(index)) {
            Some(entry) => *entry,
            None => {
                self.stray.set(self.stray.get().or(Some(table)));
                0
            }
        }
    }
}

/// The way to a page: the index and the flags of each entry, the last one a leaf.
type Way = Vec<(usize, u64)>;

/// The PML4 stands at this address, the other tables behind it.
const ROOT: u64 = 0x10_0000;

impl Memory {
    /// Only a PML4. What is not in use has all bits but P.
    fn new() -> Self {
        let mut memory = Self { tables: BTreeMap::new(), stray: Cell::new(None) };
        memory.add();
        memory
    }

    fn add(&mut self) -> u64 {
        let table = ROOT + self.tables.len() as u64 * 0x2000;
        self.tables.insert(table, Box::new([!PRESENT; ENTRIES]));
        table
    }

    /// Puts a page at the end of `way`, and the tables that lead there.
    fn put(&mut self, way: &[(usize, u64)]) {
        let mut table = ROOT;
        for (level, (index, flags)) in way.iter().enumerate() {
            let leaf = level + 1 == way.len();
            let there = self.tables[&table][*index];
            let below = match leaf {
                true => 1 << SHIFTS[level],
                false if there & PRESENT != 0 => there & ADDRESS,
                false => self.add(),
            };
            let large = if leaf && level < 3 { LARGE } else { 0 };
            if let Some(entries) = self.tables.get_mut(&table) {
                entries[*index] = below | flags | large | PRESENT;
            }
            table = below;
        }
    }

    /// What the learner finds, in order of addresses.
    fn audited(&self, trial: &mut Trial) -> Result<Vec<Finding>, Checked> {
        let mut findings = Vec::new();
        audit(self, ROOT, &mut |finding| findings.push(finding));
        findings.sort_unstable();
        match self.stray.get() {
            None => Ok(findings),
            Some(table) if self.tables.contains_key(&(table & ADDRESS)) => Err(trial
                .fail("an entry's flags were left in the address of a table: it is bits 51 to 12")),
            Some(table) => Err(trial.fail(format_args!(
                "{table:#x} was read as a table, and is none: is it a page, or not present?"
            ))),
        }
    }
}

/// Where the page at the end of `way` begins, and its size.
fn place(way: &[(usize, u64)]) -> (u64, u64) {
    let sum =
        way.iter().zip(SHIFTS).map(|((index, _), shift)| (*index as u64) << shift).sum::<u64>();
    let upper = if way[0].0 >= ENTRIES / 2 { UPPER_HALF } else { 0 };
    (sum | upper, 1 << SHIFTS[way.len() - 1])
}

/// What must be found about it.
fn expected(way: &[(usize, u64)]) -> Vec<Finding> {
    let (page, bytes) = place(way);
    let all = |bit: u64| way.iter().all(|(_, flags)| flags & bit != 0);
    let execute = way.iter().all(|(_, flags)| flags & NO_EXECUTE == 0);
    let mut findings = Vec::new();
    if all(WRITABLE) && execute {
        findings.push(Finding { page, bytes, problem: Problem::WritableAndExecutable });
    }
    if all(USER) && page >= UPPER_HALF {
        findings.push(Finding { page, bytes, problem: Problem::OpenToRing3 });
    }
    findings
}

fn shown(flags: u64) -> String {
    let bits = [(WRITABLE, 'W'), (USER, 'U'), (NO_EXECUTE, 'X')];
    let letters = bits.iter().filter(|(bit, _)| flags & bit != 0);
    letters.fold("P".to_owned(), |text, (_, letter)| match letter {
        'X' => text + " XD",
        letter => format!("{text} {letter}"),
    })
}

/// Notes a page and what is in the entries on its way.
fn given(trial: &mut Trial, way: &[(usize, u64)]) {
    let (page, bytes) = place(way);
    trial.given("page", format_args!("{page:#x}, {} KiB", bytes >> 10));
    for (name, (_, flags)) in NAMES.iter().zip(way) {
        trial.given(name, shown(*flags));
    }
}

/// A way with random indices and these flags, one for each level.
fn way(trial: &mut Trial, flags: &[u64]) -> Way {
    flags.iter().map(|flags| (trial.random.index(ENTRIES), *flags)).collect()
}

/// One entry after the other.
fn rights(trial: &mut Trial) -> Checked {
    for round in 0..64 {
        trial.round();
        let above = Rights { write: round & 1 != 0, execute: round & 2 != 0, user: round & 4 != 0 };
        let mut entry = trial.random.bits() & ADDRESS | PRESENT;
        for (bit, flag) in [(8, WRITABLE), (16, USER), (32, NO_EXECUTE)] {
            entry |= if round & bit != 0 { flag } else { 0 };
        }
        trial.given("above", format_args!("{above:?}"));
        trial.given("entry", format_args!("{entry:#x}, {}", shown(entry)));
        let got = above.through(entry);
        let regained =
            got.write && !above.write || got.execute && !above.execute || got.user && !above.user;
        trial.holds(!regained, "a level below cannot give back what one above took away")?;
        let forbidden = entry & NO_EXECUTE != 0;
        if above.execute && got.execute == forbidden {
            return trial.fail("XD is a bit that forbids: where it is set, nothing is executed");
        }
        trial.equal("writes", got.write, above.write && entry & WRITABLE != 0)?;
        trial.equal("execution", got.execute, above.execute && entry & NO_EXECUTE == 0)?;
        trial.equal("ring 3", got.user, above.user && entry & USER != 0)?;
    }
    Ok(())
}

/// A single page that breaks a rule or both, of each size and in each half.
fn one_page(trial: &mut Trial) -> Checked {
    for round in 0..36 {
        trial.round();
        let levels = 2 + round % 3;
        let flags = [WRITABLE, WRITABLE | USER, USER | NO_EXECUTE][round / 3 % 3];
        let mut way = way(trial, &vec![flags; levels]);
        // Once in each half, often at its ends.
        way[0].0 = [trial.random.index(256), 255, 256, 511][round / 9];
        given(trial, &way);
        let mut memory = Memory::new();
        memory.put(&way);
        let found = match memory.audited(trial) {
            Ok(found) => found,
            Err(failed) => return failed,
        };
        compare(trial, &found, &expected(&way))?;
    }
    Ok(())
}

/// The findings about one page.
fn compare(trial: &mut Trial, found: &[Finding], expected: &[Finding]) -> Checked {
    if found == expected {
        return Ok(());
    }
    let shown = |findings: &[Finding]| {
        let texts: Vec<_> = findings
            .iter()
            .map(|f| format!("{:#x}, {} KiB: {:?}", f.page, f.bytes >> 10, f.problem))
            .collect();
        if texts.is_empty() { "nothing".to_owned() } else { texts.join("; ") }
    };
    trial.compared(shown(expected), shown(found));
    let same = |a: &Finding, b: &Finding| a.page == b.page && a.problem == b.problem;
    let low = |a: &Finding, b: &Finding| a.page == b.page & !UPPER_HALF && a.page != b.page;
    let message = if let Some(missing) = expected.iter().find(|f| !found.contains(f)) {
        if found.iter().any(|f| low(f, missing)) {
            "an address of the upper half has bits 63 to 48 set"
        } else if found.iter().any(|f| same(f, missing)) {
            "the size of a page is what one entry of its table covers"
        } else if missing.bytes > 4096 && found.is_empty() {
            "a large page breaks the rule and was not found"
        } else if missing.problem == Problem::OpenToRing3 {
            "a page of the kernel's half is open to ring 3 and was not found"
        } else {
            "a page is writable and executable and was not found"
        }
    } else if expected.len() == found.len() || found.iter().all(|f| expected.contains(f)) {
        "each page is to be reported once"
    } else if found.iter().any(|f| f.problem == Problem::OpenToRing3 && f.page < UPPER_HALF) {
        "the lower half is for ring 3: a page there may be open to it"
    } else {
        "the page was reported, but some level on its way forbids what it is blamed for"
    };
    trial.fail(message)
}

/// Pages that look bad at one level and are not.
fn false_alarms(trial: &mut Trial) -> Checked {
    for round in 0..48 {
        trial.round();
        let levels = 2 + round % 3;
        let mut way = way(trial, &vec![WRITABLE; levels]);
        way[0].0 |= ENTRIES / 2;
        let closed = trial.random.index(levels);
        match round / 3 % 4 {
            // One level forbids execution, one level writes.
            0 => way[closed].1 |= NO_EXECUTE,
            1 => way[closed].1 = 0,
            // Ring 3 has all levels but one.
            2 => {
                way.iter_mut().for_each(|(_, flags)| *flags = USER);
                way[closed].1 = 0;
            }
            // A program's data.
            _ => {
                way[0].0 &= ENTRIES / 2 - 1;
                way.iter_mut().for_each(|(_, flags)| *flags |= USER);
                way[levels - 1].1 |= NO_EXECUTE;
            }
        }
        given(trial, &way);
        let mut memory = Memory::new();
        memory.put(&way);
        let found = match memory.audited(trial) {
            Ok(found) => found,
            Err(failed) => return failed,
        };
        compare(trial, &found, &expected(&way))?;
    }
    Ok(())
}

/// Many pages, under tables that they share.
fn whole_tree(trial: &mut Trial) -> Checked {
    for _ in 0..4 {
        let mut memory = Memory::new();
        let mut ways: Vec<Way> = Vec::new();
        let open = WRITABLE | USER;
        // The flags of tables are mostly open: else all is closed at the end.
        let table = |trial: &mut Trial| match trial.random.below(6) {
            0 => open | NO_EXECUTE,
            1 => trial.random.pick(&[WRITABLE, USER]),
            _ => open,
        };
        for top in [0, 255, 256, 511] {
            let first = (top, table(trial));
            for pdpt in [0, 1 + trial.random.index(510), 511] {
                let second = (pdpt, table(trial));
                if trial.random.below(4) == 0 {
                    ways.push(vec![first, second]);
                    continue;
                }
                for pd in [trial.random.index(256), 256 + trial.random.index(256)] {
                    let third = (pd, table(trial));
                    if trial.random.below(3) == 0 {
                        ways.push(vec![first, second, third]);
                        continue;
                    }
                    for pt in [0, 1 + trial.random.index(510), 511] {
                        // Bit 7 of a PT's entry is PAT.
                        let pat = trial.random.pick(&[0, LARGE]);
                        let flags =
                            trial.random.pick(&[0, WRITABLE, USER, open, open | NO_EXECUTE]);
                        ways.push(vec![first, second, third, (pt, flags | pat)]);
                    }
                }
            }
        }
        ways.iter().for_each(|way| memory.put(way));
        trial.round();
        let found = match memory.audited(trial) {
            Ok(found) => found,
            Err(failed) => return failed,
        };
        for way in &ways {
            let (page, _) = place(way);
            trial.round();
            given(trial, way);
            let about: Vec<_> = found.iter().copied().filter(|f| f.page == page).collect();
            compare(trial, &about, &expected(way))?;
        }
        trial.round();
        let total = ways.iter().map(|way| expected(way).len()).sum::<usize>();
        trial.equal("findings about pages that are there", found.len(), total)?;
    }
    Ok(())
}
