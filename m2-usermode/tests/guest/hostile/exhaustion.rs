//! Programs that want everything: all the time, all the memory, all processes.

use crate::containment::{Expected, code, contain, ended, kernel_is_well, run};
use crate::memory;
use crate::programs;
use m1_memory::frames;
use m2_usermode::address_space::USER_HEAP;
use m2_usermode::process::{ExitStatus, Process};
use m2_usermode::program::{self, HELLO, Program};
use m2_usermode::{thread, watchdog};
use shared::cases::{Case, expect_eq};

const HEAP: u64 = USER_HEAP.start.as_u64();
const PAGE: u64 = m1_memory::layout::PAGE_BYTES;

programs! {
    exit 1;
    ENDLESS_LOOP = "3: jmp 3b";
    ENDLESS_LOOP_BAD_STACK = "movabs rsp, 0x8000000000000000", "3: jmp 3b";
    ENDLESS_LOOP_EVERY_FLAG = "push -257", "popfq", "3: jmp 3b"; // all but TF
    ENDLESS_CALLS = "3: mov eax, 3", "syscall", "jmp 3b";
    ENDLESS_BAD_CALLS = "3: mov rax, -1", "syscall", "jmp 3b";
    ENDLESS_GROWING = "3: mov edi, 4096", "mov eax, 6", "syscall", "jmp 3b";
    /// One call that writes 16 MiB to the console.
    ENDLESS_WRITE =
        "mov edi, 0x1000000", "mov eax, 6", "syscall",
        "mov rsi, rax", "mov eax, 1", "mov edi, 1", "mov edx, 0x1000000", "syscall";
    ENDLESS_WRITES_TO_SINK =
        "mov edi, 0x1000000", "mov eax, 6", "syscall", "mov rsi, rax",
        "3: mov eax, 1", "mov edi, 3", "mov edx, 0x1000000", "syscall", "jmp 3b";
    EXECUTE_HEAP = "mov edi, 4096", "mov eax, 6", "syscall", "jmp rax";
    READ_HEAP = "mov al, [rdi]";
    READ_PAST_HEAP = "mov edi, 4097", "mov eax, 6", "syscall", "mov al, [rax + 0x2000]";
    READ_REFUSED_HEAP = "mov rdi, -1", "mov eax, 6", "syscall", "mov eax, 0x10000000",
        "mov al, [rax]";
}

