//! The table in use: by the kernel itself, and by a program in ring 3.
//!
//! The learner's descriptors fill the table's first five places. Behind them stand the
//! kernel's TSS, as it was, and a code segment that is surely good, through which traps
//! arrive: so a bad descriptor is an exception that can be reported.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::sync::atomic::{AtomicU64, Ordering::SeqCst};
use harness::{Check, Checked, Trial};
use m1_memory::layout::DIRECT_MAP;
use m1_memory::physical::DirectMap;
use m2_gdt_descriptors::table;
use m2_usermode::process::{ExitStatus, Process};
use m2_usermode::program::{HELLO, HELLO_EXIT_CODE};
use x86_64::instructions::interrupts::{self, int3};
use x86_64::instructions::segmentation::{CS, DS, ES, SS, Segment};
use x86_64::instructions::tables::{lgdt, lidt, sgdt, sidt};
use x86_64::structures::DescriptorTablePointer;
use x86_64::structures::gdt::SegmentSelector;
use x86_64::{PrivilegeLevel, VirtAddr};

shared::host_main!("cargo xtask check m2-gdt-descriptors");

const CHECKS: &[Check] = &[
    Check { name: "kernel-runs", body: kernel_runs },
    Check { name: "ring-3-runs", body: ring_3_runs },
];

/// The loader jumps here.
#[cfg_attr(target_os = "none", unsafe(no_mangle))]
pub extern "C" fn kernel_entry() -> ! {
    harness::boot::m2(CHECKS)
}

/// The learner's places, the TSS's two words, and the code segment for traps.
const ENTRIES: usize = 8;
const LEARNERS: usize = 5;
const KERNEL_CODE: SegmentSelector = SegmentSelector::new(1, PrivilegeLevel::Ring0);
const KERNEL_DATA: SegmentSelector = SegmentSelector::new(2, PrivilegeLevel::Ring0);
/// The code segment for traps.
const TRAP_CODE: SegmentSelector = SegmentSelector::new(7, PrivilegeLevel::Ring0);
const GATES: usize = 256;
/// Bits 31 to 16 of a gate: the code segment (Intel SDM Vol. 3A, 7.14.1 "64-Bit Mode
/// IDT").
const GATE_SELECTOR: u64 = 0xffff << 16;

static GDT: [AtomicU64; ENTRIES] = [const { AtomicU64::new(0) }; ENTRIES];
static IDT: [AtomicU64; GATES * 2] = [const { AtomicU64::new(0) }; GATES * 2];

/// Runs `body` with the learner's table loaded.
fn on_table<T>(table: [u64; LEARNERS], body: impl FnOnce() -> T) -> T {
    let (gdt, idt) = (sgdt(), sidt());
    let old = |index: usize| {
        // SAFETY: the kernel's table has seven entries, and nobody writes to it.
        unsafe { gdt.base.as_ptr::<u64>().add(index).read() }
    };
    for (index, entry) in GDT.iter().enumerate() {
        let value = match index {
            ..LEARNERS => table[index],
            7 => old(usize::from(KERNEL_CODE.index())),
            _ => old(index),
        };
        entry.store(value, SeqCst);
    }
    for (index, word) in IDT.iter().enumerate() {
        // SAFETY: the kernel's table has 256 gates of two words, and nobody writes to it.
        let old = unsafe { idt.base.as_ptr::<u64>().add(index).read() };
        let low = old & !GATE_SELECTOR | u64::from(TRAP_CODE.0) << 16;
        word.store(if index % 2 == 0 { low } else { old }, SeqCst);
    }
    let pointer = |base, bytes| DescriptorTablePointer { limit: (bytes - 1) as u16, base };
    let new_gdt = pointer(VirtAddr::from_ptr(GDT.as_ptr()), size_of_val(&GDT));
    let new_idt = pointer(VirtAddr::from_ptr(IDT.as_ptr()), size_of_val(&IDT));
    load(&new_gdt, &new_idt);
    let result = body();
    load(&gdt, &idt);
    result
}

/// Loads both tables, and the segment registers anew.
fn load(gdt: &DescriptorTablePointer, idt: &DescriptorTablePointer) {
    // SAFETY: both tables are static, or the kernel's. Gates lead through a good code
    // segment of the table that is loaded with them; whether the segments of the kernel
    // are good is what is tried.
    interrupts::without_interrupts(|| unsafe {
        lgdt(gdt);
        lidt(idt);
        CS::set_reg(KERNEL_CODE);
        SS::set_reg(KERNEL_DATA);
        DS::set_reg(KERNEL_DATA);
        ES::set_reg(KERNEL_DATA);
    });
}

/// The segment registers take the learner's segments, and an exception and the timer
/// return to them by IRETQ.
fn kernel_runs(trial: &mut Trial) -> Checked {
    let (code, stack) = on_table(table(), || {
        int3();
        interrupts::enable_and_hlt();
        (CS::get_reg(), SS::get_reg())
    });
    trial.equal("CS, with the table loaded", code, KERNEL_CODE)?;
    trial.equal("SS, with the table loaded", stack, KERNEL_DATA)
}

/// IRETQ enters ring 3 by the learner's segments, and a program does its work there.
fn ring_3_runs(trial: &mut Trial) -> Checked {
    let memory = DirectMap::new(DIRECT_MAP).unwrap_or_else(|error| panic!("{error}"));
    let outcome = on_table(table(), || {
        let process = Process::new(&HELLO, memory).and_then(Process::start);
        process.and_then(|running| running.wait()).unwrap_or_else(|error| panic!("{error}"))
    });
    trial.equal(
        "a program in ring 3 must write its greeting and end by itself",
        outcome.status,
        ExitStatus::Exited(HELLO_EXIT_CODE),
    )
}
