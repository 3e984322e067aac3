//! The stubs in use: the CPU takes #UD and #GP through them.
//!
//! A wrong stub can send the CPU anywhere. So each attempt remembers where it came from
//! ([`attempt`]), and whatever arrives that was not expected ends it ([`abandon`]) without
//! going back through the code under test.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::arch::naked_asm;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering::SeqCst};
use harness::{Check, Checked, Layout, Trial};
use m0_boot::idt::Gate;
use m0_trap_stub::{TrapFrame, set_handler, stub_with_code, stub_without_code};
use x86_64::instructions::segmentation::{CS, Segment};
use x86_64::instructions::tables::{lidt, sgdt, sidt};
use x86_64::structures::DescriptorTablePointer;
use x86_64::{PrivilegeLevel, VirtAddr};

shared::host_main!("cargo xtask check m0-trap-stub");

const CHECKS: &[Check] = &[
    Check { name: "invalid-opcode", body: invalid_opcode },
    Check { name: "general-protection", body: general_protection },
    Check { name: "way-back", body: way_back },
];

/// The loader jumps here.
#[cfg_attr(target_os = "none", unsafe(no_mangle))]
pub extern "C" fn kernel_entry() -> ! {
    harness::boot::m0(CHECKS)
}

const INVALID_OPCODE: u8 = 6;
const GENERAL_PROTECTION: u8 = 13;
/// The vectors of exceptions.
const EXCEPTIONS: usize = 32;

/// The error code of a selector (Intel SDM Vol. 3A, 7.13 "Error Code").
const SELECTOR_CODE: Layout =
    Layout::new(32, &[("selector index", 15, 3), ("TI", 2, 2), ("IDT", 1, 1), ("EXT", 0, 0)]);

/// RSP in [`attempt`], to which [`abandon`] returns.
static HOME: AtomicU64 = AtomicU64::new(0);
/// RSP where the exception is raised, and where the code goes on.
static RAISED_RSP: AtomicU64 = AtomicU64::new(0);
static RETURNED_RSP: AtomicU64 = AtomicU64::new(0);
/// Where the code goes on: behind the instruction that raises the exception.
static RESUME: AtomicU64 = AtomicU64::new(0);
/// The carry flag where the code goes on.
static RETURNED_CARRY: AtomicU8 = AtomicU8::new(0);

/// What [`raise`] runs into: `ud2`, or a selector for DS.
static SELECTOR: AtomicU64 = AtomicU64::new(0);
const NO_SELECTOR: u32 = u16::MAX as u32 + 1;

/// How an attempt ended: [`raise`] returned, [`take`] had seen enough, or another
/// exception came.
const RETURNED: u64 = 0;
const SEEN: u64 = 1;
const STRAYED: u64 = 2;

/// Calls [`raise`], and returns how that ended.
#[unsafe(naked)]
extern "C" fn attempt() -> u64 {
    naked_asm!(
        "push rbx",
        "push rbp",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov [rip + {home}], rsp",
        "sub rsp, 8",
        "call {raise}",
        "mov edi, {returned}",
        "jmp {abandon}",
        home = sym HOME,
        raise = sym raise,
        returned = const RETURNED,
        abandon = sym abandon,
    )
}

/// Goes back to where [`attempt`] was called, which returns the first argument.
///
/// # Safety
/// An attempt is under way, and what it has put on the stack can be forgotten.
#[unsafe(naked)]
unsafe extern "C" fn abandon(_how: u64) -> ! {
    naked_asm!(
        "mov rax, rdi",
        "mov rsp, [rip + {home}]",
        "cld",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbp",
        "pop rbx",
        "ret",
        home = sym HOME,
    )
}

/// Where the gates of all other exceptions lead during an attempt.
#[unsafe(naked)]
extern "C" fn stray() {
    naked_asm!(
        "mov edi, {strayed}",
        "jmp {abandon}",
        strayed = const STRAYED,
        abandon = sym abandon,
    )
}