programs! {
    exit 0;
    /// Alone on the CPU for 600 ms, but always ready to give way.
    YIELD_FOR_LONG =
        "mov eax, 4", "syscall", "lea rbx, [rax + 600000000]",
        "3: mov eax, 2", "syscall", "mov edi, 1", "test rax, rax", "jne 2f",
        "mov eax, 4", "syscall", "cmp rax, rbx", "jb 3b";
    /// In ever smaller pieces until there is not a page; the last one granted can
    /// be written to.
    GROW_TO_THE_END =
        "mov r12d, 0x1000000",
        "3: mov rbx, rax",
        "4: mov edi, r12d", "mov eax, 6", "syscall", "test rax, rax", "jns 3b",
        "mov edi, 1", "cmp rax, -12", "jne 2f",
        "shr r12d", "cmp r12d, 4096", "jae 4b",
        "mov [rbx], rbx";
    /// Sizes that no machine has, and those that wrap when rounded up.
    GROW_TOO_MUCH =
        "mov ebx, 63",
        "3: xor edi, edi", "bts rdi, rbx", "mov eax, 6", "syscall",
        "mov edi, 1", "cmp rax, -12", "jne 2f",
        "dec ebx", "cmp ebx, 29", "jne 3b",
        "mov rdi, -1", "mov eax, 6", "syscall",
        "mov edi, 2", "cmp rax, -12", "jne 2f",
        "mov rdi, -4096", "mov eax, 6", "syscall",
        "mov edi, 3", "cmp rax, -12", "jne 2f",
        "xor edi, edi", "mov eax, 6", "syscall",
        "mov edi, 4", "cmp rax, 0x10000000", "jne 2f";
    /// With all memory taken, a child is refused, not the kernel's end.
    SPAWN_WITHOUT_MEMORY =
        "mov r12d, 0x1000000",
        "3: mov edi, r12d", "mov eax, 6", "syscall", "test rax, rax", "jns 3b",
        "shr r12d", "cmp r12d, 4096", "jae 3b",
        "mov eax, 7", "lea rdi, [rip + 4f]", "mov esi, 5", "xor edx, edx", "syscall",
        "mov edi, 1", "cmp rax, -12", "jne 2f", "jmp 5f",
        "4: .ascii \"hello\"",
        "5:";
    /// As many children as there can be, and not one waited for.
    SPAWN_BOMB =
        "xor ebx, ebx",
        "3: inc ebx", "mov eax, 7", "lea rdi, [rip + 4f]", "mov esi, 5", "xor edx, edx", "syscall",
        "test rax, rax", "jns 3b",
        "mov edi, 1", "cmp rax, -11", "jne 2f",
        "mov edi, 2", "cmp ebx, 64", "jne 2f", "jmp 5f",
        "4: .ascii \"hello\"",
        "5:";
    /// The same, and then each is waited for; children that nobody waits for stay
    /// in nobody's way.
    SPAWN_AND_WAIT =
        "xor ebx, ebx",
        "3: inc ebx", "mov eax, 7", "lea rdi, [rip + 4f]", "mov esi, 5", "xor edx, edx", "syscall",
        "test rax, rax", "jns 3b",
        "6: dec ebx", "je 7f",
        "mov eax, 8", "xor edi, edi", "mov rsi, rsp", "sub rsi, 8", "syscall",
        "mov edi, 1", "test rax, rax", "js 2f",
        "mov edi, 2", "cmp qword ptr [rsp - 8], 99", "jne 2f",
        "jmp 6b",
        "7: mov eax, 8", "xor edi, edi", "xor esi, esi", "syscall",
        "mov edi, 3", "cmp rax, -10", "jne 2f", "jmp 5f",
        "4: .ascii \"hello\"",
        "5:";
    SLEEP_TOO_LONG =
        "mov rdi, -1", "mov eax, 5", "syscall",
        "mov edi, 1", "cmp rax, -22", "jne 2f",
        "movabs rdi, 3600000000001", "mov eax, 5", "syscall",
        "mov edi, 2", "cmp rax, -22", "jne 2f";
    /// Nobody's child, one's own number, the kernel's, all 64 bits.
    WAIT_FOR_STRANGERS =
        "mov eax, 3", "syscall", "mov rbx, rax",
        "lea r12, [rip + 4f]", "mov r13d, 5",
        "3: mov rdi, [r12]", "xor esi, esi", "mov eax, 8", "syscall",
        "mov edi, 1", "cmp rax, -10", "jne 2f",
        "add r12, 8", "dec r13d", "jnz 3b",
        "mov rdi, rbx", "mov eax, 8", "syscall",
        "mov edi, 2", "cmp rax, -10", "jne 2f",
        "lea rdi, [rbx - 1]", "mov eax, 8", "syscall",
        "mov edi, 3", "cmp rax, -10", "jne 2f", "jmp 5f",
        "4: .quad 0, 1, 4711, 0x100000001, -1",
        "5:";
    /// Leaves a heap that is there when the next program looks.
    FILL_HEAP_AND_YIELD =
        "mov edi, 4096", "mov eax, 6", "syscall", "mov qword ptr [rax], -1",
        "mov rbx, rax", "mov r12d, 8",
        "3: mov eax, 2", "syscall", "dec r12d", "jnz 3b",
        "mov edi, 1", "cmp qword ptr [rbx], -1", "jne 2f";
    FILL_HEAP =
        "mov edi, 0x400000", "mov eax, 6", "syscall",
        "mov rdi, rax", "mov ecx, 0x80000", "mov rax, -1", "rep stosq";
    HEAP_IS_ZERO =
        "mov edi, 0x800000", "mov eax, 6", "syscall",
        "mov rdi, rax", "mov ecx, 0x100000", "xor eax, eax", "repe scasq",
        "mov edi, 1", "jne 2f";
}

