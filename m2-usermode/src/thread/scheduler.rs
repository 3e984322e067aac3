//! Who runs next: the logic, without any hardware.
//!
//! A [`Scheduler`] knows every thread's state and keeps each thread in exactly
//! one place: on the CPU, in the ready queue, among the sleepers, among the
//! joiners of another, parked, or ended. `T` is what a thread runs on; the
//! scheduler only hands it out. All times are ticks, and come from outside.
//!
//! An entry does not tell running from ready, which would have to be noted in
//! two entries at every switch: a thread that is ready and on the CPU runs.

use super::id::{Place, ThreadId};
use super::state::{State, Statistics, Wake};
use super::table::{Entry, List, Table};

/// The threads, and the order in which they run. Room for `PLACES` - 1.
pub(super) struct Scheduler<T, const PLACES: usize> {
    table: Table<T, PLACES>,
    running: Place,
    ready: List,
    /// By the time of waking; first come first served among equals.
    sleepers: List,
    free: List,
    /// Places from here on were never used.
    fresh: u16,
    /// Those that have an entry.
    threads: usize,
    started: u64,
    /// The last time that was heard of.
    now: u64,
    idle_ticks: u64,
    /// Of threads that are forgotten.
    past_switches: u64,
    past_ticks: u64,
}

/// There is room for no more threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// There is no such thread that the caller could join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoSuchThread;

/// What the CPU does while the thread on it is blocked.
pub(super) enum Next<'a, T> {
    /// The blocked thread goes on.
    Stay,
    /// Another one runs.
    Switch(&'a T),
    /// Nobody can run before the next tick.
    Idle,
    /// Nobody will ever run.
    Nobody,
}

impl<T, const PLACES: usize> Scheduler<T, PLACES> {
    /// All bytes zero, so that a static one takes no room in the kernel's file.
    pub const fn new() -> Self {
        Self {
            table: Table::new(),
            running: Place::NONE,
            ready: List::EMPTY,
            sleepers: List::EMPTY,
            free: List::EMPTY,
            fresh: 0,
            threads: 0,
            started: 0,
            now: 0,
            idle_ticks: 0,
            past_switches: 0,
            past_ticks: 0,
        }
    }

    /// Makes the running code the first thread.
    pub fn start(&mut self, name: &'static str, payload: T, now: u64) {
        self.now = now;
        self.fresh = Place::FIRST.0 + 1;
        self.threads = 1;
        self.running = Place::FIRST;
        *self.table.at(Place::FIRST) =
            Entry { id: ThreadId::BOOT, payload: Some(payload), name: Some(name), ..Entry::UNUSED };
    }

    /// Adds a thread at the end of the ready queue.
    ///
    /// # Errors
    /// [`Full`], with the payload.
    pub fn spawn(&mut self, name: &'static str, payload: T) -> Result<ThreadId, (Full, T)> {
        let number = self.started + 1;
        if number >= ThreadId::NUMBERS {
            return Err((Full, payload));
        }
        let Some(place) = self.take_place() else { return Err((Full, payload)) };
        let id = ThreadId::new(number, place);
        self.started = number;
        self.threads += 1;
        *self.table.at(place) =
            Entry { id, payload: Some(payload), name: Some(name), ..Entry::UNUSED };
        self.table.push_back(&mut self.ready, place);
        Ok(id)
    }

    /// Whether [`Self::advance`] has heard of this time.
    #[inline(always)]
    pub fn knows(&self, now: u64) -> bool {
        now == self.now
    }

    /// Puts the running thread behind the ready ones and takes the first of them.
    /// None, and no change, if there is none.
    #[inline(always)]
    pub fn yield_now(&mut self) -> Option<&T> {
        let next = self.table.rotate(&mut self.ready, self.running)?;
        self.switch_to(next)
    }

    /// The running thread sleeps until `until`. False: that time has come.
    pub fn sleep(&mut self, now: u64, until: u64) -> bool {
        self.advance(now);
        if until <= now {
            return false;
        }
        let sleeper = self.block(State::Sleeping { until });
        self.table.insert(
            &mut self.sleepers,
            sleeper,
            |other| matches!(other.state, State::Sleeping { until: others } if others > until),
        );
        true
    }

    /// The running thread waits to be unparked. False: it was already.
    pub fn park(&mut self, now: u64) -> bool {
        self.advance(now);
        let token = &mut self.table.at(self.running).token;
        if core::mem::take(token) {
            return false;
        }
        self.block(State::Parked);
        true
    }

