//! A process: a program in an address space of its own, run by a thread.
//!
//! [`Process::new`] builds the address space, [`Process::start`] makes the thread
//! that enters ring 3, [`Running::wait`] says how it ended. A process is ended by
//! itself (`exit`) or by the kernel (a fault, the watchdog); either way by
//! [`end_current`], on its own kernel stack:
//!
//! ```text
//!   exit ---------------------------------------------+
//!   fault, watchdog: the trap handler rewrites the    v
//!   frame, so that IRETQ leads not to the program ->  end_current
//!                                                     1 over to the kernel's page tables
//!                                                     2 address space given back
//!                                                     3 whoever waits is woken
//!                                                     4 the thread ends
//! ```

mod children;
mod status;
mod table;

pub use self::children::{WaitError, forget, spawn, wait};
pub use self::status::{ExitStatus, Killed};
pub use self::table::CAPACITY;

use self::table::{Full, Parent, Record, Table};
use crate::address_space::{AddressSpace, STACK, SpaceError};
use crate::gdt;
use crate::process_id::ProcessId;
use crate::program::Program;
use crate::thread::{self, SpawnError};
use crate::user_entry;
use core::fmt;
use m0_boot::trap_frame::TrapFrame;
use m1_memory::physical::DirectMap;
use spin::Mutex;
use x86_64::registers::rflags::RFlags;

static TABLE: Mutex<Table> = Mutex::new(Table::new());

/// A process that has not been started.
pub struct Process {
    program: Program,
    space: AddressSpace,
    argument: u64,
}

/// A process that was started and nobody has asked about yet. If this is dropped,
/// nobody ever will, and the process goes on alone.
#[derive(Debug)]
pub struct Running {
    id: ProcessId,
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
    /// No thread.
    Thread(SpawnError),
    /// [`CAPACITY`] processes exist.
    TooMany,
    /// All threads wait: it can never end.
    Deadlock,
}

impl fmt::Display for ProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Space(error) => error.fmt(f),
            Self::Thread(error) => error.fmt(f),
            Self::TooMany => write!(f, "{CAPACITY} processes exist, which is the most at once"),
            Self::Deadlock => write!(f, "all threads wait for one another"),
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
        Ok(Self { program: *program, space, argument: 0 })
    }

    /// The same, to be started with `argument` in RDI.
    pub fn with_argument(self, argument: u64) -> Self {
        Self { argument, ..self }
    }

    /// What it will run.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Its page tables.
    pub fn space(&self) -> &AddressSpace {
        &self.space
    }

    /// Its page tables, to map more in.
    pub fn space_mut(&mut self) -> &mut AddressSpace {
        &mut self.space
    }

    /// Starts it; it runs when the caller waits or yields.
    ///
    /// # Errors
    /// [`ProcessError::Thread`] or [`ProcessError::TooMany`].
    pub fn start(self) -> Result<Running, ProcessError> {
        Ok(Running { id: self.start_for(Parent::Kernel)? })
    }

    fn start_for(self, parent: Parent) -> Result<ProcessId, ProcessError> {
        let Self { program, space, argument } = self;
        let (name, root) = (program.name(), space.root());
        let record = Record::new(parent, name, Some(space));
        let id = TABLE.lock().insert(record).map_err(|Full| ProcessError::TooMany)?;
        match thread::spawn_user(name, root, enter, argument, id) {
            Ok(thread) => {
                thread::detach(thread);
                Ok(id)
            }
            Err(error) => {
                let record = TABLE.lock().remove(id);
                drop(record); // frees the address space; not under the lock
                Err(ProcessError::Thread(error))
            }
        }
    }
}

impl Running {
    /// Its number.
    pub fn id(&self) -> ProcessId {
        self.id
    }