/// Every case of this module.
pub const CASES: &[Case] = &[
    ("endless-loop", || out_of_time("endless-loop", &ENDLESS_LOOP)),
    ("endless-loop-with-bad-stack", || {
        out_of_time("endless-loop-with-bad-stack", &ENDLESS_LOOP_BAD_STACK);
    }),
    ("endless-loop-with-every-flag", || {
        out_of_time("endless-loop-with-every-flag", &ENDLESS_LOOP_EVERY_FLAG);
    }),
    ("endless-calls", || out_of_time("endless-calls", &ENDLESS_CALLS)),
    ("endless-bad-calls", || out_of_time("endless-bad-calls", &ENDLESS_BAD_CALLS)),
    ("endless-growing", || out_of_time("endless-growing", &ENDLESS_GROWING)),
    ("endless-write", || out_of_time("endless-write", &ENDLESS_WRITE)),
    ("endless-writes-to-sink", || out_of_time("endless-writes-to-sink", &ENDLESS_WRITES_TO_SINK)),
    ("yield-for-long", || {
        // A third of what it takes.
        watchdog::set_budget(20);
        contain("yield-for-long", &YIELD_FOR_LONG, Expected::Exit(0));
        watchdog::set_budget(watchdog::DEFAULT_TICKS);
    }),
    ("execute-own-heap", || {
        let expected = Expected::PageFault { code: code::DENIED_FETCH, address: HEAP };
        contain("execute-own-heap", &EXECUTE_HEAP, expected);
    }),
    ("read-past-own-heap", || {
        let expected = Expected::PageFault { code: code::ABSENT_READ, address: HEAP + 2 * PAGE };
        contain("read-past-own-heap", &READ_PAST_HEAP, expected);
    }),
    ("read-refused-heap", || {
        let expected = Expected::PageFault { code: code::ABSENT_READ, address: HEAP };
        contain("read-refused-heap", &READ_REFUSED_HEAP, expected);
    }),
    ("exhaust-memory", || patiently("exhaust-memory", &GROW_TO_THE_END)),
    ("grow-too-much", || contain("grow-too-much", &GROW_TOO_MUCH, Expected::Exit(0))),
    ("spawn-without-memory", || patiently("spawn-without-memory", &SPAWN_WITHOUT_MEMORY)),
    ("spawn-bomb", || with_children("spawn-bomb", &SPAWN_BOMB)),
    ("spawn-and-wait", || with_children("spawn-and-wait", &SPAWN_AND_WAIT)),
    ("spawn-bombs", spawn_bombs),
    ("sleep-too-long", || contain("sleep-too-long", &SLEEP_TOO_LONG, Expected::Exit(0))),
    ("wait-for-strangers", || {
        contain("wait-for-strangers", &WAIT_FOR_STRANGERS, Expected::Exit(0));
    }),
    ("read-other-heap", || {
        read_other_heap();
        let before = frames::statistics().used;
        let expected = Expected::PageFault { code: code::ABSENT_READ, address: HEAP };
        ended("read-other-heap", read_other_heap(), expected);
        kernel_is_well(before);
    }),
    ("other-s-memory-is-cleared", || {
        run(&FILL_HEAP, 0);
        contain("other-s-memory-is-cleared", &HEAP_IS_ZERO, Expected::Exit(0));
    }),
];

/// Runs a program that must be stopped by the watchdog, which is given less
/// patience than usual.
fn out_of_time(name: &str, program: &Program) {
    const TICKS: u64 = 5;
    watchdog::set_budget(TICKS);
    contain(name, program, Expected::OutOfTime);
    watchdog::set_budget(watchdog::DEFAULT_TICKS);
}

/// Runs a program that takes its time, on a busy host even more.
fn patiently(name: &str, program: &Program) {
    watchdog::set_budget(u64::MAX);
    contain(name, program, Expected::Exit(0));
    watchdog::set_budget(watchdog::DEFAULT_TICKS);
}

/// Runs a program that leaves children behind; they end by themselves.
fn with_children(name: &str, program: &Program) {
    // The most threads there can be make the page tables for their stacks.
    run(program, 0);
    let_all_end();
    run(&HELLO, 0);
    let before = frames::statistics().used;
    ended(name, run(program, 0).status, Expected::Exit(0));
    let_all_end();
    expect_eq("threads-left", thread::statistics().threads, 1);
    kernel_is_well(before);
}

/// Programs that start copies of themselves, as many as they can, which do the
/// same: all processes there can be, again and again.
fn spawn_bombs() {
    const GENERATIONS: u64 = 2;
    let bomb = program::find("bomb").unwrap_or_else(|error| panic!("{error}"));
    let round = || {
        let status = run(&bomb, GENERATIONS).status;
        let_all_end();
        status
    };
    round();
    let before = frames::statistics().used;
    ended("spawn-bombs", round(), Expected::Exit(0));
    kernel_is_well(before);
}

/// Reads where another process, which is alive, has its heap.
fn read_other_heap() -> ExitStatus {
    let other = Process::new(&FILL_HEAP_AND_YIELD, memory()).and_then(Process::start);
    let other = other.unwrap_or_else(|error| panic!("{error}"));
    thread::yield_now();
    let status = run(&READ_HEAP, HEAP).status;
    let other = other.wait().unwrap_or_else(|error| panic!("{error}"));
    ended("other-keeps-heap", other.status, Expected::Exit(0));
    let_all_end();
    status
}

/// Gives way until no other thread is left; each ends by itself.
pub fn let_all_end() {
    while thread::statistics().threads > 1 {
        thread::yield_now();
    }
}
