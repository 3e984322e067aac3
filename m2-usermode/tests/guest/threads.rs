//! Cooperative threads on the real CPU.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use m0_boot::pit;
use m1_memory::frames;
use m1_memory::paging::kernel;
use m2_usermode::thread::{self, Body, JoinError, State, ThreadId};
use shared::cases::{Case, expect, expect_eq};

/// Every case of this module.
pub const CASES: &[Case] = &[
    ("threads-take-turns", take_turns),
    ("threads-many", many),
    ("threads-join-errors", join_errors),
    ("threads-deadlock", deadlock),
    ("threads-states", states),
    ("threads-keep-interrupts", keep_interrupts),
    ("threads-out-of-memory", out_of_memory),
    ("threads-stack-overflow", stack_overflow),
];

fn spawn(name: &'static str, body: Body, argument: u64) -> ThreadId {
    let root = kernel::root().unwrap_or_else(|| panic!("no kernel page tables"));
    thread::spawn(name, root, body, argument).unwrap_or_else(|error| panic!("{error}"))
}

fn join(id: ThreadId) -> u64 {
    thread::join(id).unwrap_or_else(|error| panic!("{error}"))
}

static LOG: AtomicU64 = AtomicU64::new(0);

fn log_digit(digit: u64) {
    LOG.store(LOG.load(Relaxed) * 10 + digit, Relaxed);
}

fn take_turns() {
    fn body(digit: u64) -> u64 {
        for _ in 0..2 {
            log_digit(digit);
            thread::yield_now();
        }
        digit
    }
    let ids = [spawn("one", body, 1), spawn("two", body, 2), spawn("three", body, 3)];
    expect_eq("results", ids.map(join), [1, 2, 3]);
    expect_eq("order", LOG.load(Relaxed), 123_123);
}

/// Two hundred threads with stacks of their own, each summing up and yielding.
fn many() {
    fn body(number: u64) -> u64 {
        let mut sum = 0;
        for addend in 0..=number {
            sum += addend;
            thread::yield_now();
        }
        sum
    }
    let round = || {
        let ids: Vec<_> = (0..200).map(|number| spawn("adder", body, number)).collect();
        ids.into_iter().map(join).sum::<u64>()
    };
    round(); // page tables and heap grow here, and stay
    let before = frames::statistics().used;
    let expected = (0..200).map(|number| number * (number + 1) / 2).sum();
    expect_eq("sums", round(), expected);
    expect_eq("no-frame-lost", frames::statistics().used, before);
    expect_eq("threads-left", thread::statistics().threads, 1);
}

fn join_errors() {
    let id = spawn("once", |argument| argument, 5);
    expect_eq("joined", thread::join(id), Ok(5));
    expect_eq("twice", thread::join(id), Err(JoinError::NoSuchThread(id)));
    let own = thread::current();
    expect_eq("itself", thread::join(own), Err(JoinError::NoSuchThread(own)));
}

/// Two threads that wait for each other: the second to wait is told, ends, and
/// so frees the first.
fn deadlock() {
    static IDS: spin::Mutex<Vec<ThreadId>> = spin::Mutex::new(Vec::new());
    fn body(other: u64) -> u64 {
        let other = IDS.lock()[other as usize];
        match thread::join(other) {
            Ok(result) => result,
            Err(JoinError::Deadlock) => 77,
            Err(JoinError::NoSuchThread(_)) => 1,
        }
    }
    let (first, second) = (spawn("first", body, 1), spawn("second", body, 0));
    IDS.lock().extend([first, second]);
    expect_eq("told-through-the-other", thread::join(first), Ok(77));
    expect_eq("joined-already", thread::join(second), Err(JoinError::NoSuchThread(second)));
}

fn states() {
    let id = spawn("waiter", |_| 0, 0);
    expect_eq("ready", thread::state(id), Some(State::Ready));
    expect_eq("running", thread::state(thread::current()), Some(State::Running));
    thread::yield_now();
    expect_eq("ended", thread::state(id), Some(State::Ended(0)));
    join(id);
    expect_eq("gone", thread::state(id), None);
}

/// A thread starts with interrupts on, and its switch gives them back to others
/// as they had them.
fn keep_interrupts() {
    use x86_64::instructions::interrupts;
    let id = spawn(
        "disabler",
        |_| {
            let on = interrupts::are_enabled();
            interrupts::disable();
            thread::yield_now();
            u64::from(on && !interrupts::are_enabled())
        },
        0,
    );
    thread::yield_now();
    expect("still-on", interrupts::are_enabled(), "the other thread's IF leaked");
    let before = pit::ticks();
    while pit::ticks() == before {
        core::hint::spin_loop();
    }
    expect_eq("own-flag-kept", join(id), 1);
}

/// Spawning until nothing is left is an error that keeps no frame.
fn out_of_memory() {
    fn body(_: u64) -> u64 {
        0
    }
    let root = kernel::root().unwrap_or_else(|| panic!("no kernel page tables"));
    let round = || {
        let mut ids = Vec::with_capacity(8192);
        let error = loop {
            match thread::spawn("greedy", root, body, 0) {
                Ok(id) => ids.push(id),
                Err(error) => break error,
            }
        };
        let count = ids.len();
        ids.into_iter().for_each(|id| {
            join(id);
        });
        (count, error)
    };
    let (count, _) = round();
    let before = frames::statistics().used;
    let (again, error) = round();
    expect("some", count > 100, format_args!("only {count} threads fit"));
    expect_eq("as-many-again", again, count);
    expect_eq("no-frame-lost", frames::statistics().used, before);
    m0_boot::println!("refused: {error}");
}

/// The double fault runs on a stack of its own and names the thread.
fn stack_overflow() {
    let id = spawn(
        "deep",
        |_| {
            // SAFETY: pushes until the guard page; the fault ends this kernel.
            unsafe { core::arch::asm!("2: push rax", "jmp 2b", options(noreturn)) }
        },
        0,
    );
    join(id);
}