    /// Wakes a parked thread; one that is not parked will not block in its next
    /// `park`. Without effect on threads that have ended.
    pub fn unpark(&mut self, id: ThreadId) {
        let Some(entry) = self.table.find(id) else { return };
        match entry.state {
            State::Parked => self.wake(id.place(), Wake::Done),
            State::Ended(_) => {}
            _ => entry.token = true,
        }
    }

    /// The running thread waits for the end of `id`. Its result, if it has ended
    /// already; then the thread is forgotten.
    ///
    /// # Errors
    /// [`NoSuchThread`]: never was, forgotten, detached, or the running one.
    pub fn join(&mut self, now: u64, id: ThreadId) -> Result<Option<u64>, NoSuchThread> {
        self.advance(now);
        let (target, own) = (id.place(), self.running);
        let entry = self.table.find(id).filter(|entry| !entry.detached && target != own);
        match entry.ok_or(NoSuchThread)?.state {
            State::Ended(result) => {
                self.forget(target);
                Ok(Some(result))
            }
            _ => {
                let joiner = self.block(State::Waiting(id));
                let mut joiners = self.table.at(target).joiners;
                self.table.push_back(&mut joiners, joiner);
                self.table.at(target).joiners = joiners;
                Ok(None)
            }
        }
    }

    /// Nobody will join `id`: it is forgotten as soon as it has ended.
    pub fn detach(&mut self, id: ThreadId) {
        let Some(entry) = self.table.find(id) else { return };
        entry.detached = true;
        if let State::Ended(_) = entry.state {
            self.forget(id.place());
        }
    }

    /// Ends the running thread: all that wait for it get its result. Returns what
    /// it ran on.
    pub fn end(&mut self, now: u64, result: u64) -> Option<T> {
        self.advance(now);
        let ended = self.block(State::Ended(result));
        let entry = self.table.at(ended);
        let payload = entry.payload.take();
        let mut joiners = core::mem::replace(&mut entry.joiners, List::EMPTY);
        if entry.detached || !joiners.is_empty() {
            self.forget(ended);
        }
        while let Some(joiner) = self.table.pop_front(&mut joiners) {
            self.wake(joiner, Wake::Result(result));
        }
        payload
    }

