//! The TSS in use: LTR takes it, and a kernel stack that overflows is survived.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use harness::{Check, Checked, Trial};
use m0_boot::fault::Fault;
use m0_boot::trap_frame::TrapFrame;
use m0_boot::traps::Resolution;
use m0_boot::vector::Vector;
use m1_memory::stack::KernelStack;
use m2_tss_ist::{Stack, TaskState, descriptor, ist_of, task_state};
use m2_usermode::policy;
use x86_64::instructions::tables::{lgdt, lidt, load_tss, sgdt, sidt};
use x86_64::structures::DescriptorTablePointer;
use x86_64::structures::gdt::SegmentSelector;
use x86_64::{PrivilegeLevel, VirtAddr};

shared::host_main!("cargo xtask check m2-tss-ist");

const CHECKS: &[Check] = &[
    Check { name: "ltr-takes-it", body: ltr_takes_it },
    Check { name: "overflow-survived", body: overflow_survived },
];

/// The loader jumps here.
#[cfg_attr(target_os = "none", unsafe(no_mangle))]
pub extern "C" fn kernel_entry() -> ! {
    harness::boot::m2_with(survive, CHECKS)
}

/// The kernel's table: five segments, and the TSS's two words.
const ENTRIES: usize = 7;
const TSS_ENTRY: usize = 5;
const TSS: SegmentSelector = SegmentSelector::new(TSS_ENTRY as u16, PrivilegeLevel::Ring0);
/// Bit 41 of a TSS's descriptor: LTR sets it.
const BUSY: u64 = 1 << 41;
const GATES: usize = 256;
/// The CPU's own exceptions; the rest is for devices.
const EXCEPTIONS: usize = 32;
/// Bits 34 to 32 of a gate (Intel SDM Vol. 3A, 7.14.1 "64-Bit Mode IDT").
const GATE_IST: u64 = 0b111 << 32;

static GDT: [AtomicU64; ENTRIES] = [const { AtomicU64::new(0) }; ENTRIES];
static IDT: [AtomicU64; GATES * 2] = [const { AtomicU64::new(0) }; GATES * 2];

const STACK_BYTES: usize = 16 * 1024;

/// Stacks, each with room below it, so that a stack pointer at the bottom does no harm.
#[repr(C, align(16))]
struct Stacks(UnsafeCell<[[[u8; STACK_BYTES]; 2]; 4]>);

// SAFETY: only the CPU writes to it, when it uses one as a stack.
unsafe impl Sync for Stacks {}

static STACKS: Stacks = Stacks(UnsafeCell::new([[[0; STACK_BYTES]; 2]; 4]));

/// The TSS that the CPU reads.
#[repr(C, align(16))]
struct Loaded(UnsafeCell<[u8; size_of::<TaskState>()]>);

// SAFETY: written by `load` alone, on the only CPU, which reads it when a trap comes.
unsafe impl Sync for Loaded {}

static LOADED: Loaded = Loaded(UnsafeCell::new([0; size_of::<TaskState>()]));

fn stack(index: usize) -> Stack {
    let room = STACKS.0.get() as u64 + (index * 2 * STACK_BYTES) as u64;
    Stack { bottom: room + STACK_BYTES as u64, bytes: STACK_BYTES as u64 }
}

/// Loads the learner's TSS by the learner's descriptor, and the learner's IST indices.
/// For good: nothing that comes afterwards needs the kernel's own.
fn load() {
    let (gdt, idt) = (sgdt(), sidt());
    let tss = task_state(stack(0), stack(1), stack(2), stack(3));
    // SAFETY: both have the same size, packed structures have no alignment to keep, and
    // the CPU reads the bytes only when a trap comes to ring 0 from ring 3 or to an IST.
    unsafe { LOADED.0.get().cast::<TaskState>().write_unaligned(tss) };
    for (index, entry) in GDT.iter().enumerate().take(TSS_ENTRY) {
        // SAFETY: the kernel's table has seven entries, and nobody writes to it.
        entry.store(unsafe { gdt.base.as_ptr::<u64>().add(index).read() }, SeqCst);
    }
    let [low, high] = descriptor(LOADED.0.get() as u64);
    GDT[TSS_ENTRY].store(low, SeqCst);
    GDT[TSS_ENTRY + 1].store(high, SeqCst);
    for (index, word) in IDT.iter().enumerate() {
        // SAFETY: the kernel's table has 256 gates of two words, and nobody writes to it.
        let old = unsafe { idt.base.as_ptr::<u64>().add(index).read() };
        let vector = index / 2;
        word.store(old, SeqCst);
        if index % 2 == 0 && vector < EXCEPTIONS {
            let ist = u64::from(ist_of(vector as u8) & 0b111);
            word.store(old & !GATE_IST | ist << 32, SeqCst);
        }
    }
    let pointer = |base, bytes| DescriptorTablePointer { limit: (bytes - 1) as u16, base };
    // SAFETY: both tables are static and complete, with the kernel's own segments and
    // handlers; the TSS and the choice of stacks are what is tried.
    unsafe {
        lgdt(&pointer(VirtAddr::from_ptr(GDT.as_ptr()), size_of_val(&GDT)));
        load_tss(TSS);
        lidt(&pointer(VirtAddr::from_ptr(IDT.as_ptr()), size_of_val(&IDT)));
    }
}

