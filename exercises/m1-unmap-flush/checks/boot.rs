//! Pages that the CPU has used, and must not be able to use any more.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::cell::Cell;
use harness::boot::probe;
use harness::{Check, Checked, Trial};
use m1_memory::frames::{Purpose, kernel as frames};
use m1_memory::layout::{self, PAGE_BYTES};
use m1_memory::physical::{DirectMap, PhysicalMemory};
use m1_unmap_flush::{ADDRESS, ENTRIES, Machine, PRESENT, SHIFTS, index, unmap};
use x86_64::instructions::{interrupts, tlb};
use x86_64::registers::control::Cr3;
use x86_64::{PhysAddr, VirtAddr};

shared::host_main!("cargo xtask check m1-unmap-flush");

const CHECKS: &[Check] = &[
    Check { name: "no-stale-read", body: no_stale_read },
    Check { name: "no-stale-write", body: no_stale_write },
];

/// The loader jumps here.
#[cfg_attr(target_os = "none", unsafe(no_mangle))]
pub extern "C" fn kernel_entry() -> ! {
    harness::boot::m1_with(probe::or_explain, CHECKS)
}

/// Rounds: by chance the CPU may have forgotten a translation by itself, but not in all.
const ROUNDS: u32 = 16;
/// W and XD of an entry (Intel SDM Vol. 3A, Table 5-20).
const WRITABLE: u64 = 1 << 1;
const NO_EXECUTE: u64 = 1 << 63;

/// The running kernel's tables; what is known are the four for one page.
struct Running {
    memory: DirectMap,
    known: [u64; 4],
    stray: Cell<Option<u64>>,
    /// How often the learner flushed.
    flushes: u32,
}

impl Running {
    fn entry(&self, table: u64, index: usize) -> Option<*mut u64> {
        if index >= ENTRIES || !self.known.contains(&table) {
            self.stray.set(Some(table));
            return None;
        }
        let table = self.memory.pointer(PhysAddr::new(table)).cast::<u64>();
        Some(table.wrapping_add(index))
    }
}

impl Machine for Running {
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
            // SAFETY: the table is ours, or the PML4's lower half, where nothing else is.
            unsafe { place.write_volatile(entry) };
        }
    }

    fn flush(&mut self, page: u64) {
        self.flushes += 1;
        let Ok(address) = VirtAddr::try_new(page) else { return };
        tlb::flush(address);
        if page >> SHIFTS[0] < ENTRIES as u64 / 2 {
            // The CPU may translate the address again at any time, and does so here.
            // SAFETY: in the lower half there are only the pages of these checks.
            let _ = unsafe { probe::read(page) };
        }
    }
}

/// A frame filled with `word`.
fn frame(memory: DirectMap, word: u64) -> Option<u64> {
    let frame = frames::allocate_for(Purpose::Other).ok()?.start_address();
    let words = memory.pointer(frame).cast::<u64>();
    for index in 0..PAGE_BYTES as usize / 8 {
        // SAFETY: the frame was just given to us.
        unsafe { words.add(index).write_volatile(word) };
    }
    Some(frame.as_u64())
}

/// A page that is mapped in the running tables.
struct Mapped {
    machine: Running,
    page: u64,
    frame: u64,
}

impl Mapped {
    /// Somewhere in the lower half, where nothing else is; its frame filled with `word`.
    fn new(trial: &mut Trial, word: u64) -> Option<Self> {
        trial.round();
        let memory = DirectMap::new(layout::DIRECT_MAP).ok()?;
        let page = trial.random.within(1 << 27..=(1 << 35) - 1) << 12;
        let root = Cr3::read().0.start_address().as_u64();
        let known = [root, frame(memory, 0)?, frame(memory, 0)?, frame(memory, 0)?];
        let mut machine = Running { memory, known, stray: Cell::new(None), flushes: 0 };
        let frame = frame(memory, word)?;
        for level in 0..3 {
            let below = known[level + 1] | PRESENT | WRITABLE;
            machine.write(known[level], index(page, SHIFTS[level]), below);
        }
        trial.given("page", format_args!("{page:#x}"));
        trial.given("frame", format_args!("{frame:#x}"));
        let mut mapped = Self { machine, page, frame };
        mapped.put(frame);
        Some(mapped)
    }

