//! Threads: what it costs to switch, to start and to join.
//!
//! | names | what |
//! | --- | --- |
//! | `yield` | from the call of `yield_now` in one thread to its return in the next; two threads |
//! | `yield-among-256` | the same with 256 threads |
//! | `yield-alone` | `yield_now` with nobody to yield to |
//! | `create-join` | `spawn`, the switches to the thread and back, `join`, and the stack mapped and unmapped |

use crate::counter::{Begun, Counter};
use crate::report::Report;
use crate::samples::{CAPACITY, Samples};
use core::fmt::Display;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use m1_memory::paging::kernel;
use m2_usermode::thread::{self, Body, ThreadId};
use spin::{Mutex, Once};
use x86_64::structures::paging::PhysFrame;

/// Threads in the crowd, the measuring one included.
const CROWD: usize = 256;
/// Threads that are started and joined; each takes tens of microseconds.
const STARTED: usize = 1024;

static SAMPLES: Mutex<Samples> = Mutex::new(Samples::new());
static COUNTER: Once<Counter> = Once::new();
/// What was begun in the thread that yielded.
static BEGUN: AtomicU32 = AtomicU32::new(0);
/// Threads that yield are to end.
static ENOUGH: AtomicBool = AtomicBool::new(false);

/// Measures all of it.
pub fn measure(counter: Counter) {
    log::info!("threads: switching, starting, joining");
    COUNTER.call_once(|| counter);
    switches("yield", 2);
    switches("yield-among-256", CROWD);
    sample("yield-alone", CAPACITY, || {
        let (count, _) = counter.count(|| {
            thread::yield_now();
            0
        });
        count
    });
    let root = kernel_root();
    let once = || match thread::spawn("bench", root, |argument| argument, 7) {
        Ok(id) => thread::join(id).unwrap_or(0),
        Err(_) => 0,
    };
    once(); // tables and heap grow here
    sample("create-join", STARTED, || {
        let (count, result) = counter.count(once);
        if result != 7 {
            give_up(format_args!("the thread returned {result}"));
        }
        count
    });
}

/// Counts every switch among `threads` threads that do nothing but yield.
fn switches(name: &str, threads: usize) {
    fn body(_: u64) -> u64 {
        while !ENOUGH.load(Relaxed) {
            yield_counted();
        }
        0
    }
    ENOUGH.store(false, Relaxed);
    let mut started = arrayvec::ArrayVec::<ThreadId, CROWD>::new();
    while started.len() + 1 < threads {
        started.push(spawn(body));
    }
    // Each starts, which is no return from `yield_now`.
    thread::yield_now();
    SAMPLES.lock().clear();
    while SAMPLES.lock().len() < CAPACITY {
        yield_counted();
    }
    ENOUGH.store(true, Relaxed);
    for id in started {
        thread::join(id).unwrap_or_else(|error| give_up(error));
    }
    report(name);
}

/// Yields; the count that the previous thread began ends here.
#[inline(never)]
fn yield_counted() {
    let Some(counter) = COUNTER.get() else { return };
    BEGUN.store(counter.begin().0, Relaxed);
    thread::yield_now();
    let count = counter.end(|| Begun(BEGUN.load(Relaxed)));
    let mut samples = SAMPLES.lock();
    if samples.len() < CAPACITY {
        samples.add(count);
    }
}

/// Counts `work` so many times.
fn sample(name: &str, times: usize, mut work: impl FnMut() -> u32) {
    SAMPLES.lock().clear();
    for _ in 0..times {
        let count = work();
        SAMPLES.lock().add(count);
    }
    report(name);
}

fn report(name: &str) {
    Report::OURS.statistics(format_args!("threads/{name}"), &mut SAMPLES.lock());
}

fn spawn(body: Body) -> ThreadId {
    thread::spawn("bench", kernel_root(), body, 0).unwrap_or_else(|error| give_up(error))
}

fn kernel_root() -> PhysFrame {
    kernel::root().unwrap_or_else(|| give_up("no kernel page tables"))
}

fn give_up(error: impl Display) -> ! {
    panic!("bench: {error}")
}
