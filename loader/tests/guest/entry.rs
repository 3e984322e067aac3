//! The first instructions: they write down the machine's state before anything
//! can change it.

use core::arch::naked_asm;

use crate::run;

/// General-purpose registers in the order in which the stub stores them.
pub const REGISTERS: [&str; 15] = [
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
    "r15",
];

/// Selectors in the order in which the stub stores them.
pub const SELECTORS: [&str; 6] = ["cs", "ds", "es", "ss", "fs", "gs"];

/// The state at entry.
#[repr(C)]
pub struct State {
    pub registers: [u64; REGISTERS.len()],
    pub rsp: u64,
    pub return_address: u64,
    pub rflags: u64,
    pub selectors: [u64; SELECTORS.len()],
    /// 1 if entered at the requested entry point, 2 if at the file's.
    pub entered_at: u64,
}

const WORD: usize = 8;
const RSP: usize = core::mem::offset_of!(State, rsp);
const RETURN_ADDRESS: usize = core::mem::offset_of!(State, return_address);
const RFLAGS: usize = core::mem::offset_of!(State, rflags);
const SELECTOR: usize = core::mem::offset_of!(State, selectors);
const ENTERED_AT: usize = core::mem::offset_of!(State, entered_at);

static mut STATE: State = State {
    registers: [0; REGISTERS.len()],
    rsp: 0,
    return_address: 0,
    rflags: 0,
    selectors: [0; SELECTORS.len()],
    entered_at: 0,
};

/// The state at entry.
pub fn state() -> &'static State {
    let state = &raw const STATE;
    // SAFETY: only the entry stub writes it, before any Rust code runs.
    unsafe { &*state }
}

/// The file's entry point, which the Entry Point request overrides.
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "C" fn kernel_entry() -> ! {
    naked_asm!(
        "mov qword ptr [{state} + {entered_at}], 2",
        "jmp {record}",
        state = sym STATE,
        entered_at = const ENTERED_AT,
        record = sym record,
    )
}

/// The entry point asked for.
#[unsafe(naked)]
pub extern "C" fn requested_entry() -> ! {
    naked_asm!(
        "mov qword ptr [{state} + {entered_at}], 1",
        "jmp {record}",
        state = sym STATE,
        entered_at = const ENTERED_AT,
        record = sym record,
    )
}

/// Stores the state (no register has changed so far), then starts the kernel.
#[unsafe(naked)]
extern "C" fn record() -> ! {
    naked_asm!(
        "mov [{state} + {word} * 0], rax",
        "mov [{state} + {word} * 1], rbx",
        "mov [{state} + {word} * 2], rcx",
        "mov [{state} + {word} * 3], rdx",
        "mov [{state} + {word} * 4], rsi",
        "mov [{state} + {word} * 5], rdi",
        "mov [{state} + {word} * 6], rbp",
        "mov [{state} + {word} * 7], r8",
        "mov [{state} + {word} * 8], r9",
        "mov [{state} + {word} * 9], r10",
        "mov [{state} + {word} * 10], r11",
        "mov [{state} + {word} * 11], r12",
        "mov [{state} + {word} * 12], r13",
        "mov [{state} + {word} * 13], r14",
        "mov [{state} + {word} * 14], r15",
        "mov [{state} + {rsp}], rsp",
        "mov rax, [rsp]",
        "mov [{state} + {return_address}], rax",
        "pushfq",
        "pop rax",
        "mov [{state} + {rflags}], rax",
        "mov rax, cs",
        "mov [{state} + {selector} + {word} * 0], rax",
        "mov rax, ds",
        "mov [{state} + {selector} + {word} * 1], rax",
        "mov rax, es",
        "mov [{state} + {selector} + {word} * 2], rax",
        "mov rax, ss",
        "mov [{state} + {selector} + {word} * 3], rax",
        "mov rax, fs",
        "mov [{state} + {selector} + {word} * 4], rax",
        "mov rax, gs",
        "mov [{state} + {selector} + {word} * 5], rax",
        "jmp {main}",
        state = sym STATE,
        word = const WORD,
        rsp = const RSP,
        return_address = const RETURN_ADDRESS,
        rflags = const RFLAGS,
        selector = const SELECTOR,
        main = sym run::main,
    )
}
