//! What the kernel notes about each process, from its start until somebody has
//! asked how it ended.
//!
//! ```text
//!   started ----> running ----> ended, status kept ----> forgotten
//!                    |     end            |          wait
//!                    |                    +-- at once if nobody can ask:
//!                    |                        its parent has ended
//!                    +-- its address space is given back at the end, not here
//! ```
//!
//! A process's number is never used again. Number n lies in slot n mod
//! [`CAPACITY`]; a number whose slot is taken is passed over.

use super::ExitStatus;
use crate::address_space::AddressSpace;
use crate::process_id::ProcessId;
use crate::thread::ThreadId;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Most processes at once, those included that have ended and been asked about by
/// nobody yet.
pub const CAPACITY: usize = 64;

/// Who will ask how a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parent {
    /// Kernel code.
    Kernel,
    /// The process that spawned it.
    Process(ProcessId),
    /// Nobody.
    Gone,
}

/// One process.
pub(super) struct Record {
    pub(super) parent: Parent,
    pub(super) program: &'static str,
    /// The kernel thread that waits for its end.
    pub(super) waiter: Option<ThreadId>,
    /// Its own thread, if that waits for the end of a child.
    pub(super) in_wait: Option<ThreadId>,
    /// None once it has ended.
    pub(super) space: Option<AddressSpace>,
    pub(super) status: Option<ExitStatus>,
}

/// Records by number.
pub(super) struct Table {
    slots: [Option<(ProcessId, Record)>; CAPACITY],
    next: u32,
}

/// All slots are taken.
pub(super) struct Full;

/// What is left to do when a process has ended.
pub(super) struct Ended {
    /// To be dropped, which frees its memory.
    pub(super) space: Option<AddressSpace>,
    /// To be woken: it waits.
    pub(super) waiter: Option<ThreadId>,
}

/// What a parent finds when it looks for children.
pub(super) enum Child {
    /// It has none of the kind.
    None,
    /// None of them has ended.
    Running,
    /// This one has.
    Ended(ProcessId, ExitStatus),
}

/// System calls made, by slot: apart from the records, so that counting one needs
/// no lock.
static CALLS: [AtomicU64; CAPACITY] = [const { AtomicU64::new(0) }; CAPACITY];

fn slot(id: ProcessId) -> usize {
    id.get() as usize % CAPACITY
}

/// Counts a system call of a process.
#[inline]
pub(super) fn count_call(id: ProcessId) {
    CALLS[slot(id)].fetch_add(1, Relaxed);
}

/// How many system calls a process has made.
pub(super) fn calls(id: ProcessId) -> u64 {
    CALLS[slot(id)].load(Relaxed)
}

impl Record {
    /// A process that has just got its address space.
    pub(super) fn new(parent: Parent, program: &'static str, space: Option<AddressSpace>) -> Self {
        Self { parent, program, waiter: None, in_wait: None, space, status: None }
    }
}

impl Table {
    pub(super) const fn new() -> Self {
        Self { slots: [const { None }; CAPACITY], next: 1 }
    }

    /// Adds a record and numbers it.
    pub(super) fn insert(&mut self, record: Record) -> Result<ProcessId, Full> {
        for number in (self.next..=u32::MAX).take(CAPACITY) {
            let id = ProcessId::new(number).ok_or(Full)?;
            let place = &mut self.slots[slot(id)];
            if place.is_none() {
                *place = Some((id, record));
                CALLS[slot(id)].store(0, Relaxed);
                self.next = number.saturating_add(1);
                return Ok(id);
            }
        }
        Err(Full)
    }

    pub(super) fn get(&mut self, id: ProcessId) -> Option<&mut Record> {
        let (found, record) = self.slots[slot(id)].as_mut()?;
        (*found == id).then_some(record)
    }

    /// Forgets a process.
    pub(super) fn remove(&mut self, id: ProcessId) -> Option<Record> {
        let place = &mut self.slots[slot(id)];
        match place {
            Some((found, _)) if *found == id => place.take().map(|(_, record)| record),
            _ => None,
        }
    }

