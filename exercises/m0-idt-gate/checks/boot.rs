//! The gate in use: the CPU reads it when `int3` comes.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::sync::atomic::{AtomicU64, Ordering::SeqCst};
use harness::{Check, Checked, Trial};
use m0_idt_gate::Gate;
use x86_64::VirtAddr;
use x86_64::instructions::interrupts::int3;
use x86_64::instructions::segmentation::{CS, Segment};
use x86_64::instructions::tables::{lidt, sidt};
use x86_64::structures::DescriptorTablePointer;

shared::host_main!("cargo xtask check m0-idt-gate");

const CHECKS: &[Check] = &[Check { name: "int3-arrives", body: int3_arrives }];

/// The loader jumps here.
#[cfg_attr(target_os = "none", unsafe(no_mangle))]
pub extern "C" fn kernel_entry() -> ! {
    harness::boot::m0(CHECKS)
}

/// Vector 3, #BP.
const BREAKPOINT: usize = 3;

static ARRIVED: AtomicU64 = AtomicU64::new(0);

/// The handler: counts, and goes back. #BP pushes no error code.
#[unsafe(naked)]
extern "C" fn count_breakpoint() {
    core::arch::naked_asm!(
        "lock inc qword ptr [rip + {arrived}]",
        "iretq",
        arrived = sym ARRIVED,
    )
}

/// A copy of the loaded table with the learner's gate for #BP must bring `int3` to its
/// handler, and back.
fn int3_arrives(trial: &mut Trial) -> Checked {
    static TABLE: [AtomicU64; 512] = [const { AtomicU64::new(0) }; 512];
    let loaded = sidt();
    for (index, word) in TABLE.iter().enumerate() {
        // SAFETY: the loaded table has 256 gates of two words, and nobody writes to it.
        word.store(unsafe { loaded.base.as_ptr::<u64>().add(index).read() }, SeqCst);
    }
    let handler = count_breakpoint as *const () as u64;
    let gate = Gate::interrupt(handler, CS::get_reg().0, 0, 0);
    trial.given("handler", format_args!("{handler:#x}"));
    TABLE[BREAKPOINT * 2].store(gate.low, SeqCst);
    TABLE[BREAKPOINT * 2 + 1].store(gate.high, SeqCst);
    let base = VirtAddr::from_ptr(TABLE.as_ptr());
    // SAFETY: the table is static and complete; its gate for #BP is what is tried.
    unsafe { lidt(&DescriptorTablePointer { limit: loaded.limit, base }) };
    int3();
    // SAFETY: it was loaded before.
    unsafe { lidt(&loaded) };
    trial.equal("`int3` must reach the handler once", ARRIVED.load(SeqCst), 1)
}
