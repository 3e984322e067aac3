//! Forbidden accesses, tried and survived: the fault's handler records it and
//! returns from the function that made the access.

use core::{
    arch::naked_asm,
    sync::atomic::{AtomicU64, Ordering},
};

use x86_64::{VirtAddr, structures::idt::InterruptDescriptorTable};

/// The stack pointer to go back to, and what the fault was.
static RESUME: AtomicU64 = AtomicU64::new(0);
static ERROR_CODE: AtomicU64 = AtomicU64::new(0);
static ADDRESS: AtomicU64 = AtomicU64::new(0);

/// A page fault (Intel SDM, vol. 3A, sec. 6.15 "Interrupt 14—Page-Fault
/// Exception (#PF)").
#[derive(Debug, PartialEq, Eq)]
pub struct PageFault {
    pub error_code: u64,
    pub address: u64,
}

/// Error codes: present and write; present and instruction fetch.
pub const WRITE_TO_PRESENT: u64 = 0b0_0011;
pub const FETCH_FROM_PRESENT: u64 = 0b1_0001;

/// Loads an IDT that knows page faults alone.
pub fn init() {
    static mut IDT: InterruptDescriptorTable = InterruptDescriptorTable::new();
    let idt = &raw mut IDT;
    // SAFETY: called once, before anything else, so the reference is the only
    // one; the handler fits the gate because it never returns through it.
    let idt: &'static mut InterruptDescriptorTable = unsafe { &mut *idt };
    // SAFETY: see above.
    unsafe { idt.page_fault.set_handler_addr(VirtAddr::from_ptr(on_page_fault as *const ())) };
    idt.load();
}

/// Writes the byte at `address` back to where it is; returns the fault, if any.
pub fn write(address: u64) -> Option<PageFault> {
    // SAFETY: if the write goes through, it changes nothing; if not, the
    // handler ends `attempt_write` as its caller expects.
    outcome(unsafe { attempt_write(address) })
}

/// Calls `address`, where a `ret` instruction must be; returns the fault, if any.
///
/// # Safety
/// There is a `ret` instruction at `address`.
pub unsafe fn execute(address: u64) -> Option<PageFault> {
    // SAFETY: by the function's condition, or ended by the handler.
    outcome(unsafe { attempt_call(address) })
}

fn outcome(faulted: u64) -> Option<PageFault> {
    (faulted != 0).then(|| PageFault {
        error_code: ERROR_CODE.load(Ordering::Relaxed),
        address: ADDRESS.load(Ordering::Relaxed),
    })
}

#[unsafe(naked)]
unsafe extern "C" fn attempt_write(address: u64) -> u64 {
    naked_asm!(
        "mov [rip + {resume}], rsp",
        "mov al, [rdi]",
        "mov [rdi], al",
        "xor eax, eax",
        "ret",
        resume = sym RESUME,
    )
}

#[unsafe(naked)]
unsafe extern "C" fn attempt_call(address: u64) -> u64 {
    naked_asm!(
        "mov [rip + {resume}], rsp",
        "call rdi",
        "xor eax, eax",
        "ret",
        resume = sym RESUME,
    )
}

/// Gives up the interrupted function and returns 1 to its caller.
#[unsafe(naked)]
unsafe extern "C" fn on_page_fault() {
    naked_asm!(
        "pop rax",
        "mov [rip + {error_code}], rax",
        "mov rax, cr2",
        "mov [rip + {address}], rax",
        "mov rsp, [rip + {resume}]",
        "mov eax, 1",
        "ret",
        error_code = sym ERROR_CODE,
        address = sym ADDRESS,
        resume = sym RESUME,
    )
}
