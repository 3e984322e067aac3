//! A stack that really overflows. The kernel is brought up as M2 does it: a fault on a
//! stack that is used up cannot be reported on that stack, so #DF has one of its own.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::arch::naked_asm;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use harness::{Check, Checked, Trial};
use m0_boot::fault::Fault;
use m0_boot::trap_frame::TrapFrame;
use m0_boot::traps::Resolution;
use m0_boot::vector::Vector;
use m1_guard_page::{PAGE_BYTES, Place, Stacks};
use m1_memory::frames::Purpose;
use m1_memory::paging::{access::Access, kernel};
use m1_memory::{layout, policy};
use x86_64::VirtAddr;
use x86_64::instructions::interrupts;
use x86_64::registers::control::Cr2;

shared::host_main!("cargo xtask check m1-guard-page");

const CHECKS: &[Check] = &[Check { name: "overflow", body: overflow }];

/// The loader jumps here.
#[cfg_attr(target_os = "none", unsafe(no_mangle))]
pub extern "C" fn kernel_entry() -> ! {
    harness::boot::m2_with(come_back, CHECKS)
}

/// Bytes of the stack that one step of the descent uses, its return address among them.
const STEP_BYTES: u64 = 256;

/// Whether the descent is on its way.
static DESCENDING: AtomicBool = AtomicBool::new(false);
/// The stack pointer to come back to.
static GOOD_STACK: AtomicU64 = AtomicU64::new(0);
/// CR2 when the descent ended in a fault, else 0.
static FAULT_ADDRESS: AtomicU64 = AtomicU64::new(0);

/// Ends the descent at a double fault; otherwise as M1 does. The page fault came first,
/// and CR2 still has an address of it: the CPU could not push its frame there.
fn come_back(frame: &mut TrapFrame, fault: &Fault) -> Resolution {
    if fault.vector() == Vector::DOUBLE_FAULT && DESCENDING.swap(false, SeqCst) {
        FAULT_ADDRESS.store(Cr2::read_raw(), SeqCst);
        frame.rip = climb as *const () as u64;
        frame.rsp = GOOD_STACK.load(SeqCst);
        return Resolution::Resume;
    }
    policy::explain(frame, fault)
}

/// Goes down `steps` steps on the stack that begins at `top`, and comes back, by itself or
/// from a double fault.
///
/// # Safety
/// Nobody uses the stack, and nothing of value lies below it as far as the steps reach.
#[unsafe(naked)]
unsafe extern "C" fn descend_on(top: u64, steps: u64) {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov [rip + {good}], rsp",
        "mov rsp, rdi",
        "call {descend}",
        "jmp {climb}",
        good = sym GOOD_STACK,
        descend = sym descend,
        climb = sym climb,
    )
}

/// Back on the good stack, as it was before.
#[unsafe(naked)]
extern "C" fn climb() {
    naked_asm!(
        "mov rsp, [rip + {good}]",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
        good = sym GOOD_STACK,
    )
}

/// A function that calls itself, as often as RSI says.
#[unsafe(naked)]
extern "C" fn descend() {
    naked_asm!(
        "sub rsp, {own}",
        "mov [rsp], rsi",
        "dec rsi",
        "jz 2f",
        "call {descend}",
        "2:",
        "add rsp, {own}",
        "ret",
        own = const STEP_BYTES - 8,
        descend = sym descend,
    )
}

/// Three stacks, mapped where the learner says. A recursion on the middle one runs out of
/// it, and the address must tell which stack it was.
fn overflow(trial: &mut Trial) -> Checked {
    const COUNT: u64 = 3;
    let start = layout::STACKS.end.as_u64() + trial.random.below(1 << 12) * PAGE_BYTES;
    let pages = trial.random.within(2..=6);
    let stacks = Stacks { start, pages, count: COUNT };
    trial.given("start", format_args!("{start:#x}"));
    trial.given("pages", pages);
    trial.given("count", COUNT);
    let region = start..start + COUNT * (pages + 1) * PAGE_BYTES;
    for number in 0..COUNT {
        let range = stacks.mapped(number);
        let whole = range.start.is_multiple_of(PAGE_BYTES) && range.end.is_multiple_of(PAGE_BYTES);
        let inside = region.start <= range.start && range.end <= region.end;
        if !whole || !inside || range.is_empty() {
            trial.given("number", number);
            trial.given("mapped", format_args!("{:#x}..{:#x}", range.start, range.end));
            return trial.fail("a stack is some whole pages of the region");
        }
        let addresses = VirtAddr::new(range.start)..VirtAddr::new(range.end);
        if let Err(error) = kernel::populate(addresses, Access::KERNEL_DATA, Purpose::Stacks) {
            trial.given("number", number);
            return trial.fail(format_args!("its pages cannot be mapped: {error}"));
        }
    }
    let number = 1;
    trial.given("number", number);
    // Enough to get through the guard page if it is mapped, and less than into the middle
    // of the stack below.
    let steps = ((pages + 1) * PAGE_BYTES + PAGE_BYTES / 2) / STEP_BYTES;
    interrupts::without_interrupts(|| {
        DESCENDING.store(true, SeqCst);
        // SAFETY: the stacks were just mapped and nobody uses them.
        unsafe { descend_on(stacks.mapped(number).end, steps) };
        DESCENDING.store(false, SeqCst);
    });
    let address = FAULT_ADDRESS.load(SeqCst);
    if address == 0 {
        return trial.fail(
            "the recursion ran out of its stack and into the one below, and nobody noticed: \
             the guard page is mapped",
        );
    }
    trial.given("fault_address", format_args!("{address:#x}"));
    let guard = region.start + number * (pages + 1) * PAGE_BYTES;
    let hit = (guard..guard + PAGE_BYTES).contains(&address);
    trial.holds(hit, "the fault came elsewhere than in the page below the stack's pages")?;
    trial.equal("the fault's address is named", stacks.locate(address), Place::Overflow(number))
}
