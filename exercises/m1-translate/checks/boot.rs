//! The kernel's own tables, walked by the learner's code: what it finds must be what the
//! CPU finds.

#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

use alloc::boxed::Box;
use harness::{Check, Checked, Trial};
use m1_memory::layout;
use m1_memory::paging::kernel;
use m1_translate::{Tables, translate};
use x86_64::VirtAddr;
use x86_64::registers::control::Cr3;

shared::host_main!("cargo xtask check m1-translate");

const CHECKS: &[Check] = &[
    Check { name: "running-kernel", body: running_kernel },
    Check { name: "same-byte", body: same_byte },
];

/// The loader jumps here.
#[cfg_attr(target_os = "none", unsafe(no_mangle))]
pub extern "C" fn kernel_entry() -> ! {
    harness::boot::m1(CHECKS)
}

/// RAM of the checks' machine, in bytes.
const RAM: u64 = 256 << 20;

/// Physical memory through the direct map.
struct Live;

impl Tables for Live {
    fn entry(&self, table: u64, index: usize) -> u64 {
        // A walk gone astray shall be a wrong answer, not a fault in the check.
        if table >= RAM || !table.is_multiple_of(layout::PAGE_BYTES) || index >= 512 {
            return 0;
        }
        let entry = (layout::DIRECT_MAP.as_u64() + table) as *const u64;
        // SAFETY: the direct map has all RAM; entries are aligned, and a stale one is as
        // good as any to somebody who only looks.
        unsafe { entry.add(index).read_volatile() }
    }
}

fn root() -> u64 {
    Cr3::read().0.start_address().as_u64()
}

/// Code, data, heap, stack, the direct map and what is not mapped.
fn running_kernel(trial: &mut Trial) -> Checked {
    let boxed = Box::new(0_u64);
    let local = 0_u64;
    let places: [(&str, u64); 5] = [
        ("kernel text", running_kernel as *const () as u64),
        ("kernel data", (&raw const GIVEN) as u64),
        ("heap", (&raw const *boxed) as u64),
        ("stack", (&raw const local) as u64),
        ("direct map", layout::DIRECT_MAP.as_u64() + trial.random.below(RAM / 2)),
    ];
    for (name, address) in places {
        trial.round();
        trial.given("address", format_args!("{address:#x} ({name})"));
        let expected = kernel::translate(VirtAddr::new(address)).map(|at| at.physical.as_u64());
        let got = translate(&Live, root(), address);
        if got != expected {
            show(trial, expected, got);
            return trial.fail("what the kernel's own tables say");
        }
    }
    for address in [layout::STACKS.end.as_u64() - 8, 0x1000, layout::DIRECT_MAP_END.as_u64() - 8] {
        trial.round();
        trial.given("address", format_args!("{address:#x}"));
        let got = translate(&Live, root(), address);
        if got.is_some() {
            show(trial, None, got);
            return trial.fail("nothing is mapped there");
        }
    }
    Ok(())
}

static GIVEN: u64 = 0;

/// A value written at the virtual address is read back at the physical one.
fn same_byte(trial: &mut Trial) -> Checked {
    for _ in 0..20 {
        trial.round();
        let value = trial.random.bits();
        let mut boxed = Box::new([0_u64; 128]);
        let index = trial.random.within(1..=127) as usize;
        boxed[index] = value;
        let address = (&raw const boxed[index]) as u64;
        trial.given("address", format_args!("{address:#x} (heap)"));
        let Some(physical) =
            translate(&Live, root(), address).filter(|at| *at < RAM && at.is_multiple_of(8))
        else {
            return trial.fail("the heap is mapped to RAM, but no such address came");
        };
        let seen = (layout::DIRECT_MAP.as_u64() + physical) as *const u64;
        // SAFETY: the address is aligned and in RAM, which the direct map has.
        let seen = unsafe { seen.read_volatile() };
        trial.equal_hex("the value at the physical address", seen, value)?;
    }
    Ok(())
}

fn show(trial: &mut Trial, expected: Option<u64>, got: Option<u64>) {
    match (expected, got) {
        (Some(expected), Some(got)) => {
            trial.compared(format_args!("{expected:#x}"), format_args!("{got:#x}"));
        }
        (Some(expected), None) => trial.compared(format_args!("{expected:#x}"), "nothing mapped"),
        (None, Some(got)) => trial.compared("nothing mapped", format_args!("{got:#x}")),
        (None, None) => {}
    }
}
