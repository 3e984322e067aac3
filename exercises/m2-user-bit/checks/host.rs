//! The U bit in page tables that lie in a map, not in memory.

use harness::{Check, Checked, Layout, Random, Trial};
use m2_user_bit::{
    ADDRESS, ENTRIES, LARGE, NO_EXECUTE, PML4, PRESENT, Tables, USER, WRITABLE, first_exposed,
    index, is_leaf, map_user, open_to_ring_3, shift,
};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::process::ExitCode;

const CHECKS: &[Check] = &[
    Check { name: "conjunction", body: conjunction },
    Check { name: "map", body: map },
    Check { name: "neighbour", body: neighbour },
    Check { name: "audit", body: audit },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

/// Intel SDM Vol. 3A, 5.5.4 "Linear-Address Translation with 4-Level Paging and 5-Level
/// Paging", Tables 5-15 to 5-20.
const ENTRY: Layout = Layout::new(
    64,
    &[
        ("XD", 63, 63),
        ("ignored", 62, 52),
        ("address", 51, 12),
        ("G", 8, 8),
        ("PS", 7, 7),
        ("D", 6, 6),
        ("A", 5, 5),
        ("U/S", 2, 2),
        ("R/W", 1, 1),
        ("P", 0, 0),
    ],
);

/// The table of a level, by name.
fn name(level: u32) -> &'static str {
    match level {
        1 => "PT",
        2 => "PD",
        3 => "PDPT",
        _ => "PML4",
    }
}

const FIRST_TABLE: u64 = 0x10_0000;
const PAGE: u64 = 4096;
/// First address of the kernel's half.
const KERNEL_HALF: u64 = 0xffff_8000_0000_0000;

/// Page tables by physical address.
struct Memory {
    tables: BTreeMap<u64, [u64; ENTRIES]>,
    /// An address that was used as a table and is none.
    stray: Cell<Option<u64>>,
    next: u64,
}

impl Memory {
    /// An empty PML4, and the memory that it is in.
    fn new() -> (Self, u64) {
        let tables = BTreeMap::new();
        let mut memory = Self { tables, stray: Cell::new(None), next: FIRST_TABLE };
        let root = memory.create();
        (memory, root)
    }

    /// Puts `leaf` at `address` into a table of `level`. `user(level)` says whether U is
    /// set in a table's entry that has to be made.
    fn put(
        &mut self,
        root: u64,
        address: u64,
        level: u32,
        leaf: u64,
        user: &mut dyn FnMut() -> bool,
    ) {
        let mut table = root;
        for above in (level + 1..=PML4).rev() {
            let slot = index(address, above);
            let mut entry = self.tables[&table][slot];
            if entry & PRESENT == 0 {
                let open = if user() { USER } else { 0 };
                entry = self.create() | PRESENT | WRITABLE | open;
                self.write(table, slot, entry);
            }
            if entry & LARGE != 0 {
                return; // a larger page is there already
            }
            table = entry & ADDRESS;
        }
        if self.tables[&table][index(address, level)] & PRESENT == 0 {
            self.write(table, index(address, level), leaf);
        }
    }

    /// The entries of the walk to `address`, as far as it goes, each with its level.
    fn walk(&self, root: u64, address: u64) -> Vec<(u32, u64)> {
        let (mut walk, mut table) = (Vec::new(), root);
        for level in (1..=PML4).rev() {
            let Some(entries) = self.tables.get(&table) else { break };
            let entry = entries[index(address, level)];
            walk.push((level, entry));
            if entry & PRESENT == 0 || is_leaf(entry, level) {
                break;
            }
            table = entry & ADDRESS;
        }
        walk
    }

    /// All leaves of the upper half, lowest first: address, whether the leaf has U, and
    /// whether all of the walk has.
    fn leaves(&self, root: u64) -> Vec<(u64, bool, bool)> {
        let mut leaves = Vec::new();
        self.collect(root, PML4, 0xffff << 48, true, &mut leaves);
        leaves
    }

    fn collect(
        &self,
        table: u64,
        level: u32,
        start: u64,
        open: bool,
        leaves: &mut Vec<(u64, bool, bool)>,
    ) {
        let first = if level == PML4 { ENTRIES / 2 } else { 0 };
        for slot in first..ENTRIES {
            let entry = self.tables[&table][slot];
            let address = start + ((slot as u64) << shift(level));
            let user = entry & USER != 0;
            if entry & PRESENT == 0 {
                continue;
            } else if is_leaf(entry, level) {
                leaves.push((address, user, open && user));
            } else {
                self.collect(entry & ADDRESS, level - 1, address, open && user, leaves);
            }
        }
    }
}

