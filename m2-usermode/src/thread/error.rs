//! Why threads cannot be started, or waited for.

use super::MAX_THREADS;
use super::id::ThreadId;
use crate::fallible::OutOfMemory;
use core::fmt;
use m1_memory::stack::StackError;

/// Why a thread could not be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpawnError {
    /// There are [`MAX_THREADS`] already.
    TooMany,
    /// It gets no stack.
    Stack(StackError),
    /// No memory for what the kernel notes about it.
    Memory(OutOfMemory),
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany => write!(f, "there are {MAX_THREADS} threads already"),
            Self::Stack(error) => error.fmt(f),
            Self::Memory(error) => error.fmt(f),
        }
    }
}

/// Every other thread waits too: nobody could ever go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlock;

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("all threads wait for one another")
    }
}

/// Why a thread could not be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinError {
    /// There is no such thread (any more), it is detached, or it is the caller
    /// itself.
    NoSuchThread(ThreadId),
    /// Every other thread waits too: nobody could ever go on.
    Deadlock,
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchThread(id) => write!(f, "there is no thread {id} to wait for"),
            Self::Deadlock => Deadlock.fmt(f),
        }
    }
}
