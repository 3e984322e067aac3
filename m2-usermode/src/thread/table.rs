//! The table of threads, and lists threaded through it.
//!
//! A list is two places, its first and its last; what comes between is in the
//! entries themselves. So putting a thread into a list takes no memory and
//! always the same time. An entry is in one list at most.

use super::id::{Place, ThreadId};
use super::state::{State, Wake};

/// What the scheduler knows of one thread. Zero bytes are an unused entry.
pub(super) struct Entry<T> {
    /// Nobody's if the entry is not used.
    pub id: ThreadId,
    pub state: State,
    /// What the thread runs on; None from its end on.
    pub payload: Option<T>,
    pub name: Option<&'static str>,
    /// Why the thread runs again, after it was blocked.
    pub wake: Wake,
    /// Threads in `join` for this one.
    pub joiners: List,
    /// The next one in the list that this one is in.
    pub next: Place,
    /// `unpark` came before `park`.
    pub token: bool,
    /// Nobody will join it.
    pub detached: bool,
    pub switches: u64,
    pub ticks: u64,
}

impl<T> Entry<T> {
    pub const UNUSED: Self = Self {
        id: ThreadId::NOBODY,
        state: State::Ready,
        payload: None,
        name: None,
        wake: Wake::Nothing,
        joiners: List::EMPTY,
        next: Place::NONE,
        token: false,
        detached: false,
        switches: 0,
        ticks: 0,
    };

    /// Whether a thread has this entry.
    pub fn is_used(&self) -> bool {
        self.id != ThreadId::NOBODY
    }
}

/// A list of threads.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    pub first: Place,
    last: Place,
}

impl List {
    pub const EMPTY: Self = Self { first: Place::NONE, last: Place::NONE };

    pub fn is_empty(self) -> bool {
        self.first.is_none()
    }
}

/// Entries by their place.
pub(super) struct Table<T, const PLACES: usize>([Entry<T>; PLACES]);

impl<T, const PLACES: usize> Table<T, PLACES> {
    const POWER_OF_TWO: () = assert!(PLACES.is_power_of_two() && PLACES <= 1 << 16);

    pub const fn new() -> Self {
        let () = Self::POWER_OF_TWO;
        Self([const { Entry::UNUSED }; PLACES])
    }

    /// The entry at `place`. All places in use are below `PLACES`; the mask only
    /// tells the compiler so.
    #[inline(always)]
    pub fn at(&mut self, place: Place) -> &mut Entry<T> {
        &mut self.0[usize::from(place.0) & (PLACES - 1)]
    }

    /// As [`Self::at`], to look at.
    pub fn peek(&self, place: Place) -> &Entry<T> {
        &self.0[usize::from(place.0) & (PLACES - 1)]
    }

    /// The thread's entry, if there is such a thread.
    pub fn find(&mut self, id: ThreadId) -> Option<&mut Entry<T>> {
        let entry = self.at(id.place());
        (entry.id == id && entry.is_used()).then_some(entry)
    }

    /// Puts `place` at the end of a list and takes the first out. None, and no
    /// change, if the list is empty.
    #[inline(always)]
    pub fn rotate(&mut self, list: &mut List, place: Place) -> Option<Place> {
        let first = list.first;
        if first.is_none() {
            return None;
        }
        self.at(place).next = Place::NONE;
        self.at(list.last).next = place;
        list.last = place;
        list.first = self.at(first).next;
        Some(first)
    }

    pub fn push_back(&mut self, list: &mut List, place: Place) {
        self.at(place).next = Place::NONE;
        if list.is_empty() {
            list.first = place;
        } else {
            self.at(list.last).next = place;
        }
        list.last = place;
    }

    pub fn pop_front(&mut self, list: &mut List) -> Option<Place> {
        let place = list.first;
        if place.is_none() {
            return None;
        }
        list.first = self.at(place).next;
        Some(place)
    }

    /// Puts `place` before the first entry for which `goes_before` holds, else at
    /// the end.
    pub fn insert(
        &mut self,
        list: &mut List,
        place: Place,
        goes_before: impl Fn(&Entry<T>) -> bool,
    ) {
        if list.is_empty() || !goes_before(self.at(list.last)) {
            return self.push_back(list, place);
        }
        let (mut before, mut after) = (Place::NONE, list.first);
        while !goes_before(self.at(after)) {
            (before, after) = (after, self.at(after).next);
        }
        self.at(place).next = after;
        match before {
            Place::NONE => list.first = place,
            before => self.at(before).next = place,
        }
    }

    /// Takes `place` out of the list, wherever it is. Says whether it was there.
    pub fn remove(&mut self, list: &mut List, place: Place) -> bool {
        let (mut before, mut found) = (Place::NONE, list.first);
        while found != place {
            if found.is_none() {
                return false;
            }
            (before, found) = (found, self.at(found).next);
        }
        let after = self.at(place).next;
        match before {
            Place::NONE => list.first = after,
            before => self.at(before).next = after,
        }
        if after.is_none() {
            list.last = before;
        }
        true
    }
}

#[cfg(test)]
impl<T, const PLACES: usize> Table<T, PLACES> {
    /// What is in a list, first to last.
    pub fn places(&self, list: List) -> Vec<Place> {
        let mut places = Vec::new();
        let mut place = list.first;
        while !place.is_none() {
            places.push(place);
            assert!(places.len() <= PLACES, "a list runs in circles");
            place = self.peek(place).next;
        }
        assert!(list.is_empty() || places.last() == Some(&list.last), "a wrong end");
        places
    }
}
