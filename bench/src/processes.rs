//! Processes: what a program pays for the wall around it.
//!
//! | names | what |
//! | --- | --- |
//! | `getpid` | from the program's `mov eax, 3` to the instruction behind its SYSCALL |
//! | `write-64` | the same for `write` of 64 bytes to the sink, arguments included |
//! | `yield` | half of a `yield` in one of two processes that do nothing else: one switch |
//! | `create-run-reap` | `Process::new`, its start, its `exit(0)`, and the asking how it ended |
//!
//! The programs count themselves, by RDTSC in ring 3, and exit with the count; so
//! each sample is a process of its own.

use crate::counter::Counter;
use crate::report::Report;
use crate::samples::Samples;
use core::fmt::Display;
use m1_memory::layout;
use m1_memory::physical::DirectMap;
use m2_usermode::process::{ExitStatus, Process, Running};
use m2_usermode::program::Program;
use m2_usermode::user_program;
use spin::Mutex;

/// Processes for each figure.
const PROCESSES: usize = 64;

static SAMPLES: Mutex<Samples> = Mutex::new(Samples::new());

user_program!(
    /// Exits with the instructions of one `getpid`.
    GETPID, "count-getpid", bench_getpid..bench_getpid_end,
    // An empty pair first.
    "rdtsc", "mov ebx, eax", "rdtsc", "sub eax, ebx", "mov ebp, eax",
    "rdtsc", "mov ebx, eax",
    "mov eax, 3", "syscall",
    "rdtsc", "sub eax, ebx", "sub eax, ebp",
    "mov edi, eax", "xor eax, eax", "syscall",
);

user_program!(
    /// Exits with the instructions of one `write` to the sink.
    WRITE, "count-write", bench_write..bench_write_end,
    "rdtsc", "mov ebx, eax", "rdtsc", "sub eax, ebx", "mov ebp, eax",
    "rdtsc", "mov ebx, eax",
    "mov eax, 1", "mov edi, 3", "lea rsi, [rip + 3f]", "mov edx, 64", "syscall",
    "mov ecx, eax",
    "rdtsc", "sub eax, ebx", "sub eax, ebp", "dec eax",
    "mov edi, eax",
    "cmp ecx, 64", "je 2f", "mov edi, -1", "2:",
    "xor eax, eax", "syscall",
    "3: .zero 64, 0x2e",
);

user_program!(
    /// Exits with the instructions of one `yield`, in which another process runs.
    YIELD, "count-yield", bench_yield..bench_yield_end,
    "mov eax, 2", "syscall", // the other one has started then
    "rdtsc", "mov ebx, eax", "rdtsc", "sub eax, ebx", "mov ebp, eax",
    "rdtsc", "mov ebx, eax",
    "mov eax, 2", "syscall",
    "rdtsc", "sub eax, ebx", "sub eax, ebp",
    "mov edi, eax", "xor eax, eax", "syscall",
);

user_program!(
    /// Yields four times: while the other one counts, and before and after.
    PARTNER, "partner", bench_partner..bench_partner_end,
    "mov ebx, 4",
    "2: mov eax, 2", "syscall", "dec ebx", "jnz 2b",
    "xor edi, edi", "xor eax, eax", "syscall",
);

user_program!(
    /// Exits at once.
    EXIT, "exit", bench_exit..bench_exit_end,
    "xor edi, edi", "xor eax, eax", "syscall",
);

/// Measures all of it.
pub fn measure(counter: Counter) {
    log::info!("processes: system calls, switching, creating");
    let level = log::max_level();
    // A process says when it enters ring 3; what the console costs is not ours.
    log::set_max_level(log::LevelFilter::Off);
    sample("getpid", || run(&GETPID));
    sample("write-64", || run(&WRITE));
    sample("yield", || {
        let (counted, partner) = (start(&YIELD), start(&PARTNER));
        let count = wait(counted);
        wait(partner);
        count.div_ceil(2)
    });
    run(&EXIT); // heap and page tables grow here
    sample("create-run-reap", || counter.count(|| run(&EXIT).into()).0);
    log::set_max_level(level);
}

fn sample(name: &str, mut work: impl FnMut() -> u32) {
    let mut samples = SAMPLES.lock();
    samples.clear();
    for _ in 0..PROCESSES {
        samples.add(work());
    }
    Report::OURS.statistics(format_args!("processes/{name}"), &mut samples);
}

fn run(program: &Program) -> u32 {
    wait(start(program))
}

fn start(program: &Program) -> Running {
    let memory = DirectMap::new(layout::DIRECT_MAP).unwrap_or_else(|error| give_up(error));
    let process = Process::new(program, memory).unwrap_or_else(|error| give_up(error));
    process.start().unwrap_or_else(|error| give_up(error))
}

/// The code that a process exits with.
fn wait(running: Running) -> u32 {
    match running.wait().map(|outcome| outcome.status) {
        Ok(ExitStatus::Exited(code)) => {
            u32::try_from(code).unwrap_or_else(|_| give_up("the program's call failed"))
        }
        Ok(other) => give_up(other),
        Err(error) => give_up(error),
    }
}

fn give_up(error: impl Display) -> ! {
    panic!("bench: {error}")
}
