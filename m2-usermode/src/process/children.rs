//! Processes that start processes: what is behind `spawn` and `wait`.

use super::table::Child;
use super::{ExitStatus, Parent, Process, ProcessError, TABLE, current};
use crate::process_id::ProcessId;
use crate::program::Program;
use crate::thread;
use m1_memory::physical::DirectMap;

/// Why there is no child to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitError {
    /// The running process has no such child, or none at all.
    NoChild,
    /// Nothing can ever end the child: all threads wait.
    Deadlock,
}

/// Starts `program` as a child of the running process.
///
/// # Errors
/// See [`ProcessError`]; nothing is left of the child then.
pub fn spawn(
    program: Program,
    argument: u64,
    memory: DirectMap,
) -> Result<ProcessId, ProcessError> {
    let parent = current().map_or(Parent::Gone, Parent::Process);
    Process::new(&program, memory)?.with_argument(argument).start_for(parent)
}

/// Waits until `child`, or any child of the running process, has ended. It can be
/// asked about again until it is [`forget`]-ed.
///
/// # Errors
/// See [`WaitError`].
pub fn wait(child: Option<ProcessId>) -> Result<(ProcessId, ExitStatus), WaitError> {
    let parent = current().ok_or(WaitError::NoChild)?;
    loop {
        {
            let mut table = TABLE.lock();
            match table.child(parent, child) {
                Child::None => return Err(WaitError::NoChild),
                Child::Ended(id, status) => return Ok((id, status)),
                Child::Running => {}
            }
            if let Some(record) = table.get(parent) {
                record.in_wait = Some(thread::current());
            }
        }
        thread::park().map_err(|_| WaitError::Deadlock)?;
    }
}

/// Forgets a child that has ended.
pub fn forget(child: ProcessId) {
    TABLE.lock().remove(child);
}
