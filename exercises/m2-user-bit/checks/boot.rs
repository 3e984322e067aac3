//! The U bit on the CPU: a program uses a page that the learner's code has opened, and a
//! hole in the kernel's half is one for the program too.

#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

use alloc::vec;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::fmt;
use harness::{Check, Checked, Trial};
use m1_memory::frames::{FrameAllocator, KernelFrames, Purpose};
use m1_memory::layout::DIRECT_MAP;
use m1_memory::physical::{DirectMap, PhysicalMemory};
use m1_memory::stack::{KernelStack, STACK_PAGES};
use m2_user_bit::{
    ADDRESS, ENTRIES, PML4, PRESENT, Tables, USER, first_exposed, index, is_leaf, map_user, shift,
};
use m2_usermode::process::{ExitStatus, Process};
use m2_usermode::program::Program;
use m2_usermode::user_program;
use x86_64::instructions::tlb;
use x86_64::structures::paging::PhysFrame;
use x86_64::{PhysAddr, VirtAddr};

shared::host_main!("cargo xtask check m2-user-bit");

const CHECKS: &[Check] = &[
    Check { name: "program-uses-page", body: program_uses_page },
    Check { name: "hole-is-found", body: hole_is_found },
];

/// The loader jumps here.
#[cfg_attr(target_os = "none", unsafe(no_mangle))]
pub extern "C" fn kernel_entry() -> ! {
    harness::boot::m2(CHECKS)
}

const PAGE: u64 = 4096;

/// Bits of a page fault's error code (Intel SDM Vol. 3A, 5.7 "Page-Fault Exceptions").
const PAGE_IS_PRESENT: u64 = 1 << 0;
const WRITE: u64 = 1 << 1;

user_program!(
    /// Copies the first word of the page that it is given to the second, and exits with
    /// it.
    COPIER, "copier", user_copier..user_copier_end,
    "    mov eax, [rdi]",
    "    mov [rdi + 4], eax",
    "    mov edi, eax",
    "    xor eax, eax",           // exit(edi)
    "    syscall",
    "    ud2",
);

user_program!(
    /// Exits with the word at the address that it is given.
    READER, "reader", user_reader..user_reader_end,
    "    mov edi, [rdi]",
    "    xor eax, eax",           // exit(edi)
    "    syscall",
    "    ud2",
);

fn memory() -> DirectMap {
    DirectMap::new(DIRECT_MAP).unwrap_or_else(|error| panic!("{error}"))
}

fn process(program: &Program, argument: u64) -> Process {
    let process = Process::new(program, memory()).unwrap_or_else(|error| panic!("{error}"));
    process.with_argument(argument)
}

fn root_of(process: &Process) -> u64 {
    process.space().root().start_address().as_u64()
}

fn run(process: Process) -> ExitStatus {
    let outcome = process.start().and_then(|running| running.wait());
    outcome.unwrap_or_else(|error| panic!("{error}")).status
}

/// A frame with zeros.
fn frame() -> u64 {
    let frame: PhysFrame =
        KernelFrames.allocate_for(Purpose::User).unwrap_or_else(|error| panic!("{error}"));
    let bytes = memory().pointer(frame.start_address());
    // SAFETY: the frame was just allocated, and is a page long.
    unsafe { bytes.write_bytes(0, PAGE as usize) };
    frame.start_address().as_u64()
}

/// The entry `index` of a table.
fn slot(table: u64, index: usize) -> *mut u64 {
    memory().pointer(PhysAddr::new(table)).cast::<u64>().wrapping_add(index % ENTRIES)
}

/// The tables of a process, as far as they were reached from its PML4. Nothing else is
/// read or written.
struct Machine {
    root: u64,
    /// Tables and their levels.
    known: RefCell<Vec<(u64, u32)>>,
    /// Something was used as a table that is none, or the kernel's half written to.
    stray: Cell<Option<u64>>,
}

impl Machine {
    fn new(root: u64) -> Self {
        Self { root, known: RefCell::new(vec![(root, PML4)]), stray: Cell::new(None) }
    }

    fn level(&self, table: u64) -> Option<u32> {
        let known = self.known.borrow();
        let level = known.iter().find(|known| known.0 == table).map(|known| known.1);
        if level.is_none() {
            self.stray.set(Some(table));
        }
        level
    }

    /// Notes the table that `entry` of a table of `level` leads to.
    fn meet(&self, entry: u64, level: u32) {
        let table = entry & ADDRESS;
        if entry & PRESENT != 0 && !is_leaf(entry, level) {
            let mut known = self.known.borrow_mut();
            if known.iter().all(|known| known.0 != table) {
                known.push((table, level - 1));
            }
        }
    }

    fn judge(&self, trial: &mut Trial) -> Checked {
        match self.stray.get() {
            Some(table) => trial
                .fail(format_args!("{table:#x} was used as a table of the user half, but is none")),
            None => Ok(()),
        }
    }
}

impl Tables for Machine {
    fn read(&self, table: u64, index: usize) -> u64 {
        let Some(level) = self.level(table) else { return 0 };
        // SAFETY: the frame is a table that was reached from the PML4.
        let entry = unsafe { slot(table, index).read() };
        self.meet(entry, level);
        entry
    }

    fn write(&mut self, table: u64, index: usize, entry: u64) {
        if table == self.root && index >= ENTRIES / 2 {
            self.stray.set(Some(table));
        } else if self.level(table).is_some() {
            // SAFETY: the frame is a table of the user half, which no CPU has loaded.
            unsafe { slot(table, index).write(entry) };
        }
    }

