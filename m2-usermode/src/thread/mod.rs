//! Cooperative kernel threads.
//!
//! A thread runs until it yields, sleeps, waits or ends. The ready queue is first
//! in, first out; switching takes the same time however many threads there are.
//! Each thread has a guarded stack, and page tables to run on: the kernel's, or
//! those of the process it carries.
//!
//! ```text
//!             spawn              first in the queue
//!   (nothing) -----> Ready <------------------------> Running ---------+
//!                      ^          yield_now           |  |  |          | end
//!                      |                       sleep  |  |  | join     v
//!                      +--- the tick came --- Sleeping   |  |        Ended
//!                      |                           park  |  |          |
//!                      +--- unpark ------------- Parked <+  |          | join,
//!                      |                                    |          | detach
//!                      +--- the other one ended -- Waiting <+          v
//!                                                                  (nothing)
//! ```
//!
//! A thread is in exactly one of these places. `scheduler` is the logic, without
//! hardware; `context` owns stacks and page tables and switches; this file is what
//! others call. The lock is held only while the logic runs, never over a switch.
//! Interrupt handlers may call [`tick`] and nothing else here, so an interrupt in
//! the middle never waits for the lock.

mod context;
mod error;
mod id;
mod scheduler;
mod state;
mod table;
#[cfg(test)]
mod tests;

pub use context::{current_process, current_stack_top};
pub use error::{Deadlock, JoinError, SpawnError};
pub use id::ThreadId;
pub use state::{Info, State, Statistics};

use crate::process_id::ProcessId;
use context::Handle;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use id::Place;
use m0_boot::pit;
use m1_memory::stack::KernelStack;
use scheduler::{Full, Next, NoSuchThread, Scheduler};
use shared::exit::{self, Reason};
use spin::{Mutex, MutexGuard, Once};
use state::Wake;
use x86_64::instructions::interrupts;
use x86_64::structures::paging::PhysFrame;

/// What a thread does: gets its argument, returns its result.
pub type Body = fn(u64) -> u64;

/// Places in the table; one is never used.
const PLACES: usize = 1024;
/// Threads at once, ended ones that nobody has joined included.
pub const MAX_THREADS: usize = PLACES - 1;

type Guard = MutexGuard<'static, Scheduler<Handle, PLACES>>;

static SCHEDULER: Mutex<Scheduler<Handle, PLACES>> = Mutex::new(Scheduler::new());

/// The tick at which the running thread came onto the CPU or last let others
/// before it.
static SLICE_START: AtomicU64 = AtomicU64::new(0);
/// Instead of that, while nobody runs.
const IDLE: u64 = u64::MAX;

static KERNEL_ROOT: Once<PhysFrame> = Once::new();

/// Makes the running code the first thread, on the kernel's page tables `root`,
/// which are loaded.
///
/// # Panics
/// If there is no memory for what the kernel notes about it.
pub fn init(root: PhysFrame) {
    let boot = Handle::boot(root).unwrap_or_else(|error| panic!("{error}"));
    KERNEL_ROOT.call_once(|| root);
    context::start(&boot);
    lock().start("boot", boot, pit::ticks());
    SLICE_START.store(pit::ticks(), Relaxed);
}

/// Starts a thread on the page tables `root`; it runs when the caller yields.
/// `name` is what fault reports call its stack.
///
/// # Errors
/// See [`SpawnError`]; everything taken so far is given back.
///
/// # Panics
/// Before [`init`].
pub fn spawn(
    name: &'static str,
    root: PhysFrame,
    body: Body,
    argument: u64,
) -> Result<ThreadId, SpawnError> {
    start(name, root, None, body, argument)
}

/// Starts a thread that carries `process`: as [`spawn`], and with x87, SSE and
/// segment registers of its own.
///
/// # Errors
/// See [`SpawnError`]; everything taken so far is given back.
///
/// # Panics
/// Before [`init`].
pub fn spawn_user(
    name: &'static str,
    root: PhysFrame,
    body: Body,
    argument: u64,
    process: ProcessId,
) -> Result<ThreadId, SpawnError> {
    start(name, root, Some(process), body, argument)
}