    /// Waits until it has ended; its memory has gone back then.
    ///
    /// # Errors
    /// [`ProcessError::Deadlock`].
    pub fn wait(self) -> Result<Outcome, ProcessError> {
        loop {
            {
                let mut table = TABLE.lock();
                // Nobody but `self` forgets a process of the kernel's.
                let Some(record) = table.get(self.id) else { return Err(ProcessError::Deadlock) };
                if let Some(status) = record.status {
                    return Ok(Outcome { status, calls: table::calls(self.id) });
                }
                record.waiter = Some(thread::current());
            }
            thread::park().map_err(|_| ProcessError::Deadlock)?;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        TABLE.lock().abandon(self.id);
    }
}

/// The thread of every process: into ring 3, never back.
fn enter(argument: u64) -> u64 {
    let entry = with_current(|record| record.space.as_ref().map(AddressSpace::entry)).flatten();
    let Some(entry) = entry else { return 0 };
    log::info!("{} enters ring 3 at {entry:#x} by IRETQ", current_program());
    // SAFETY: the scheduler loaded the process's page tables and told TSS and
    // system-call entry of this thread's stack; this frame is not needed again.
    unsafe { user_entry::enter(entry, STACK.end, argument) }
}

/// Ends the running process with `status`. Called on its thread.
pub fn end_current(status: ExitStatus) -> ! {
    // The page tables are freed below.
    thread::use_kernel_tables();
    if let Some(id) = current() {
        let ended = TABLE.lock().end(id, status);
        drop(ended.space);
        if let Some(waiter) = ended.waiter {
            thread::unpark(waiter);
        }
    }
    thread::end(0)
}

/// Lets a trap from ring 3 return not to the running process but to its end, with
/// `status`, as soon as the handler is done.
///
/// The end needs a stack of its own: the handler may run on one that the next
/// trap uses again (IST), and a device's handler has an interrupt to acknowledge.
pub fn end_from_trap(frame: &mut TrapFrame, status: ExitStatus) {
    let noted = with_current(|record| record.status = Some(status));
    debug_assert!(noted.is_some(), "only processes run in ring 3");
    let top = thread::current_stack_top();
    frame.rip = end_as_noted as extern "C" fn() -> ! as usize as u64;
    frame.cs = u64::from(gdt::KERNEL_CODE.0);
    frame.ss = u64::from(gdt::KERNEL_DATA.0);
    // As after a call: 8 below a multiple of 16. Backtraces end at RBP = 0.
    frame.rsp = top.as_u64() - 8;
    frame.rbp = 0;
    frame.rflags = RFlags::INTERRUPT_FLAG.bits() | user_entry::RESERVED_FLAG;
}

/// Where [`end_from_trap`] leads.
extern "C" fn end_as_noted() -> ! {
    match with_current(|record| record.status).flatten() {
        Some(status) => end_current(status),
        // A thread without a process was never in ring 3.
        None => thread::end(0),
    }
}

/// Grows the running process's heap; returns where the new memory begins.
///
/// # Errors
/// See [`AddressSpace::grow_heap`].
pub fn grow_heap(bytes: u64) -> Result<x86_64::VirtAddr, SpaceError> {
    with_current(|record| record.space.as_mut().map(|space| space.grow_heap(bytes)))
        .flatten()
        .unwrap_or(Err(SpaceError::NoTemplate))
}

/// The running process, if the running thread carries one.
#[inline]
pub fn current() -> Option<ProcessId> {
    thread::current_process()
}

/// Counts a system call of the running process.
#[inline]
pub(crate) fn count_call() {
    if let Some(id) = current() {
        table::count_call(id);
    }
}

/// What the running process is called.
pub fn current_program() -> &'static str {
    with_current(|record| record.program).unwrap_or("(no process)")
}

/// Calls `action` with the running process's address space. For traps from ring 3,
/// when no kernel code can be in the middle of changing it.
pub(crate) fn with_current_space<T>(action: impl FnOnce(&AddressSpace) -> T) -> Option<T> {
    with_current(|record| record.space.as_ref().map(action)).flatten()
}

fn with_current<T>(action: impl FnOnce(&mut Record) -> T) -> Option<T> {
    let id = current()?;
    TABLE.lock().get(id).map(action)
}
