//! Accesses that may fault, when whether they do is the question.
//!
//! [`read`] and [`write`] try one word; [`or_explain`] is the fault policy (for
//! [`m1_with`](super::m1_with) and [`m2_with`](super::m2_with)) under which a page fault
//! there is an answer. Any other fault ends the kernel with its report.

use core::arch::naked_asm;
use core::sync::atomic::{AtomicBool, Ordering::SeqCst};
use m0_boot::fault::Fault;
use m0_boot::trap_frame::TrapFrame;
use m0_boot::traps::Resolution;
use m1_memory::policy;

/// Whether the last access took a page fault.
static FAULTED: AtomicBool = AtomicBool::new(false);

/// The word at `address`, or `None` if the CPU takes a page fault there.
///
/// # Safety
/// If something is mapped there, it may be read.
pub unsafe fn read(address: u64) -> Option<u64> {
    FAULTED.store(false, SeqCst);
    // SAFETY: as the caller says; a page fault goes to `or_explain`.
    let word = unsafe { load(address) };
    (!FAULTED.load(SeqCst)).then_some(word)
}

/// Writes a word to `address`; false if the CPU takes a page fault there.
///
/// # Safety
/// If something is mapped there, it may be overwritten.
pub unsafe fn write(address: u64, word: u64) -> bool {
    FAULTED.store(false, SeqCst);
    // SAFETY: as the caller says; a page fault goes to `or_explain`.
    unsafe { store(address, word) };
    !FAULTED.load(SeqCst)
}

/// Goes on behind a page fault in [`read`] or [`write`]; otherwise as M1 does.
pub fn or_explain(frame: &mut TrapFrame, fault: &Fault) -> Resolution {
    let at = |instruction: *const ()| frame.rip == instruction as u64;
    let tried = at(load as *const ()) || at(store as *const ());
    if tried && matches!(fault, Fault::Page { .. }) {
        FAULTED.store(true, SeqCst);
        frame.rip = go_back as *const () as u64;
        return Resolution::Resume;
    }
    policy::explain(frame, fault)
}

/// The access is the first instruction, so that the policy knows it by its address.
#[unsafe(naked)]
unsafe extern "C" fn load(address: u64) -> u64 {
    naked_asm!("mov rax, [rdi]", "ret")
}

/// As [`load`].
#[unsafe(naked)]
unsafe extern "C" fn store(address: u64, word: u64) {
    naked_asm!("mov [rdi], rsi", "ret")
}

/// What is left of either when the access is skipped.
#[unsafe(naked)]
unsafe extern "C" fn go_back() {
    naked_asm!("ret")
}
