//! The switch on the CPU: what it leaves, what it takes, and a round of three stacks.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::arch::{global_asm, naked_asm};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};
use harness::{Check, Checked, Trial};
use m1_memory::stack::{KernelStack, STACK_BYTES};
use m2_context_switch::{first_stack, switch};
use x86_64::instructions::interrupts::without_interrupts;

shared::host_main!("cargo xtask check m2-context-switch");

const CHECKS: &[Check] = &[
    Check { name: "saves", body: saves },
    Check { name: "restores", body: restores },
    Check { name: "to-and-fro", body: to_and_fro },
];

/// The loader jumps here.
#[cfg_attr(target_os = "none", unsafe(no_mangle))]
pub extern "C" fn kernel_entry() -> ! {
    harness::boot::m2(CHECKS)
}

/// The callee-saved registers, as they stand on a stack from the saved RSP upwards.
const NAMES: [&str; 6] = ["R15", "R14", "R13", "R12", "RBX", "RBP"];

/// A value for each of [`NAMES`].
type Registers = [u64; NAMES.len()];

/// Words of the stack that the first two checks switch to; what is taken from it begins
/// in the middle.
const TARGET_WORDS: usize = 256;
const TARGET_RSP: usize = TARGET_WORDS / 2;

/// A stack that holds nothing but places to land.
#[repr(C, align(16))]
struct Target(UnsafeCell<[u64; TARGET_WORDS]>);

// SAFETY: one CPU; the checks run one after the other.
unsafe impl Sync for Target {}

static TARGET: Target = Target(UnsafeCell::new([0; TARGET_WORDS]));

/// Which word `ret` took, counted from the saved RSP; or [`CAME_BACK`].
static LANDED: AtomicU64 = AtomicU64::new(0);
/// `switch` returned to its caller.
const CAME_BACK: u64 = 99;
/// Places to land.
const LANDINGS: usize = 16;
const LANDING_BYTES: usize = 16;

/// The registers at the landing.
static SEEN: [AtomicU64; NAMES.len()] = [const { AtomicU64::new(0) }; NAMES.len()];
/// The words below [`PROBE_RSP`], lowest address first.
static LEFT: [AtomicU64; LEFT_WORDS] = [const { AtomicU64::new(0) }; LEFT_WORDS];
/// How many: more than there should be.
const LEFT_WORDS: usize = 12;
/// RSP of [`probe`] before the call, to get back from anywhere.
static PROBE_RSP: AtomicU64 = AtomicU64::new(0);

/// Calls `switch(save, restore)` with `values` in the callee-saved registers, and comes
/// back from wherever that leads on the target stack.
///
/// # Safety
/// `save` is valid for a write, `restore` points into [`TARGET`], where landings stand.
#[unsafe(naked)]
unsafe extern "C" fn probe(save: *mut u64, restore: u64, values: *const Registers) {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 8",
        "mov [rip + {probe_rsp}], rsp", // a multiple of 16
        "mov r15, [rdx]",
        "mov r14, [rdx + 8]",
        "mov r13, [rdx + 16]",
        "mov r12, [rdx + 24]",
        "mov rbx, [rdx + 32]",
        "mov rbp, [rdx + 40]",
        "call {switch}",
        "mov qword ptr [rip + {landed}], {came_back}",
        ".globl exercise_landed",
        "exercise_landed:",
        // Copies what is on the old stack, before anything else uses it.
        "mov rsi, [rip + {probe_rsp}]",
        "sub rsi, {left_words} * 8",
        "lea rdi, [rip + {left}]",
        "mov ecx, {left_words}",
        "rep movsq",
        "mov [rip + {seen}], r15",
        "mov [rip + {seen} + 8], r14",
        "mov [rip + {seen} + 16], r13",
        "mov [rip + {seen} + 24], r12",
        "mov [rip + {seen} + 32], rbx",
        "mov [rip + {seen} + 40], rbp",
        "mov rsp, [rip + {probe_rsp}]",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
        probe_rsp = sym PROBE_RSP,
        landed = sym LANDED,
        seen = sym SEEN,
        left = sym LEFT,
        left_words = const LEFT_WORDS,
        came_back = const CAME_BACK,
        switch = sym switch,
    )
}

/// The label is there even if nothing calls the function.
#[used]
static KEPT: unsafe extern "C" fn(*mut u64, u64, *const Registers) = probe;

// Landing number n notes n, and goes back to the probe.
global_asm!(
    ".balign 16",
    "exercise_landings:",
    ".set exercise_number, 0",
    ".rept {count}",
    ".balign {bytes}",
    "push exercise_number",
    "jmp 2f",
    ".set exercise_number, exercise_number + 1",
    ".endr",
    "2: pop qword ptr [rip + {landed}]",
    "jmp exercise_landed",
    count = const LANDINGS,
    bytes = const LANDING_BYTES,
    landed = sym LANDED,
);