    /// Lets the page's entry lead to `frame`.
    fn put(&mut self, frame: u64) {
        let entry = frame & ADDRESS | PRESENT | WRITABLE | NO_EXECUTE;
        self.machine.write(self.machine.known[3], index(self.page, SHIFTS[3]), entry);
    }

    /// The learner's turn.
    fn unmap(&mut self, trial: &mut Trial) -> Checked {
        let root = self.machine.known[0];
        let result = unmap(&mut self.machine, root, self.page);
        if let Some(table) = self.machine.stray.get() {
            return trial.fail(format_args!("{table:#x} was used as a table, and is none"));
        }
        trial.equal("the frame that was mapped", result, Ok(self.frame))
    }

    /// What is wrong if the page can still be used.
    fn stale(&self) -> &'static str {
        let entry = self.machine.read(self.machine.known[3], index(self.page, SHIFTS[3]));
        if entry & PRESENT != 0 {
            "the entry is still present"
        } else if self.machine.flushes == 0 {
            "the entry is 0, but the TLB remembers the page: it was not flushed"
        } else {
            "the entry is 0, but the TLB remembers the page: it was flushed before the entry \
             was cleared, and the CPU translated the address again"
        }
    }

    /// Takes it out of the running tables.
    fn forget(mut self) {
        let root = self.machine.known[0];
        self.machine.write(root, index(self.page, SHIFTS[0]), 0);
        tlb::flush_all();
    }
}

/// A read of the page, which the CPU has read before, must fault.
fn no_stale_read(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let word = trial.random.bits();
        let Some(mut mapped) = Mapped::new(trial, word) else {
            return trial.fail("no frames for the check");
        };
        // Nothing may come between that uses the TLB for other addresses.
        let after = interrupts::without_interrupts(|| {
            // SAFETY: the page is this check's, mapped or not.
            let before = unsafe { probe::read(mapped.page) };
            trial.equal("the page can be read before", before, Some(word))?;
            mapped.unmap(trial)?;
            // SAFETY: as above.
            Ok(unsafe { probe::read(mapped.page) })
        })?;
        if let Some(got) = after {
            trial.compared("a page fault", format_args!("a read that gives {got:#x}"));
            return trial.fail(mapped.stale());
        }
        mapped.forget();
    }
    Ok(())
}

/// A write through the page, at which another frame is mapped now, must not arrive in the
/// old one: it belongs to somebody else.
fn no_stale_write(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let word = trial.random.bits();
        let Some(mut mapped) = Mapped::new(trial, word) else {
            return trial.fail("no frames for the check");
        };
        let Some(next) = frame(mapped.machine.memory, word) else {
            return trial.fail("no frames for the check");
        };
        trial.given("next_frame", format_args!("{next:#x}"));
        interrupts::without_interrupts(|| {
            // SAFETY: the page is this check's.
            let before = unsafe { probe::write(mapped.page, word) };
            trial.holds(before, "the page can be written before")?;
            mapped.unmap(trial)?;
            mapped.put(next);
            // SAFETY: the page is this check's, whichever frame it leads to.
            let after = unsafe { probe::write(mapped.page, !word) };
            trial.holds(after, "the page can be written when a frame is mapped there again")
        })?;
        let old = mapped.machine.memory.pointer(PhysAddr::new(mapped.frame)).cast::<u64>();
        // SAFETY: the frame is this check's.
        if unsafe { old.read_volatile() } != word {
            return trial.fail(
                "a write to the page arrived in the frame that was taken away: the TLB \
                 remembers it, and the frame's next owner finds a stranger's bytes",
            );
        }
        mapped.forget();
    }
    Ok(())
}
