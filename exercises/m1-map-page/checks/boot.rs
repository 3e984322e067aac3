//! A page that the learner maps, in the tables that the CPU is using.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::cell::Cell;
use harness::boot::probe;
use harness::{Check, Checked, Trial};
use m1_map_page::{ENTRIES, NO_EXECUTE, PRESENT, Tables, WRITABLE, map};
use m1_memory::frames::{Purpose, kernel as frames};
use m1_memory::layout;
use m1_memory::physical::{DirectMap, PhysicalMemory};
use x86_64::PhysAddr;
use x86_64::instructions::tlb;
use x86_64::registers::control::Cr3;

shared::host_main!("cargo xtask check m1-map-page");

const CHECKS: &[Check] = &[Check { name: "the-cpu-finds-it", body: the_cpu_finds_it }];

/// The loader jumps here.
#[cfg_attr(target_os = "none", unsafe(no_mangle))]
pub extern "C" fn kernel_entry() -> ! {
    harness::boot::m1_with(probe::or_explain, CHECKS)
}

/// Words of a page.
const WORDS: u64 = layout::PAGE_BYTES / 8;
/// Tables that one page may need, twice.
const TABLES: usize = 8;

/// The running kernel's tables, of which the learner may touch the PML4 and what is new.
struct Running {
    memory: DirectMap,
    known: [u64; TABLES],
    count: usize,
    stray: Cell<Option<u64>>,
}

impl Running {
    /// A pointer to the entry, if it is one of a table that may be touched.
    fn entry(&self, table: u64, index: usize) -> Option<*mut u64> {
        if index >= ENTRIES || !self.known[..self.count].contains(&table) {
            self.stray.set(Some(table));
            return None;
        }
        let table = self.memory.pointer(PhysAddr::new(table)).cast::<u64>();
        Some(table.wrapping_add(index))
    }

    fn frame(&self) -> Option<u64> {
        let frame = frames::allocate_for(Purpose::PageTables).ok()?.start_address();
        let words = self.memory.pointer(frame).cast::<u64>();
        for index in 0..WORDS as usize {
            // What an owner before might have left: it would be a present entry.
            // SAFETY: the frame was just given to us.
            unsafe { words.add(index).write_volatile(0xdead_b000 | PRESENT) };
        }
        Some(frame.as_u64())
    }
}

impl Tables for Running {
    fn read(&self, table: u64, index: usize) -> u64 {
        // SAFETY: the table is ours, or the PML4, which nobody changes meanwhile.
        self.entry(table, index).map_or(0, |entry| unsafe { entry.read_volatile() })
    }

    fn write(&mut self, table: u64, index: usize, entry: u64) {
        // The PML4's upper half is the kernel itself.
        if table == self.known[0] && index >= ENTRIES / 2 {
            self.stray.set(Some(table));
            return;
        }
        if let Some(place) = self.entry(table, index) {
            // SAFETY: the table is ours, or the PML4's lower half, where nothing is.
            unsafe { place.write_volatile(entry) };
        }
    }

    fn allocate(&mut self) -> Option<u64> {
        let place = self.known.get_mut(self.count)?;
        *place = 0;
        let table = self.frame()?;
        self.known[self.count] = table;
        self.count += 1;
        Some(table)
    }
}

/// Two pages in the lower half, where nothing is before: reads and writes through them
/// must arrive in their frames.
fn the_cpu_finds_it(trial: &mut Trial) -> Checked {
    let root = Cr3::read().0.start_address().as_u64();
    let Ok(memory) = DirectMap::new(layout::DIRECT_MAP) else {
        return trial.fail("the direct map is not where it was");
    };
    let mut tables = Running { memory, known: [0; TABLES], count: 1, stray: Cell::new(None) };
    tables.known[0] = root;
    // Not the first GiB, and not in the last entries of a table: a neighbour follows.
    let first = trial.random.within(1..=255) << 39
        | trial.random.below(ENTRIES as u64) << 30
        | trial.random.below(ENTRIES as u64) << 21
        | trial.random.below(ENTRIES as u64 - 1) << 12;
    for page in [first, first + layout::PAGE_BYTES] {
        trial.round();
        let Some(frame) = tables.frame() else { return trial.fail("no frame to map") };
        trial.given("page", format_args!("{page:#x}"));
        trial.given("frame", format_args!("{frame:#x}"));
        // SAFETY: nothing is mapped there.
        let before = unsafe { probe::read(page) };
        trial.equal("nothing is there before", before, None)?;
        let result = map(&mut tables, root, page, frame, WRITABLE | NO_EXECUTE);
        if let Some(table) = tables.stray.get() {
            return trial.fail(format_args!("{table:#x} was used as a table, and is none"));
        }
        trial.equal("nothing is in the way, so `map` succeeds", result, Ok(()))?;
        let offset = trial.random.below(WORDS) * 8;
        let word = trial.random.bits();
        let direct = memory.pointer(PhysAddr::new(frame + offset)).cast::<u64>();
        // SAFETY: the frame is ours, and the page is either it or not mapped.
        let (read, written) = unsafe {
            direct.write_volatile(word);
            (probe::read(page + offset), probe::write(page + offset, !word))
        };
        let Some(read) = read else {
            return trial.fail("the CPU takes a page fault: some level is not present");
        };
        trial.equal_hex("the page must show what is in its frame", read, word)?;
        trial.holds(written, "the CPU does not allow a write: some level is without W")?;
        // SAFETY: the frame is ours.
        let arrived = unsafe { direct.read_volatile() };
        trial.equal_hex("what is written to the page must arrive in its frame", arrived, !word)?;
    }
    tables.write(root, (first >> 39) as usize, 0);
    tlb::flush_all();
    Ok(())
}
