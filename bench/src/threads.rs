//! Threads: what it costs to switch, to start and to join.
//!
//! | names | what |
//! | --- | --- |
//! | `yield` | from the call of `yield_now` in one thread to its return in the next; two threads |
//! | `yield-among-256` | the same with 256 threads |
//! | `yield-processes` | the same with two threads that have page tables, x87, SSE and segment registers of their own |
//! | `yield-alone` | `yield_now` with nobody to yield to |
//! | `create-join` | `spawn`, the switches to the thread and back, `join`, and the stack mapped and unmapped |

use crate::counter::{Begun, Counter};
use crate::report::Report;
use crate::samples::{CAPACITY, Samples};
use arrayvec::ArrayVec;
use core::fmt::Display;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use m1_memory::frames::{FrameAllocator, KernelFrames};
use m1_memory::layout::{self, PAGE_BYTES};
use m1_memory::paging::kernel;
use m1_memory::physical::{DirectMap, PhysicalMemory};
use m2_usermode::process_id::ProcessId;
use m2_usermode::thread::{self, SpawnError, ThreadId};
use spin::{Mutex, Once};
use x86_64::structures::paging::PhysFrame;

/// Threads in the crowd.
const CROWD: usize = 256;
/// Threads that are started and joined; each takes tens of microseconds.
const STARTED: usize = 1024;

static SAMPLES: Mutex<Samples> = Mutex::new(Samples::new());
static COUNTER: Once<Counter> = Once::new();
/// What was begun in the thread that yielded.
static BEGUN: AtomicU32 = AtomicU32::new(0);

/// Measures all of it.
pub fn measure(counter: Counter) {
    log::info!("threads: switching, starting, joining");
    COUNTER.call_once(|| counter);
    let root = kernel::root().unwrap_or_else(|| give_up("no kernel page tables"));
    let on_kernel_tables = || thread::spawn("bench", root, yield_until_full, 0);
    switches("yield", (0..2).map(|_| on_kernel_tables()));
    switches("yield-among-256", (0..CROWD).map(|_| on_kernel_tables()));
    switches("yield-processes", (1..=2).filter_map(ProcessId::new).map(on_own_tables));
    sample("yield-alone", CAPACITY, || {
        let (count, _) = counter.count(|| {
            thread::yield_now();
            0
        });
        count
    });
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

/// Counts every switch among `threads`, which do nothing but yield.
fn switches(name: &str, threads: impl Iterator<Item = Result<ThreadId, SpawnError>>) {
    SAMPLES.lock().clear();
    let mut started = ArrayVec::<ThreadId, CROWD>::new();
    started.extend(threads.map(|id| id.unwrap_or_else(|error| give_up(error))));
    for id in started {
        thread::join(id).unwrap_or_else(|error| give_up(error));
    }
    report(name);
}

fn yield_until_full(_: u64) -> u64 {
    while SAMPLES.lock().len() < CAPACITY {
        yield_counted();
    }
    0
}

/// A thread as a process has it: page tables and registers of its own. The tables
/// hold nothing but the kernel's half, and are never given back.
fn on_own_tables(process: ProcessId) -> Result<ThreadId, SpawnError> {
    let memory = DirectMap::new(layout::DIRECT_MAP).unwrap_or_else(|error| give_up(error));
    let root = KernelFrames.allocate().unwrap_or_else(|error| give_up(error));
    let kernel = kernel::root().unwrap_or_else(|| give_up("no kernel page tables"));
    let at = |frame: PhysFrame| memory.pointer(frame.start_address());
    // SAFETY: one frame is the kernel's PML4, the other is new and nobody else's.
    unsafe { at(root).copy_from_nonoverlapping(at(kernel), PAGE_BYTES as usize) };
    thread::spawn_user("bench", root, yield_until_full, 0, process)
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

fn give_up(error: impl Display) -> ! {
    panic!("bench: {error}")
}