    /// Chooses who runs while the thread on the CPU is blocked or has ended.
    pub fn next(&mut self, now: u64) -> Next<'_, T> {
        self.advance(now);
        let Some(next) = self.table.pop_front(&mut self.ready) else {
            return if self.sleepers.is_empty() { Next::Nobody } else { Next::Idle };
        };
        if next == self.running {
            return Next::Stay;
        }
        match self.switch_to(next) {
            Some(payload) => Next::Switch(payload),
            None => Next::Nobody,
        }
    }

    /// Why the running thread was woken; told once.
    pub fn take_wake(&mut self) -> Wake {
        core::mem::replace(&mut self.table.at(self.running).wake, Wake::Nothing)
    }

    /// All threads wait for one another: makes one ready, to be told so. False if
    /// there is none.
    ///
    /// Chains of joins end in a parked thread or in a circle, so a parked thread
    /// is preferred; among several, the youngest, as threads mostly wait for
    /// younger ones.
    pub fn break_deadlock(&mut self) -> bool {
        let mut victim: Option<(bool, ThreadId)> = None;
        for place in (Place::FIRST.0..self.fresh).map(Place) {
            let entry = self.table.peek(place);
            let candidate = match entry.state {
                _ if !entry.is_used() => continue,
                State::Parked => (true, entry.id),
                State::Waiting(_) => (false, entry.id),
                _ => continue,
            };
            victim = victim.max(Some(candidate));
        }
        let Some((_, id)) = victim else { return false };
        self.give_up(id.place());
        self.wake(id.place(), Wake::Deadlock);
        true
    }

    /// The thread on the CPU, blocked, goes on without what it waited for.
    pub fn stop_waiting(&mut self) {
        self.give_up(self.running);
        self.table.at(self.running).state = State::Ready;
    }

    /// What a thread is doing, if it exists.
    pub fn state(&self, id: ThreadId) -> Option<State> {
        let entry = self.table.peek(id.place());
        (entry.id == id && entry.is_used()).then(|| self.state_of(id.place()))
    }

    fn state_of(&self, place: Place) -> State {
        match self.table.peek(place).state {
            State::Ready if place == self.running => State::Running,
            state => state,
        }
    }

    /// Figures about all threads.
    pub fn statistics(&self) -> Statistics {
        let &Self { threads, started, past_switches, past_ticks, idle_ticks, .. } = self;
        let past =
            Statistics { threads, started, switches: past_switches, ticks: past_ticks, idle_ticks };
        let mut sum = past;
        let mut from = Place::FIRST;
        while let Some((place, entry, _)) = self.entry_from(from) {
            sum.switches += entry.switches;
            sum.ticks += entry.ticks;
            from = place.next();
        }
        sum
    }

    /// The first thread at `from` or behind: its place, entry and state.
    pub fn entry_from(&self, from: Place) -> Option<(Place, &Entry<T>, State)> {
        let mut places = (from.0..self.fresh).map(Place);
        let place = places.find(|&place| self.table.peek(place).is_used())?;
        Some((place, self.table.peek(place), self.state_of(place)))
    }

    /// Hears the time: the thread on the CPU ran until now, and sleepers whose
    /// time has come are ready. Between two ticks there is nothing to do.
    pub fn advance(&mut self, now: u64) {
        let elapsed = now.saturating_sub(self.now);
        if elapsed == 0 {
            return;
        }
        self.now = now;
        let entry = self.table.at(self.running);
        if entry.is_used() && entry.state == State::Ready {
            entry.ticks += elapsed;
        } else {
            self.idle_ticks += elapsed;
        }
        while let State::Sleeping { until } = self.table.at(self.sleepers.first).state
            && until <= now
            && let Some(sleeper) = self.table.pop_front(&mut self.sleepers)
        {
            self.wake(sleeper, Wake::Done);
        }
    }

    #[inline(always)]
    fn switch_to(&mut self, next: Place) -> Option<&T> {
        self.running = next;
        let entry = self.table.at(next);
        entry.switches += 1;
        entry.payload.as_ref()
    }

    /// Takes the running thread off the CPU.
    fn block(&mut self, state: State) -> Place {
        self.table.at(self.running).state = state;
        self.running
    }

    /// Makes a thread ready that is in no list.
    fn wake(&mut self, place: Place, wake: Wake) {
        let entry = self.table.at(place);
        entry.state = State::Ready;
        entry.wake = wake;
        self.table.push_back(&mut self.ready, place);
    }

    /// Takes a joining thread out of the list it is in.
    fn give_up(&mut self, place: Place) {
        if let State::Waiting(id) = self.table.at(place).state {
            let mut joiners = self.table.at(id.place()).joiners;
            self.table.remove(&mut joiners, place);
            self.table.at(id.place()).joiners = joiners;
        }
    }

    fn take_place(&mut self) -> Option<Place> {
        if let Some(place) = self.table.pop_front(&mut self.free) {
            return Some(place);
        }
        let place = Place(self.fresh);
        (usize::from(place.0) < PLACES).then(|| self.fresh += 1)?;
        Some(place)
    }

    /// Gives an ended thread's place back.
    fn forget(&mut self, place: Place) {
        self.threads -= 1;
        self.past_switches += self.table.at(place).switches;
        self.past_ticks += self.table.at(place).ticks;
        *self.table.at(place) = Entry::UNUSED;
        self.table.push_back(&mut self.free, place);
    }
}

#[cfg(test)]
impl<T, const PLACES: usize> Scheduler<T, PLACES> {
    /// Every place is in exactly one list, or on the CPU, parked, ended or fresh;
    /// and each list holds what it should, up to its last.
    pub fn check_places(&self) {
        let mut found = [0; PLACES];
        let mut walk = |list: List, what: &str, wanted: &dyn Fn(&Entry<T>) -> bool| {
            for place in self.table.places(list) {
                found[usize::from(place.0)] += 1;
                assert!(wanted(self.table.peek(place)), "{place:?} is no {what}");
            }
        };
        walk(self.free, "free place", &|entry| !entry.is_used());
        walk(self.ready, "ready thread", &|entry| entry.is_used() && entry.state == State::Ready);
        walk(self.sleepers, "sleeper", &|entry| matches!(entry.state, State::Sleeping { .. }));
        for place in (Place::FIRST.0..self.fresh).map(Place) {
            let entry = self.table.peek(place);
            let joins = State::Waiting(entry.id);
            walk(entry.joiners, "joiner", &|joiner| joiner.state == joins);
        }
        for place in (Place::FIRST.0..self.fresh).map(Place) {
            let entry = self.table.peek(place);
            let (state, times) = (entry.state, found[usize::from(place.0)]);
            let right = match state {
                State::Parked | State::Ended(_) => times == 0,
                // In the queue only if it was woken while the CPU idled on its stack.
                State::Ready if place == self.running && entry.is_used() => times <= 1,
                _ => times == 1,
            };
            assert!(right, "{place:?}, {state:?}, is in {times} lists");
        }
    }
}
