//! User programs in a check: run to their end, with system calls that go to the check.
//!
//! For kernels that [`super::m2`] brought up.

use core::arch::naked_asm;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use m1_memory::layout;
use m1_memory::physical::DirectMap;
use m2_usermode::process::{Outcome, Process};
use m2_usermode::program::Program;
use m2_usermode::syscall::entry::SyscallFrame;
use spin::Mutex;
use x86_64::VirtAddr;
use x86_64::registers::model_specific::LStar;

/// Serves one system call. The frame's RAX holds the number, and then the result.
/// Interrupts are off.
pub type Serve = fn(&mut SyscallFrame);

/// A process that has not been started.
///
/// # Panics
/// If there is no memory for it.
pub fn process(program: &Program) -> Process {
    let memory = DirectMap::new(layout::DIRECT_MAP).unwrap_or_else(|error| panic!("{error}"));
    Process::new(program, memory).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs `process` to its end, with `argument` in RDI.
///
/// # Panics
/// If it cannot be started or never ends.
pub fn run(process: Process, argument: u64) -> Outcome {
    let running = process.with_argument(argument).start().unwrap_or_else(|error| panic!("{error}"));
    running.wait().unwrap_or_else(|error| panic!("{error}"))
}

/// Does `body` while system calls go to `serve` instead of the course's own table.
///
/// # Panics
/// If it is used inside itself.
pub fn with_calls<T>(serve: Serve, body: impl FnOnce() -> T) -> T {
    let before = SERVE.lock().replace(serve);
    assert!(before.is_none(), "system calls go to a check already");
    KERNEL_RSP.store(STACK.0.as_ptr_range().end.addr() as u64, Relaxed);
    let entry = LStar::read();
    LStar::write(VirtAddr::from_ptr(call_entry as *const ()));
    let result = body();
    LStar::write(entry);
    *SERVE.lock() = None;
    result
}

/// Who serves.
static SERVE: Mutex<Option<Serve>> = Mutex::new(None);

/// The stack that calls are served on: one CPU, and interrupts are off.
#[repr(align(16))]
struct Stack([AtomicU64; STACK_WORDS]);

const STACK_WORDS: usize = 8 * 1024;

static STACK: Stack = Stack([const { AtomicU64::new(0) }; STACK_WORDS]);

/// Its end.
static KERNEL_RSP: AtomicU64 = AtomicU64::new(0);

/// The program's stack pointer, until it is on the stack above.
static USER_RSP: AtomicU64 = AtomicU64::new(0);

/// The address in LSTAR. As the course's own entry, but without GS: the
/// variables stand at fixed addresses.
///
/// # Safety
/// Not to be called: only SYSCALL sets the registers up for it.
#[unsafe(naked)]
unsafe extern "C" fn call_entry() {
    naked_asm!(
        "mov [rip + {user_rsp}], rsp",
        "mov rsp, [rip + {kernel_rsp}]",
        "push qword ptr [rip + {user_rsp}]",
        "push r11",
        "push rcx",
        "push rax",
        "push rdi",
        "push rsi",
        "push rdx",
        "push r10",
        "push r8",
        "push r9",
        "mov rdi, rsp", // 10 words: aligned
        "call {serve}",
        "pop r9",
        "pop r8",
        "pop r10",
        "pop rdx",
        "pop rsi",
        "pop rdi",
        "pop rax",
        "pop rcx",
        "pop r11",
        "pop rsp",
        "sysretq",
        user_rsp = sym USER_RSP,
        kernel_rsp = sym KERNEL_RSP,
        serve = sym serve,
    )
}

extern "C" fn serve(frame: &mut SyscallFrame) {
    // Not under the lock: a call that ends the program does not come back.
    let serve = *SERVE.lock();
    if let Some(serve) = serve {
        serve(frame);
    }
}
