//! States of threads, and figures about them.

use super::id::ThreadId;
use crate::process_id::ProcessId;
use core::fmt;

/// What a thread is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In the queue.
    Ready,
    /// On the CPU.
    Running,
    /// In `sleep`, until the clock shows that many ticks.
    Sleeping {
        /// Ticks since boot.
        until: u64,
    },
    /// In `park`, until somebody unparks it.
    Parked,
    /// In `join`, until that thread ends.
    Waiting(ThreadId),
    /// Done, with its result, which `join` will take.
    Ended(u64),
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("ready"),
            Self::Running => f.write_str("running"),
            Self::Sleeping { until } => write!(f, "asleep until tick {until}"),
            Self::Parked => f.write_str("parked"),
            Self::Waiting(id) => write!(f, "waits for thread {id}"),
            Self::Ended(result) => write!(f, "ended with {result}"),
        }
    }
}

/// Why a thread runs again that was blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wake {
    /// It was not blocked, or has been told.
    Nothing,
    /// What it waited for has come.
    Done,
    /// The thread it waited for ended with this.
    Result(u64),
    /// It would have waited for ever.
    Deadlock,
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
    /// Ticks in which threads ran.
    pub ticks: u64,
    /// Ticks in which none could.
    pub idle_ticks: u64,
}

/// A thread, for printing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// Which one.
    pub id: ThreadId,
    /// What it was started as.
    pub name: &'static str,
    /// What it is doing.
    pub state: State,
    /// The process it carries.
    pub process: Option<ProcessId>,
    /// How often it was switched to.
    pub switches: u64,
    /// Ticks it ran for.
    pub ticks: u64,
}