    /// Notes that `id` has ended with `status`. Its children have no parent any
    /// more; those that ended before are forgotten, and so is `id` itself if
    /// nobody can ask about it.
    pub(super) fn end(&mut self, id: ProcessId, status: ExitStatus) -> Ended {
        for place in &mut self.slots {
            if let Some((_, child)) = place
                && child.parent == Parent::Process(id)
            {
                child.parent = Parent::Gone;
                if child.status.is_some() {
                    *place = None;
                }
            }
        }
        let Some(record) = self.get(id) else {
            return Ended { space: None, waiter: None };
        };
        record.status = Some(status);
        let (space, parent) = (record.space.take(), record.parent);
        let mut waiter = record.waiter.take();
        match parent {
            Parent::Kernel => {}
            Parent::Process(parent) => {
                waiter = self.get(parent).and_then(|parent| parent.in_wait.take());
            }
            Parent::Gone => drop(self.remove(id)),
        }
        Ended { space, waiter }
    }

    /// Lets nobody ask about `id` any more.
    pub(super) fn abandon(&mut self, id: ProcessId) {
        match self.get(id) {
            Some(record) if record.status.is_some() => drop(self.remove(id)),
            Some(record) => (record.parent, record.waiter) = (Parent::Gone, None),
            None => {}
        }
    }

    /// Looks for children of `parent`: `only` this one, or the one with the lowest
    /// number among those that have ended.
    pub(super) fn child(&self, parent: ProcessId, only: Option<ProcessId>) -> Child {
        let mut found = Child::None;
        for (id, record) in self.slots.iter().flatten() {
            let ours = record.parent == Parent::Process(parent);
            if !ours || only.is_some_and(|only| only != *id) {
                continue;
            }
            found = match (record.status, found) {
                (Some(_), Child::Ended(lowest, status)) if lowest < *id => {
                    Child::Ended(lowest, status)
                }
                (Some(status), _) => Child::Ended(*id, status),
                (None, Child::None) => Child::Running,
                (None, found) => found,
            };
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(parent: Parent) -> Record {
        Record::new(parent, "test", None)
    }

    fn insert(table: &mut Table, parent: Parent) -> ProcessId {
        table.insert(record(parent)).unwrap_or_else(|Full| panic!("full"))
    }

    #[test]
    fn numbers_are_not_used_again() {
        let mut table = Table::new();
        let first = insert(&mut table, Parent::Kernel);
        assert!(table.remove(first).is_some());
        let second = insert(&mut table, Parent::Kernel);
        assert_eq!((first.get(), second.get()), (1, 2));
        assert!(table.get(first).is_none());
    }

    #[test]
    fn a_full_table_refuses_and_passes_over_taken_slots() {
        let mut table = Table::new();
        let ids: Vec<_> = (0..CAPACITY).map(|_| insert(&mut table, Parent::Kernel)).collect();
        assert!(table.insert(record(Parent::Kernel)).is_err());
        table.remove(ids[9]);
        let next = insert(&mut table, Parent::Kernel);
        assert_eq!(next.get() as usize, CAPACITY + ids[9].get() as usize);
        assert!(table.get(ids[9]).is_none(), "the slot is another's");
        assert!(table.get(next).is_some());
    }

    #[test]
    fn a_parent_finds_its_ended_children_in_order() {
        let mut table = Table::new();
        let parent = insert(&mut table, Parent::Kernel);
        assert!(matches!(table.child(parent, None), Child::None));
        let [one, two, three] = [(); 3].map(|()| insert(&mut table, Parent::Process(parent)));
        assert!(matches!(table.child(parent, None), Child::Running));
        table.end(three, ExitStatus::Exited(3));
        table.end(two, ExitStatus::Exited(2));
        assert!(matches!(table.child(parent, Some(one)), Child::Running));
        assert!(matches!(table.child(parent, None), Child::Ended(id, _) if id == two));
        table.remove(two);
        assert!(matches!(table.child(parent, None), Child::Ended(id, _) if id == three));
        assert!(matches!(table.child(one, None), Child::None), "siblings are no children");
    }

    #[test]
    fn orphans_are_forgotten_when_they_have_ended() {
        let mut table = Table::new();
        let parent = insert(&mut table, Parent::Kernel);
        let [ended, running] = [(); 2].map(|()| insert(&mut table, Parent::Process(parent)));
        table.end(ended, ExitStatus::Exited(0));
        assert!(table.get(ended).is_some(), "its parent may ask");
        table.end(parent, ExitStatus::Exited(0));
        assert!(table.get(ended).is_none() && table.get(running).is_some());
        table.end(running, ExitStatus::Exited(0));
        assert!(table.get(running).is_none());
        assert!(table.get(parent).is_some(), "kernel code may ask");
        table.abandon(parent);
        assert!(table.get(parent).is_none());
    }
}
