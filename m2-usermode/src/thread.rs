//! Cooperative kernel threads.
//!
//! A thread runs until it yields, waits or ends. The ready queue is first in,
//! first out; switching takes the same time however many threads there are.
//! Each thread has a guarded stack, and page tables to run on: the kernel's, or
//! those of the process it carries.
//!
//! ```text
//!              spawn                switch
//!   (nothing) -------> Ready <------------------> Running
//!                        ^                       |      |
//!                        | the other one ended   |join  |end
//!                        +------- Waiting <------+      v
//!                                                    Ended --join--> (nothing)
//! ```

use crate::switch;
use crate::{gdt, syscall};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use core::fmt;
use m1_memory::stack::{KernelStack, StackError};
use shared::exit::{self, Reason};
use spin::Mutex;
use x86_64::registers::control::Cr3;
use x86_64::structures::paging::PhysFrame;

/// Names a thread, for ever: numbers are not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ThreadId(u64);

impl fmt::Display for ThreadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a thread does: gets its argument, returns its result.
pub type Body = fn(u64) -> u64;

/// What a thread is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In the queue.
    Ready,
    /// On the CPU.
    Running,
    /// In [`join`], until that thread ends.
    Waiting(ThreadId),
    /// Done, with its result; its stack is freed by [`join`].
    Ended(u64),
}

struct Thread {
    state: State,
    /// None for the boot thread, whose stack is never freed.
    stack: Option<KernelStack>,
    root: PhysFrame,
    body: Body,
    argument: u64,
    saved_rsp: u64,
}

/// Figures about threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Threads that exist, the boot thread included.
    pub threads: usize,
    /// Threads ever started.
    pub started: u64,
    /// Context switches.
    pub switches: u64,
}

struct Scheduler {
    threads: BTreeMap<ThreadId, Box<Thread>>,
    ready: VecDeque<ThreadId>,
    current: ThreadId,
    next_id: u64,
    switches: u64,
}

/// Why a thread could not be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinError {
    /// There is no such thread (any more), or it is the caller itself.
    NoSuchThread(ThreadId),
    /// Every other thread waits too: nobody could ever go on.
    Deadlock,
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchThread(id) => write!(f, "there is no thread {id} to wait for"),
            Self::Deadlock => write!(f, "all threads wait for one another"),
        }
    }
}

static SCHEDULER: Mutex<Option<Scheduler>> = Mutex::new(None);

/// Makes the running code the first thread, on the kernel's page tables `root`.
pub fn init(root: PhysFrame) {
    const BOOT: ThreadId = ThreadId(0);
    let boot =
        Thread { state: State::Running, stack: None, root, body: |_| 0, argument: 0, saved_rsp: 0 };
    *SCHEDULER.lock() = Some(Scheduler {
        threads: BTreeMap::from([(BOOT, Box::new(boot))]),
        ready: VecDeque::new(),
        current: BOOT,
        next_id: 1,
        switches: 0,
    });
}

/// Starts a thread on the page tables `root`; it runs when the caller yields.
/// `name` is what fault reports call its stack.
///
/// # Errors
/// No memory for its stack.
pub fn spawn(
    name: &'static str,
    root: PhysFrame,
    body: Body,
    argument: u64,
) -> Result<ThreadId, StackError> {
    let stack = KernelStack::named(name)?;
    // SAFETY: the stack was just mapped and is nobody else's.
    let saved_rsp = unsafe { switch::prepare(stack.top(), begin) };
    let state = State::Ready;
    let thread = Thread { state, stack: Some(stack), root, body, argument, saved_rsp };
    Ok(with(|scheduler| {
        let id = ThreadId(scheduler.next_id);
        scheduler.next_id += 1;
        scheduler.threads.insert(id, Box::new(thread));
        scheduler.ready.push_back(id);
        id
    }))
}

/// The running thread.
pub fn current() -> ThreadId {
    with(|scheduler| scheduler.current)
}

/// A thread's state, if it exists.
pub fn state(id: ThreadId) -> Option<State> {
    with(|scheduler| scheduler.threads.get(&id).map(|thread| thread.state))
}