/// Raises #UD, or #GP by a selector beyond the GDT. The handler goes over the instruction.
/// The carry flag is set before and looked at behind.
#[unsafe(naked)]
extern "C" fn raise() {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "mov [rip + {raised_rsp}], rsp",
        "lea rcx, [rip + 3f]",
        "mov [rip + {resume}], rcx",
        "mov rax, [rip + {selector}]",
        "cmp rax, {no_selector}",
        "je 2f",
        "stc",
        "mov ds, eax",
        "jmp 3f",
        "2:",
        "stc",
        "ud2",
        "3:",
        "setc byte ptr [rip + {carry}]",
        "mov [rip + {returned_rsp}], rsp",
        "mov rsp, rbp",
        "pop rbp",
        "ret",
        raised_rsp = sym RAISED_RSP,
        resume = sym RESUME,
        selector = sym SELECTOR,
        no_selector = const NO_SELECTOR,
        carry = sym RETURNED_CARRY,
        returned_rsp = sym RETURNED_RSP,
    )
}

/// What [`take`] was given.
static FRAMES: AtomicU64 = AtomicU64::new(0);
static FRAME_ADDRESS: AtomicU64 = AtomicU64::new(0);
static FRAME_VECTOR: AtomicU64 = AtomicU64::new(0);
static FRAME_CODE: AtomicU64 = AtomicU64::new(0);
/// Whether [`take`] returns, which needs all of the code under test.
static GO_BACK: AtomicU64 = AtomicU64::new(0);

const FRAME_BYTES: u64 = size_of::<TrapFrame>() as u64;

/// The handler.
extern "C" fn take(frame: &mut TrapFrame) {
    if FRAMES.fetch_add(1, SeqCst) > 0 {
        // SAFETY: nobody raises these vectors outside an attempt; no destructors wait.
        unsafe { abandon(STRAYED) };
    }
    FRAME_ADDRESS.store(&raw const *frame as u64, SeqCst);
    FRAME_VECTOR.store(frame.vector, SeqCst);
    FRAME_CODE.store(frame.error_code, SeqCst);
    if GO_BACK.load(SeqCst) == 0 || !is_in_place() {
        // SAFETY: as above.
        unsafe { abandon(SEEN) };
    }
    frame.rip = RESUME.load(SeqCst);
}

/// Where a complete frame begins: the CPU aligns RSP to 16 before it pushes (Intel SDM
/// Vol. 3A, 7.14.2 "64-Bit Mode Stack Frame").
fn frame_expected() -> u64 {
    const ALIGNMENT: u64 = 16;
    (RAISED_RSP.load(SeqCst) & !(ALIGNMENT - 1)) - FRAME_BYTES
}

fn is_in_place() -> bool {
    FRAME_ADDRESS.load(SeqCst) == frame_expected()
}

/// Raises the exception with the stubs in the table, and returns how it ended.
fn go(selector: Option<u16>, go_back: bool) -> u64 {
    static TABLE: Table = Table::new();
    SELECTOR.store(selector.map_or(NO_SELECTOR.into(), u64::from), SeqCst);
    GO_BACK.store(go_back.into(), SeqCst);
    FRAMES.store(0, SeqCst);
    set_handler(take);
    let loaded = sidt();
    for vector in 0..EXCEPTIONS {
        TABLE.set(vector, stray);
    }
    TABLE.set(INVALID_OPCODE.into(), stub_without_code::<INVALID_OPCODE>);
    TABLE.set(GENERAL_PROTECTION.into(), stub_with_code::<GENERAL_PROTECTION>);
    let table = TABLE.pointer();
    // SAFETY: the table is static; its gates lead to stubs, or back here. Interrupts are
    // off, so no vector beyond it comes but an NMI, which QEMU does not send.
    unsafe { lidt(&table) };
    let how = attempt();
    // SAFETY: it was loaded before.
    unsafe { lidt(&loaded) };
    how
}

/// A table of gates that can stand in a static: two words for each exception.
struct Table([[AtomicU64; 2]; EXCEPTIONS]);

impl Table {
    const fn new() -> Self {
        Self([const { [const { AtomicU64::new(0) }; 2] }; EXCEPTIONS])
    }

    /// Lets `vector` lead to `target`.
    fn set(&self, vector: usize, target: extern "C" fn()) {
        let target = VirtAddr::from_ptr(target as *const ());
        let gate = Gate::interrupt(target, CS::get_reg(), None, PrivilegeLevel::Ring0);
        // SAFETY: a gate is two words, in which any bits are valid.
        let words = unsafe { core::mem::transmute::<Gate, [u64; 2]>(gate) };
        for (place, word) in self.0[vector].iter().zip(words) {
            place.store(word, SeqCst);
        }
    }

    fn pointer(&self) -> DescriptorTablePointer {
        let limit = (size_of::<Self>() - 1) as u16;
        DescriptorTablePointer { limit, base: VirtAddr::from_ptr(self) }
    }
}