impl Tables for Memory {
    fn read(&self, table: u64, index: usize) -> u64 {
        match self.tables.get(&table) {
            Some(entries) => entries[index],
            None => {
                self.stray.set(Some(table));
                0
            }
        }
    }

    fn write(&mut self, table: u64, index: usize, entry: u64) {
        match self.tables.get_mut(&table) {
            Some(entries) => entries[index] = entry,
            None => self.stray.set(Some(table)),
        }
    }

    fn create(&mut self) -> u64 {
        let table = self.next;
        self.next += PAGE;
        self.tables.insert(table, [0; ENTRIES]);
        table
    }
}

/// No access may have gone to something that is no table.
fn on_tables_only(trial: &mut Trial, memory: &Memory) -> Checked {
    match memory.stray.get() {
        Some(table) => trial.fail(format_args!(
            "{table:#x} was used as a table, but is none: a page's address, or an entry with \
             its flags?"
        )),
        None => Ok(()),
    }
}

/// All entries have a say.
fn conjunction(trial: &mut Trial) -> Checked {
    for _ in 0..100 {
        trial.round();
        let length = trial.random.within(2..=4) as usize;
        let mut walk = vec![PRESENT | USER | WRITABLE; length];
        // One or no entry is closed, so that each has its say often.
        if trial.random.flip() {
            let missing = trial.random.pick(&[USER, USER, PRESENT]);
            let closed = trial.random.index(length);
            walk[closed] &= !missing;
        }
        let bits = |entry: &u64| format!("P={} U={}", entry & PRESENT, (entry & USER) >> 2);
        trial.given("walk", walk.iter().map(bits).collect::<Vec<_>>().join(", then "));
        let expected = walk.iter().all(|entry| entry & (PRESENT | USER) == PRESENT | USER);
        let got = open_to_ring_3(&walk);
        let last = walk.last().is_some_and(|entry| entry & (PRESENT | USER) == PRESENT | USER);
        let message = match (expected, last) {
            (false, true) => "an entry on the way has U or P clear: that closes all below it",
            (false, false) => "the page's own entry has U or P clear: that closes the page",
            (true, _) => "P and U are set in every entry: the page is open",
        };
        trial.equal(message, got, expected)?;
    }
    Ok(())
}

/// A page of the user half.
fn user_page(random: &mut Random) -> u64 {
    PAGE * random.within(16..=(1 << 35) - 1)
}

/// The walk to `page` must lead to `frame`, as `map_user` promises.
fn mapped(trial: &mut Trial, memory: &Memory, root: u64, page: u64, frame: u64) -> Checked {
    on_tables_only(trial, memory)?;
    for (level, entry) in memory.walk(root, page) {
        let table = name(level);
        if entry & PRESENT == 0 {
            return trial.fail(format_args!("the {table}'s entry for the page is not present"));
        }
        if level > 1 && entry & LARGE != 0 {
            return trial
                .fail(format_args!("the {table}'s entry has PS set: that is a large page"));
        }
        let place = if level == 1 { "the page's own entry" } else { "an entry on the way" };
        trial.given("entry", format_args!("{table}[{}], {place}", index(page, level)));
        let message = "U is clear: ring 3 is stopped there, whatever stands in the others";
        trial.bits(message, ENTRY, entry, entry | USER)?;
        let message = "R/W is clear: the program could not write";
        trial.bits(message, ENTRY, entry, entry | WRITABLE)?;
        if level > 1 {
            let message = "XD is set on the way: no page below could be executed";
            trial.bits(message, ENTRY, entry, entry & !NO_EXECUTE)?;
        } else {
            let message = "XD is clear: the program could execute its data";
            trial.bits(message, ENTRY, entry, entry | NO_EXECUTE)?;
            let message = "the page's entry holds the frame's address, and P, R/W, U and XD";
            let expected = frame | PRESENT | WRITABLE | USER | NO_EXECUTE;
            trial.bits(message, ENTRY, entry, expected)?;
        }
    }
    Ok(())
}

/// A page in empty tables, and a second one that shares some with it.
fn map(trial: &mut Trial) -> Checked {
    for _ in 0..30 {
        trial.round();
        let (mut memory, root) = Memory::new();
        let page = user_page(&mut trial.random);
        let frame = PAGE * trial.random.within(0x1000..=0xffff);
        trial.given("page", format_args!("{page:#x}"));
        trial.given("frame", format_args!("{frame:#x}"));
        map_user(&mut memory, root, page, frame);
        mapped(trial, &memory, root, page, frame)?;
        trial.equal("tables there are now, the PML4 included", memory.tables.len(), 4)?;

        trial.round();
        let (second, other) = (page ^ PAGE, frame + PAGE);
        trial.given("first_page", format_args!("{page:#x}"));
        trial.given("page", format_args!("{second:#x}"));
        map_user(&mut memory, root, second, other);
        mapped(trial, &memory, root, second, other)?;
        trial.equal("both pages have the same tables; they are", memory.tables.len(), 4)?;
        mapped(trial, &memory, root, page, frame)?;
    }
    Ok(())
}