/// Figures about threads.
pub fn statistics() -> Statistics {
    with(|scheduler| Statistics {
        threads: scheduler.threads.len(),
        started: scheduler.next_id - 1,
        switches: scheduler.switches,
    })
}

/// Lets the other ready threads run first. Returns at once if there are none.
pub fn yield_now() {
    // Without another thread ready, the caller simply goes on.
    let _ = give_way(State::Ready);
}

/// Waits until `id` ends, frees its stack, and returns its result.
///
/// # Errors
/// See [`JoinError`].
pub fn join(id: ThreadId) -> Result<u64, JoinError> {
    loop {
        let state = state(id).filter(|_| id != current()).ok_or(JoinError::NoSuchThread(id))?;
        if let State::Ended(result) = state {
            // Dropping the thread unmaps its stack, so not under the lock.
            let thread = with(|scheduler| scheduler.threads.remove(&id));
            drop(thread);
            return Ok(result);
        }
        give_way(State::Waiting(id)).map_err(|NobodyReady| JoinError::Deadlock)?;
    }
}

/// Ends the running thread.
pub fn end(result: u64) -> ! {
    with(|scheduler| {
        let ended = scheduler.current;
        for (&id, thread) in &mut scheduler.threads {
            if thread.state == State::Waiting(ended) {
                thread.state = State::Ready;
                scheduler.ready.push_back(id);
            }
        }
    });
    // The state is `Ended`, so nothing ever switches back.
    let Err(NobodyReady) = give_way(State::Ended(result)) else { unreachable!() };
    log::error!("thread {} ended and no other can run", current());
    exit::leave(Reason::Failed)
}

/// There is no other thread to run.
struct NobodyReady;

/// Puts the running thread into `state` and runs the next one.
fn give_way(state: State) -> Result<(), NobodyReady> {
    let (save, restore) = with(|scheduler| scheduler.change_over(state))?;
    // SAFETY: both belong to threads in the table, boxed, so their address is
    // stable; a thread is removed only after it ended, and the lock is free.
    unsafe { switch::switch(save, restore) };
    Ok(())
}

impl Scheduler {
    /// Chooses the next thread, makes the CPU ready for it, and returns where to
    /// save the running one's stack pointer and the new one's.
    fn change_over(&mut self, state: State) -> Result<(*mut u64, u64), NobodyReady> {
        let next = self.ready.pop_front().ok_or(NobodyReady)?;
        // Only ended threads are ever removed, and those are not in the queue.
        if !self.threads.contains_key(&next) {
            return Err(NobodyReady);
        }
        let previous = core::mem::replace(&mut self.current, next);
        if state == State::Ready {
            self.ready.push_back(previous);
        }
        self.switches += 1;
        let mut save = core::ptr::null_mut();
        if let Some(thread) = self.threads.get_mut(&previous) {
            thread.state = state;
            save = &raw mut thread.saved_rsp;
        }
        let Some(thread) = self.threads.get_mut(&next) else { return Err(NobodyReady) };
        thread.state = State::Running;
        if let Some(stack) = &thread.stack {
            gdt::set_kernel_stack(stack.top());
            syscall::entry::set_kernel_stack(stack.top());
        }
        let (loaded, flags) = Cr3::read();
        if loaded != thread.root {
            // SAFETY: the kernel's half is the same in all page tables.
            unsafe { Cr3::write(thread.root, flags) };
        }
        Ok((save, thread.saved_rsp))
    }
}

/// Where a new thread begins: on its own stack, from `switch`.
extern "C" fn begin() -> ! {
    let start = with(|scheduler| {
        let thread = scheduler.threads.get(&scheduler.current);
        thread.map(|thread| (thread.body, thread.argument))
    });
    match start {
        Some((body, argument)) => end(body(argument)),
        None => end(0),
    }
}

/// Runs `action` under the scheduler's lock.
///
/// # Panics
/// Before [`init`].
fn with<T>(action: impl FnOnce(&mut Scheduler) -> T) -> T {
    match SCHEDULER.lock().as_mut() {
        Some(scheduler) => action(scheduler),
        None => panic!("thread::init has not been called"),
    }
}