/// A selector that is in no GDT as large as the loaded one.
fn forbidden_selector(trial: &mut Trial) -> u16 {
    const ENTRY_BYTES: u64 = 8;
    const RINGS: u64 = 4;
    let entries = u64::from(sgdt().limit).div_ceil(ENTRY_BYTES);
    let index = trial.random.within(entries..=u64::from(u16::MAX) / ENTRY_BYTES);
    let selector = (index * ENTRY_BYTES + trial.random.below(RINGS)) as u16;
    trial.given("selector", format_args!("{selector:#x}"));
    selector
}

/// The error code of #GP about `selector`: without its RPL.
fn code_of(selector: u16) -> u64 {
    const RPL: u16 = 0b11;
    u64::from(selector & !RPL)
}

/// Judges the frame that arrived.
fn judge(trial: &mut Trial, how: u64, vector: u8, code: u64) -> Checked {
    const WORD: u64 = 8;
    if FRAMES.load(SeqCst) == 0 {
        return match how {
            STRAYED => trial.fail("another exception came before the handler was called"),
            _ => trial.fail("the handler was never called"),
        };
    }
    let (address, expected) = (FRAME_ADDRESS.load(SeqCst), frame_expected());
    let (got_vector, got_code) = (FRAME_VECTOR.load(SeqCst), FRAME_CODE.load(SeqCst));
    let has_code = vector == GENERAL_PROTECTION;
    let message = match (address.wrapping_sub(expected) as i64, has_code) {
        (8, false) => {
            "the frame is one word short: the CPU pushed no error code, so a 0 is missing in its \
             place"
        }
        (8, true) => "the frame is one word short: was the vector pushed?",
        (-8, true) => {
            "the frame is one word too long: the CPU has pushed the error code already, so the \
             stub must not push a 0"
        }
        (-8, false) => "the frame is one word too long: a 0 and the vector are all it lacks",
        _ => "the frame has the wrong length",
    };
    let words = |address: u64| (expected + FRAME_BYTES).wrapping_sub(address) / WORD;
    trial.equal(format_args!("{message} (in words)"), words(address), words(expected))?;
    if (got_vector, got_code) == (code, vector.into()) {
        return trial.fail(
            "error code and vector are swapped: the error code lies above, so it comes first",
        );
    }
    trial.equal("the vector in the frame", got_vector, vector.into())?;
    match has_code {
        true => trial.bits("the error code in the frame", SELECTOR_CODE, got_code, code),
        false => trial.equal("in place of the error code stands 0", got_code, 0),
    }
}

/// #UD, from which nobody returns.
fn invalid_opcode(trial: &mut Trial) -> Checked {
    let how = go(None, false);
    judge(trial, how, INVALID_OPCODE, 0)
}

/// #GP, from which nobody returns.
fn general_protection(trial: &mut Trial) -> Checked {
    for _ in 0..20 {
        trial.round();
        let selector = forbidden_selector(trial);
        let how = go(Some(selector), false);
        judge(trial, how, GENERAL_PROTECTION, code_of(selector))?;
    }
    Ok(())
}

/// #UD and #GP, from which the code goes on.
fn way_back(trial: &mut Trial) -> Checked {
    for round in 0..20 {
        trial.round();
        let (vector, selector) = match round % 2 {
            0 => (INVALID_OPCODE, None),
            _ => (GENERAL_PROTECTION, Some(forbidden_selector(trial))),
        };
        trial.given("vector", vector);
        let how = go(selector, true);
        if FRAMES.load(SeqCst) == 0 || how == SEEN {
            return trial.fail("the frame is not complete, so there is no way back to be tried");
        }
        if how == STRAYED {
            return trial.fail(
                "the CPU faulted on the way back: when `iretq` runs, RSP must point at RIP, \
                 above vector and error code",
            );
        }
        let (raised, returned) = (RAISED_RSP.load(SeqCst), RETURNED_RSP.load(SeqCst));
        let message = if returned < raised {
            "RSP is too low after the way back: `ret` takes RIP alone, `iretq` all five words"
        } else {
            "RSP after the way back must be what it was before"
        };
        trial.equal_hex(message, returned, raised)?;
        let carry = RETURNED_CARRY.load(SeqCst);
        trial.equal("the carry flag, which was set before", carry, 1)?;
    }
    Ok(())
}
