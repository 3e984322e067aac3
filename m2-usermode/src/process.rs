//! A process: a program in an address space of its own, run by a thread.
//!
//! [`Process::new`] builds the address space, [`Process::start`] makes the thread
//! that enters ring 3, [`Process::wait`] joins it and says how it ended. A
//! process is ended by itself (`exit`) or by the kernel (a fault); either way by
//! [`end_current`], on its own kernel stack.

use crate::address_space::{AddressSpace, STACK, SpaceError};
use crate::program::Program;
use crate::thread::{self, JoinError, ThreadId};
use crate::user_entry;
use alloc::collections::BTreeMap;
use core::fmt;
use m0_boot::vector::Vector;
use m1_memory::physical::DirectMap;
use m1_memory::stack::StackError;
use spin::Mutex;
use x86_64::VirtAddr;
use x86_64::structures::gdt::SegmentSelector;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// It called `exit`.
    Exited(i32),
    /// It raised an exception.
    Killed(Killed),
    /// It made a system call from an address that SYSRET must not return to.
    ReturnOutside {
        /// That address.
        rip: u64,
    },
    /// It ended without any status, which means a bug in the kernel.
    Unknown,
}

/// The exception that killed a process, as the CPU described it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Killed {
    /// Which exception.
    pub vector: Vector,
    /// Its error code, or 0.
    pub error_code: u64,
    /// For a page fault, the address; else 0.
    pub address: u64,
    /// Where it happened.
    pub rip: u64,
    /// The code segment that was running: its low bits are the ring.
    pub cs: SegmentSelector,
    /// The stack segment.
    pub ss: SegmentSelector,
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited with code {code}"),
            Self::Killed(killed) if killed.vector == Vector::PAGE_FAULT => {
                write!(f, "was killed by {} at address {:#x}", killed.vector, killed.address)
            }
            Self::Killed(killed) => write!(f, "was killed by {}", killed.vector),
            Self::ReturnOutside { rip } => {
                write!(f, "was killed: its system call came from {rip:#x}")
            }
            Self::Unknown => write!(f, "ended without a status"),
        }
    }
}

/// What the kernel notes about a process while its thread runs.
#[derive(Clone, Copy, Debug)]
struct Record {
    program: &'static str,
    status: Option<ExitStatus>,
    calls: u64,
}

/// Records by the thread that carries the process; its number is the process's.
static RECORDS: Mutex<BTreeMap<ThreadId, Record>> = Mutex::new(BTreeMap::new());

/// A process that has not been started.
pub struct Process {
    program: Program,
    space: AddressSpace,
}

/// A process that runs, or waits to.
pub struct Running {
    thread: ThreadId,
    /// Kept until the thread has ended, then dropped.
    space: AddressSpace,
}

/// How a process ended, and what it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub status: ExitStatus,
    /// How many system calls it made.
    pub calls: u64,
}

/// Why a process could not be made, started or waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessError {
    /// No address space.
    Space(SpaceError),
    /// No stack for its thread.
    Stack(StackError),
    /// Its thread cannot be waited for.
    Join(JoinError),
}

impl fmt::Display for ProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Space(error) => error.fmt(f),
            Self::Stack(error) => error.fmt(f),
            Self::Join(error) => error.fmt(f),
        }
    }
}

impl Process {
    /// Builds the address space for `program`.
    ///
    /// # Errors
    /// [`ProcessError::Space`].
    pub fn new(program: &Program, memory: DirectMap) -> Result<Self, ProcessError> {
        let space = AddressSpace::new(program, memory).map_err(ProcessError::Space)?;
        Ok(Self { program: *program, space })
    }

    /// What it will run.
    pub fn program(&self) -> Program {
        self.program
    }

    /// Its page tables.
    pub fn space(&self) -> &AddressSpace {
        &self.space
    }

    /// Starts it; it runs when the caller waits or yields.
    ///
    /// # Errors
    /// [`ProcessError::Stack`].
    pub fn start(self) -> Result<Running, ProcessError> {
        let Self { program, space } = self;
        let thread = thread::spawn(program.name(), space.root(), enter, space.entry().as_u64())
            .map_err(ProcessError::Stack)?;
        let record = Record { program: program.name(), status: None, calls: 0 };
        RECORDS.lock().insert(thread, record);
        Ok(Running { thread, space })
    }
}

impl Running {
    /// Waits until it has ended; its memory goes back then.
    ///
    /// # Errors
    /// [`ProcessError::Join`].
    pub fn wait(self) -> Result<Outcome, ProcessError> {
        thread::join(self.thread).map_err(ProcessError::Join)?;
        drop(self.space);
        let record = RECORDS.lock().remove(&self.thread);
        let status = record.and_then(|record| record.status).unwrap_or(ExitStatus::Unknown);
        Ok(Outcome { status, calls: record.map_or(0, |record| record.calls) })
    }
}

/// The thread of every process: into ring 3, never back.
fn enter(entry: u64) -> u64 {
    log::info!("{} enters ring 3 at {entry:#x} by IRETQ", current_program());
    // SAFETY: the scheduler loaded the process's page tables and told TSS and
    // system-call entry of this thread's stack; this frame is not needed again.
    unsafe { user_entry::enter(VirtAddr::new_truncate(entry), STACK.end) }
}

/// Ends the running process with `status`. Called on its thread.
pub fn end_current(status: ExitStatus) -> ! {
    with_current(|record| record.status = Some(status));
    thread::end(0)
}

/// Counts a system call of the running process.
pub(crate) fn count_call() {
    with_current(|record| record.calls += 1);
}

/// What the running process is called.
pub fn current_program() -> &'static str {
    let mut name = "(no process)";
    with_current(|record| name = record.program);
    name
}

fn with_current(action: impl FnOnce(&mut Record)) {
    if let Some(record) = RECORDS.lock().get_mut(&thread::current()) {
        action(record);
    }
}