fn start(
    name: &'static str,
    root: PhysFrame,
    process: Option<ProcessId>,
    body: Body,
    argument: u64,
) -> Result<ThreadId, SpawnError> {
    assert!(context::is_started(), "thread::init has not been called");
    let stack = KernelStack::named(name).map_err(SpawnError::Stack)?;
    let handle = Handle::new(stack, root, process, body, argument).map_err(SpawnError::Memory)?;
    let context = handle.pointer();
    let outcome = lock().spawn(name, handle);
    match outcome {
        Ok(id) => {
            // SAFETY: the thread exists and has not run yet.
            unsafe { (*context).id = id };
            Ok(id)
        }
        // Dropping the handle unmaps the stack; the lock is free again.
        Err((Full, _handle)) => Err(SpawnError::TooMany),
    }
}

/// The running thread.
pub fn current() -> ThreadId {
    context::current()
}

/// A thread's state, if it exists.
pub fn state(id: ThreadId) -> Option<State> {
    lock().state(id)
}

/// Lets the other ready threads run first. Returns at once if there are none.
pub fn yield_now() {
    let now = pit::ticks();
    let scheduler = lock();
    if scheduler.knows(now) {
        give_way(scheduler, now);
    } else {
        give_way_after_tick(scheduler, now);
    }
}

/// Apart, so that the way without a tick calls nothing but the switch.
#[cold]
fn give_way_after_tick(mut scheduler: Guard, now: u64) {
    scheduler.advance(now);
    give_way(scheduler, now);
}

#[inline(always)]
fn give_way(mut scheduler: Guard, now: u64) {
    let next = scheduler.yield_now().map(Handle::pointer);
    drop(scheduler);
    match next {
        // SAFETY: the scheduler gave out a thread that was ready.
        Some(next) => unsafe { context::switch_to(next, now) },
        None => SLICE_START.store(now, Relaxed),
    }
}

/// Sleeps until the tick has come that many times. The first may come at once, so
/// for a duration add one.
pub fn sleep(ticks: u64) {
    let now = pit::ticks();
    let asleep = lock().sleep(now, now.saturating_add(ticks));
    if asleep {
        // Nothing but its time wakes a sleeper.
        let _ = wait();
    }
}

/// Waits until somebody calls [`unpark`] for the running thread, or returns at
/// once if that happened since it was last parked.
///
/// # Errors
/// [`Deadlock`]: nobody is left who could.
pub fn park() -> Result<(), Deadlock> {
    let parked = lock().park(pit::ticks());
    match parked.then(wait) {
        Some(Wake::Deadlock) => Err(Deadlock),
        _ => Ok(()),
    }
}

/// Makes `id` return from [`park`]: the one it is in, or else its next one.
/// Nothing happens if the thread has ended.
pub fn unpark(id: ThreadId) {
    lock().unpark(id);
}

/// Waits until `id` ends and returns its result. All that wait at that time get
/// it; afterwards the thread is forgotten.
///
/// # Errors
/// See [`JoinError`].
pub fn join(id: ThreadId) -> Result<u64, JoinError> {
    let outcome = lock().join(pit::ticks(), id);
    match outcome {
        Ok(Some(result)) => Ok(result),
        Ok(None) => match wait() {
            Wake::Result(result) => Ok(result),
            _ => Err(JoinError::Deadlock),
        },
        Err(NoSuchThread) => Err(JoinError::NoSuchThread(id)),
    }
}

/// Nobody will join `id`: it is forgotten as soon as it has ended.
pub fn detach(id: ThreadId) {
    lock().detach(id);
}