unsafe extern "C" {
    // The first landing; only its address means something.
    static exercise_landings: u8;
}

fn landing(number: usize) -> u64 {
    (&raw const exercise_landings) as u64 + (number * LANDING_BYTES) as u64
}

/// What came of one switch to the target stack.
struct Probed {
    /// What stood in the registers before.
    values: Registers,
    /// What `switch` stored through `save`, or [`NOT_WRITTEN`].
    saved: u64,
    /// RSP just before the call.
    rsp: u64,
}

/// No stack pointer.
const NOT_WRITTEN: u64 = 1;

fn probed(trial: &mut Trial) -> Probed {
    trial.round();
    let values = core::array::from_fn(|_| trial.random.bits() | 1 << 63);
    for (name, value) in NAMES.iter().zip(values) {
        trial.given(name, format_args!("{value:#x}"));
    }
    let words = TARGET.0.get();
    let mut saved = NOT_WRITTEN;
    LANDED.store(CAME_BACK, SeqCst);
    // SAFETY: nobody else uses the target stack. Its words from the middle up are
    // landings, as many as there are. Interrupts are off: no other code uses the old
    // stack below RSP before it is looked at.
    unsafe {
        let target = &mut *words;
        target.fill(0);
        for (number, word) in target[TARGET_RSP..].iter_mut().take(LANDINGS).enumerate() {
            *word = landing(number);
        }
        let restore = (&raw const target[TARGET_RSP]) as u64;
        without_interrupts(|| probe(&raw mut saved, restore, &raw const values));
    }
    Probed { values, saved, rsp: PROBE_RSP.load(SeqCst) }
}

fn saves(trial: &mut Trial) -> Checked {
    for _ in 0..10 {
        let Probed { values, saved, rsp } = probed(trial);
        let left = LEFT.each_ref().map(|word| word.load(SeqCst));
        // The return address is the last word; the registers stand below it.
        let lowest = LEFT_WORDS - 1 - NAMES.len();
        let expected = rsp - ((LEFT_WORDS - lowest) * size_of::<u64>()) as u64;
        trial.holds(
            saved != NOT_WRITTEN,
            "`*save` was not written: nobody could find this thread's registers again",
        )?;
        trial.holds(
            saved != rsp - size_of::<u64>() as u64,
            "RSP was stored before the registers were pushed: they lie below it, and are lost",
        )?;
        for (name, value) in NAMES.iter().zip(values) {
            trial.holds(
                left.contains(&value),
                format_args!("{name} is not on the stack, but its thread relies on it"),
            )?;
        }
        trial.equal_hex("`*save` must be RSP after the last push", saved, expected)?;
        for (index, name) in NAMES.iter().enumerate() {
            trial.equal_hex(
                format_args!("word {index} from the saved RSP upwards must be {name}"),
                left[lowest + index],
                values[index],
            )?;
        }
    }
    Ok(())
}

fn restores(trial: &mut Trial) -> Checked {
    for _ in 0..10 {
        let Probed { values, .. } = probed(trial);
        let landed = LANDED.load(SeqCst);
        if landed == CAME_BACK {
            return trial.fail(
                "`switch` returned to its caller on the old stack: RSP was never loaded from \
                 `restore`",
            );
        }
        let message = "`ret` must take the word behind the six registers; it took the word \
                       with this number from `restore` upwards";
        trial.equal(message, landed, NAMES.len() as u64)?;
        let seen = SEEN.each_ref().map(|register| register.load(SeqCst));
        for (index, name) in NAMES.iter().enumerate() {
            if seen[index] == landing(index) {
                continue;
            }
            let other = NAMES.iter().enumerate().find(|(at, _)| seen[index] == landing(*at));
            return match other {
                Some((_, other)) => trial.fail(format_args!(
                    "the registers must be popped in reverse order: {name} got the word of \
                     {other}"
                )),
                None if seen[index] == values[index] => trial.fail(format_args!(
                    "{name} still has the old thread's value: it was not popped"
                )),
                None => trial.fail(format_args!("{name} did not get its word of the new stack")),
            };
        }
    }
    Ok(())
}

/// The threads of the last check: 0 is the check itself.
const THREADS: usize = 3;
const ROUNDS: u64 = 20;

static SAVED_RSP: [AtomicU64; THREADS] = [const { AtomicU64::new(0) }; THREADS];
static STEPS: [AtomicU64; THREADS] = [const { AtomicU64::new(0) }; THREADS];
/// RSP at the first instruction of a new thread.
static ENTRY_RSP: AtomicU64 = AtomicU64::new(0);
/// One bit for each of [`NAMES`] that was not as its thread had left it.
static CHANGED: [AtomicU64; THREADS] = [const { AtomicU64::new(0) }; THREADS];