/// LTR refuses a descriptor that is none of an available TSS, and marks one that is.
fn ltr_takes_it(trial: &mut Trial) -> Checked {
    trial.given("base", format_args!("{:#x}", LOADED.0.get() as u64));
    load();
    let busy = GDT[TSS_ENTRY].load(SeqCst) & BUSY != 0;
    trial.holds(busy, "LTR must have marked the TSS as busy: bit 41 of its descriptor")
}

/// Where the check goes on; 0 when it does not overflow a stack.
static RESUME_AT: AtomicU64 = AtomicU64::new(0);
/// The stack pointer that the check goes on with.
static RESUME_RSP: AtomicU64 = AtomicU64::new(0);
/// What the overflow brought: the vector, and where the CPU put its frame.
static VECTOR: AtomicU64 = AtomicU64::new(0);
static FRAME: AtomicU64 = AtomicU64::new(0);
static ARRIVED: AtomicBool = AtomicBool::new(false);

/// Sends an overflow's exception back into the check; everything else is as in M2.
///
/// The manual makes no promise about where a #DF came from, so nothing of the frame is
/// kept that the check needs.
fn survive(frame: &mut TrapFrame, fault: &Fault) -> Resolution {
    let resume = RESUME_AT.swap(0, SeqCst);
    if resume == 0 || !matches!(fault.vector(), Vector::DOUBLE_FAULT | Vector::PAGE_FAULT) {
        return policy::contain(frame, fault);
    }
    VECTOR.store(u64::from(fault.vector().0), SeqCst);
    FRAME.store(&raw const *frame as u64, SeqCst);
    ARRIVED.store(true, SeqCst);
    frame.rip = resume;
    frame.rsp = RESUME_RSP.load(SeqCst);
    Resolution::Resume
}

/// Goes over to the stack that ends at `top`, and calls without end. Returns when the
/// exception is resumed at the second label.
#[unsafe(naked)]
extern "C" fn overflow(top: u64) {
    core::arch::naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "pushfq",
        "cli",
        "mov [rip + {resume_rsp}], rsp",
        "lea rax, [rip + 3f]",
        "mov [rip + {resume_at}], rax",
        "mov rsp, rdi",
        "2: call 2b",
        "3: popfq",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
        resume_rsp = sym RESUME_RSP,
        resume_at = sym RESUME_AT,
    )
}

/// Endless recursion runs into a stack's guard page. The page fault cannot be delivered
/// there either, so that it becomes a double fault, which has a stack of its own.
fn overflow_survived(trial: &mut Trial) -> Checked {
    load();
    let overflowing = KernelStack::new().unwrap_or_else(|error| panic!("{error}"));
    trial.given("overflowing_stack_end", format_args!("{:#x}", overflowing.range().start));
    overflow(overflowing.top().as_u64());
    trial.holds(ARRIVED.load(SeqCst), "the overflow must raise an exception")?;
    trial.holds(
        VECTOR.load(SeqCst) == u64::from(Vector::DOUBLE_FAULT.0),
        "the page fault itself has arrived: its gate switches stacks, and only #DF's should",
    )?;
    let (ist, frame) = (stack(1), FRAME.load(SeqCst));
    trial.given(
        "double_fault",
        format_args!("{{ bottom: {:#x}, bytes: {:#x} }}", ist.bottom, ist.bytes),
    );
    trial.given("frame", format_args!("{frame:#x}"));
    trial.holds(
        (ist.bottom..ist.bottom + ist.bytes).contains(&frame),
        "#DF has arrived, but its frame does not lie in the stack meant for it",
    )
}