/// Ends the running thread. Its stack is freed by whoever runs next.
pub fn end(result: u64) -> ! {
    let ended = lock().end(pit::ticks(), result);
    let Some(ended) = ended else { unreachable!("a running thread has a context") };
    loop {
        let now = pit::ticks();
        let mut scheduler = lock();
        match scheduler.next(now) {
            Next::Switch(next) => {
                let next = next.pointer();
                drop(scheduler);
                // SAFETY: the scheduler gave out a thread that was ready; this
                // one has ended.
                unsafe { context::leave_to(next, now, ended) }
            }
            Next::Nobody => {
                if !scheduler.break_deadlock() {
                    break;
                }
            }
            Next::Stay => {} // an ended thread is never ready
            Next::Idle => {
                drop(scheduler);
                idle(now);
            }
        }
    }
    log::error!("the last thread has ended");
    exit::leave(Reason::Failed)
}

/// The running thread goes over to the kernel's page tables for good. To be
/// called before those of its process are dropped.
pub fn use_kernel_tables() {
    if let Some(&root) = KERNEL_ROOT.get() {
        context::use_tables(root);
    }
}

/// How many ticks the running thread has had since it came onto the CPU or last
/// yielded; 0 while nobody runs. For the timer's handler: takes no lock.
pub fn tick() -> u64 {
    pit::ticks().saturating_sub(SLICE_START.load(Relaxed))
}

/// Figures about all threads.
pub fn statistics() -> Statistics {
    let mut scheduler = lock();
    scheduler.advance(pit::ticks());
    scheduler.statistics()
}

/// Calls `visit` for every thread. It may do what it likes: threads that are
/// started or end meanwhile may or may not be visited.
pub fn for_each(mut visit: impl FnMut(&Info)) {
    lock().advance(pit::ticks());
    let mut from = Place::FIRST;
    loop {
        let found = lock().entry_from(from).map(|(place, entry, state)| {
            let (id, name) = (entry.id, entry.name.unwrap_or_default());
            let process = entry.payload.as_ref().and_then(Handle::process);
            let (switches, ticks) = (entry.switches, entry.ticks);
            (place, Info { id, name, state, process, switches, ticks })
        });
        let Some((place, info)) = found else { return };
        visit(&info);
        from = place.next();
    }
}

/// The scheduler, for a moment.
///
/// # Panics
/// If it is in use, which is a mistake: waiting would be in vain on one CPU, as
/// whoever uses it was interrupted by the caller.
#[inline(always)]
fn lock() -> Guard {
    match SCHEDULER.try_lock() {
        Some(scheduler) => scheduler,
        None => panic!("the scheduler was called by what interrupted it"),
    }
}

/// Runs others while the running thread is blocked; says why it runs again.
fn wait() -> Wake {
    loop {
        let now = pit::ticks();
        let mut scheduler = lock();
        match scheduler.next(now) {
            Next::Switch(next) => {
                let next = next.pointer();
                drop(scheduler);
                // SAFETY: the scheduler gave out a thread that was ready.
                unsafe { context::switch_to(next, now) };
                return lock().take_wake();
            }
            Next::Stay => {
                SLICE_START.store(now, Relaxed);
                return scheduler.take_wake();
            }
            Next::Idle => {
                drop(scheduler);
                idle(now);
            }
            Next::Nobody => {
                scheduler.stop_waiting();
                return Wake::Deadlock;
            }
        }
    }
}

/// Halts the CPU until the clock no longer shows `seen`, or for one interrupt.
///
/// A tick between the look at the clock and HLT would be slept through, so
/// interrupts are off in between: STI takes effect only after the instruction
/// behind it (Intel SDM Vol. 2B, "STI").
fn idle(seen: u64) {
    let were_on = interrupts::are_enabled();
    SLICE_START.store(IDLE, Relaxed);
    interrupts::disable();
    if pit::ticks() == seen {
        interrupts::enable_and_hlt();
    }
    if were_on {
        interrupts::enable();
    } else {
        interrupts::disable();
    }
}