    fn create(&mut self) -> u64 {
        let table = frame();
        // Whatever its level is: the tables below it are created here too, so that none
        // has to be found by way of it.
        self.known.borrow_mut().push((table, 1));
        table
    }
}

/// A program reads and writes a page that `map_user` has mapped into its address space.
fn program_uses_page(trial: &mut Trial) -> Checked {
    // Below the entry of the PML4 that the program's own pages hang from, and below new
    // ones.
    for top in [0, 1, 255] {
        trial.round();
        let page = top << shift(PML4) | trial.random.within(2..=500) << shift(3) | (PAGE * 77);
        let secret = trial.random.within(1..=i32::MAX as u64) as u32;
        let data = frame();
        let words = memory().pointer(PhysAddr::new(data)).cast::<u32>();
        // SAFETY: the frame was just allocated.
        unsafe { words.write(secret) };
        let process = process(&COPIER, page);
        trial.given("page", format_args!("{page:#x}"));
        trial.given("frame", format_args!("{data:#x}"));
        let root = root_of(&process);
        let mut machine = Machine::new(root);
        map_user(&mut machine, root, page, data);
        machine.judge(trial)?;
        match run(process) {
            ExitStatus::Exited(code) => {
                trial.equal("the word that the program has read", code as u32, secret)?;
            }
            ExitStatus::Killed(killed) if killed.address & !(PAGE - 1) == page => {
                trial.given("error_code", format_args!("{:#x}", killed.error_code));
                return trial.fail(match killed.error_code & (PAGE_IS_PRESENT | WRITE) {
                    PAGE_IS_PRESENT => "ring 3 may not read the page: U is clear at some level",
                    0 => "the page is not mapped: P is clear at some level",
                    _ => "ring 3 may read the page, but not write: R/W is clear at some level",
                });
            }
            other => return trial.fail(format_args!("the program {other}")),
        }
        // SAFETY: the frame is still ours: the address space counts only pages that the
        // course's own code has mapped, and gives back no others.
        let written = unsafe { words.add(1).read() };
        trial.equal("the word that the program has written", written, secret)?;
    }
    Ok(())
}

/// Where the entries of the walk to a page are.
fn walk(root: u64, page: u64) -> [*mut u64; 4] {
    let mut table = root;
    [4, 3, 2, 1].map(|level| {
        let slot = slot(table, index(page, level));
        // SAFETY: the page is mapped with 4 KiB, so that each entry leads to a table.
        table = unsafe { slot.read() } & ADDRESS;
        slot
    })
}

/// Indices into a walk, for people.
struct Levels<'a>(&'a [usize]);

impl fmt::Display for Levels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (place, &level) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{}", ["PML4", "PDPT", "PD", "PT"][level])?;
        }
        Ok(())
    }
}

/// Sets or clears U in an entry on the way to `page`.
fn set_user(slot: *mut u64, page: u64, user: bool) {
    // SAFETY: the entry is one of `walk`. U in it changes nothing for ring 0: all pages
    // below but `page` have U = 0 in their own entries, and nobody uses `page`.
    unsafe {
        let entry = slot.read();
        slot.write(if user { entry | USER } else { entry & !USER });
    }
    tlb::flush(VirtAddr::new(page));
}

/// A page of the kernel's is opened: at no level, at all but one, at all. `first_exposed`
/// and the CPU must agree each time.
fn hole_is_found(trial: &mut Trial) -> Checked {
    let stack = KernelStack::new().unwrap_or_else(|error| panic!("{error}"));
    let page = stack.range().start.as_u64() + PAGE * trial.random.below(STACK_PAGES);
    let secret = trial.random.within(1..=i32::MAX as u64) as u32;
    // SAFETY: the page is mapped, and the stack is ours.
    unsafe { (page as *mut u32).write(secret) };
    let mut closed: [&[usize]; 6] = [&[0, 1, 2, 3], &[0], &[1], &[2], &[3], &[]];
    trial.random.shuffle(&mut closed);
    for closed in closed {
        trial.round();
        trial.given("page", format_args!("{page:#x}"));
        trial.given("levels_with_U_clear", format_args!("{}", Levels(closed)));
        // The PML4 is the process's own, the tables below are shared with the kernel.
        let process = process(&READER, page);
        let root = root_of(&process);
        let slots = walk(root, page);
        for (level, &slot) in slots.iter().enumerate() {
            set_user(slot, page, !closed.contains(&level));
        }
        let machine = Machine::new(root);
        let found = first_exposed(&machine, root);
        let status = run(process);
        // The PML4 is gone with the process.
        for &slot in &slots[1..] {
            set_user(slot, page, false);
        }
        machine.judge(trial)?;
        let entered = match status {
            ExitStatus::Exited(code) => code as u32 == secret,
            ExitStatus::Killed(killed) if killed.address == page => false,
            other => return trial.fail(format_args!("the program {other}")),
        };
        trial.equal("whether ring 3 can read the page", entered, closed.is_empty())?;
        match (found, entered) {
            (None, true) => {
                return trial
                    .fail("a program has read the page, but `first_exposed` found nothing");
            }
            (Some(found), false) => {
                return trial.fail(format_args!(
                    "`first_exposed` says {found:#x}, but no page of the kernel's is open"
                ));
            }
            (Some(found), true) => trial.equal_hex("the page that is open", found, page)?,
            (None, false) => {}
        }
    }
    Ok(())
}