/// Fills the callee-saved registers with `values` and switches; returns one bit for each
/// register that is another one afterwards.
///
/// # Safety
/// As for [`switch`]; `values` is valid.
#[unsafe(naked)]
unsafe extern "C" fn hold(save: *mut u64, restore: u64, values: *const Registers) -> u64 {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "push rdx", // RSP is a multiple of 16
        "mov r15, [rdx]",
        "mov r14, [rdx + 8]",
        "mov r13, [rdx + 16]",
        "mov r12, [rdx + 24]",
        "mov rbx, [rdx + 32]",
        "mov rbp, [rdx + 40]",
        "call {switch}",
        "pop rdx",
        "xor eax, eax",
        "xor r15, [rdx]",
        "setne cl",
        "or al, cl",
        "xor r14, [rdx + 8]",
        "setne cl",
        "shl cl, 1",
        "or al, cl",
        "xor r13, [rdx + 16]",
        "setne cl",
        "shl cl, 2",
        "or al, cl",
        "xor r12, [rdx + 24]",
        "setne cl",
        "shl cl, 3",
        "or al, cl",
        "xor rbx, [rdx + 32]",
        "setne cl",
        "shl cl, 4",
        "or al, cl",
        "xor rbp, [rdx + 40]",
        "setne cl",
        "shl cl, 5",
        "or al, cl",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
        switch = sym switch,
    )
}

/// One turn of thread `who`: on to the next, until the CPU comes round again.
fn turn(who: usize) {
    let step = STEPS[who].fetch_add(1, SeqCst);
    let next = (who + 1) % THREADS;
    let values = core::array::from_fn(|index| !(step << 16 | (who << 8 | index) as u64));
    // SAFETY: the next thread waits in its own turn, or has not begun; its RSP is what
    // the learner's code says, which is what is tried.
    let changed =
        unsafe { hold(SAVED_RSP[who].as_ptr(), SAVED_RSP[next].load(SeqCst), &raw const values) };
    CHANGED[who].fetch_or(changed, SeqCst);
}

/// Where the new threads begin: notes RSP, and goes on with a good one.
#[unsafe(naked)]
extern "C" fn begin() {
    naked_asm!(
        "mov [rip + {entry_rsp}], rsp",
        "and rsp, -16",
        "sub rsp, 8",
        "jmp {body}",
        entry_rsp = sym ENTRY_RSP,
        body = sym body,
    )
}

extern "C" fn body() -> ! {
    // Threads begin one after the other, each at the end of its predecessor's first turn.
    let who = if STEPS[1].load(SeqCst) == 0 { 1 } else { 2 };
    ENTRIES[who].store(ENTRY_RSP.load(SeqCst), SeqCst);
    loop {
        turn(who);
    }
}

/// [`ENTRY_RSP`] of each.
static ENTRIES: [AtomicU64; THREADS] = [const { AtomicU64::new(0) }; THREADS];

fn to_and_fro(trial: &mut Trial) -> Checked {
    let mut tops = [0; THREADS];
    for who in 1..THREADS {
        let stack = KernelStack::new().unwrap_or_else(|error| panic!("{error}"));
        let (start, end) = (stack.range().start, stack.top().as_u64());
        // It is never given back: its thread never ends.
        core::mem::forget(stack);
        let words = STACK_BYTES as usize / size_of::<u64>();
        // SAFETY: the stack is mapped and nobody else's; any bits are numbers.
        let memory = unsafe { core::slice::from_raw_parts_mut(start.as_mut_ptr::<u64>(), words) };
        let index = first_stack(memory, begin as *const () as u64);
        trial.holds(index < words, "`first_stack` gives an index outside the stack")?;
        SAVED_RSP[who].store((&raw const memory[index]) as u64, SeqCst);
        tops[who] = end;
    }
    for _ in 0..ROUNDS {
        turn(0);
    }
    for who in 1..THREADS {
        let steps = STEPS[who].load(SeqCst);
        let message = format_args!("thread {who} must have had as many turns as there were rounds");
        trial.equal(message, steps, ROUNDS)?;
        let message =
            format_args!("RSP of thread {who} at its entry must be 8 below the end of its stack");
        let expected = tops[who] - size_of::<u64>() as u64;
        trial.equal_hex(message, ENTRIES[who].load(SeqCst), expected)?;
    }
    for (who, changed) in CHANGED.iter().enumerate() {
        let changed = changed.load(SeqCst);
        let name = NAMES.iter().enumerate().find(|(bit, _)| changed >> bit & 1 != 0);
        if let Some((_, name)) = name {
            return trial.fail(format_args!(
                "{name} of thread {who} was another when the thread came back"
            ));
        }
    }
    Ok(())
}