/// A page beside one of the kernel's, whose tables have U = 0.
fn neighbour(trial: &mut Trial) -> Checked {
    /// A bit that the CPU ignores and that the kernel has put there.
    const KERNELS_OWN: u64 = 1 << 52;
    for _ in 0..30 {
        trial.round();
        let (mut memory, root) = Memory::new();
        let page = user_page(&mut trial.random);
        let kernels = page ^ PAGE;
        let leaf = (PAGE * trial.random.within(0x1_0000..=0x1_ffff)) | PRESENT | WRITABLE;
        // From some level on the tables are closed.
        let open_levels = trial.random.below(3);
        let mut made = 0;
        let mut user = || {
            made += 1;
            made <= open_levels
        };
        memory.put(root, kernels, 1, leaf, &mut user);
        let slot = index(page, PML4);
        let top = memory.tables[&root][slot] | KERNELS_OWN;
        memory.write(root, slot, top);
        let frame = PAGE * trial.random.within(0x1000..=0xffff);
        trial.given("page", format_args!("{page:#x}"));
        trial.given("kernel_page", format_args!("{kernels:#x}"));
        map_user(&mut memory, root, page, frame);
        on_tables_only(trial, &memory)?;
        let top_now = memory.tables[&root][slot] | USER;
        let message = "the tables were there: keep the entry as it is, but for U";
        trial.bits(message, ENTRY, top_now, top | USER)?;
        let kept = memory.walk(root, kernels);
        let message = "the kernel's page is no longer mapped: its tables were replaced";
        trial.holds(kept.len() == 4 && kept[3].1 & PRESENT != 0, message)?;
        let message = "the kernel's page must stay closed: its own entry keeps U = 0";
        trial.bits(message, ENTRY, kept[3].1, leaf)?;
        mapped(trial, &memory, root, page, frame)?;
    }
    Ok(())
}

/// Holes in the kernel's half, among pages of all sizes.
fn audit(trial: &mut Trial) -> Checked {
    for round in 0..120 {
        trial.round();
        let (mut memory, root) = Memory::new();
        let random = &mut trial.random;
        // A program's page, open as it should be.
        let page = user_page(random);
        memory.put(root, page, 1, PAGE | PRESENT | USER, &mut || true);
        let open_leaves = round % 3 != 0;
        for _ in 0..random.within(1..=8) {
            let level = random.within(1..=3) as u32;
            let slot = random.pick(&[256, 257, 300, 511]);
            let address = 0xffff << 48 | slot << 39 | random.below(1 << 39) >> 12 << 12;
            let large = if level > 1 { LARGE } else { 0 };
            let user = if open_leaves && random.flip() { USER } else { 0 };
            let frame = random.below(1 << 28) << shift(level) & ADDRESS;
            let leaf = frame | PRESENT | large | user;
            memory.put(root, address, level, leaf, &mut || random.below(5) > 0);
        }
        let leaves = memory.leaves(root);
        let expected = leaves.iter().find(|leaf| leaf.2).map(|leaf| leaf.0);
        let got = first_exposed(&memory, root);
        on_tables_only(trial, &memory)?;
        if got == expected {
            continue;
        }
        let text = |found: Option<u64>| match found {
            Some(address) => format!("Some({address:#x})"),
            None => "None".to_owned(),
        };
        trial.compared(text(expected), text(got));
        let leaf = |address| leaves.iter().find(|leaf| leaf.0 == address);
        return match (got, expected) {
            (Some(found), Some(hole)) if found == hole & ((1 << 48) - 1) => {
                trial.fail("bits 63 to 48 of a canonical address of the upper half are ones")
            }
            (Some(found), _) if found < KERNEL_HALF => trial.fail(
                "that address is in the user half, where pages are open on purpose: begin at \
                 entry 256 of the PML4",
            ),
            (Some(found), _) => match leaf(found) {
                Some((_, true, false)) => trial.fail(
                    "U is set in that page's own entry, but clear in one above it: ring 3 \
                     cannot come there",
                ),
                Some((_, false, _)) => trial
                    .fail("U is clear in that page's own entry: open tables alone open nothing"),
                Some(_) => trial.fail("that page is open, but a lower one is too"),
                None => trial.fail("no page begins there"),
            },
            (None, _) => trial.fail("that page is open to ring 3, and was not found"),
        };
    }
    Ok(())
}
