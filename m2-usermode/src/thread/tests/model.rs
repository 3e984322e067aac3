//! What the scheduler should do, written down as plainly as possible: one vector
//! of threads, one queue of numbers, and searches.

use super::super::id::ThreadId;
use super::super::state::{State, Statistics, Wake};
use std::collections::VecDeque;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Ready,
    Running,
    /// Until when, and how many went to sleep before.
    Sleeping(u64, u64),
    Parked,
    /// For whom, and how many began to wait before.
    Joining(usize, u64),
    Ended(u64),
    Gone,
}

struct Thread {
    doing: Doing,
    token: bool,
    detached: bool,
    wake: Wake,
    /// Threads that have to be on the CPU before it, when it became ready.
    turns_before: u64,
}

pub struct Model {
    threads: Vec<Thread>,
    ready: VecDeque<usize>,
    running: usize,
    now: u64,
    /// Puts sleepers and joiners in order.
    arrivals: u64,
    switches: u64,
    ticks: u64,
    idle_ticks: u64,
    /// How often somebody got the CPU.
    turns: u64,
    /// Calls of park, sleep and join that blocked, less those that returned.
    waits: usize,
}

impl Model {
    pub fn new() -> Self {
        let mut model = Self {
            threads: Vec::new(),
            ready: VecDeque::new(),
            running: 0,
            now: 0,
            arrivals: 0,
            switches: 0,
            ticks: 0,
            idle_ticks: 0,
            turns: 0,
            waits: 0,
        };
        model.spawn();
        model.ready.clear();
        model.threads[0].doing = Doing::Running;
        model
    }

    pub fn alive(&self) -> usize {
        self.threads.iter().filter(|thread| thread.doing != Doing::Gone).count()
    }

    pub fn unfinished_waits(&self) -> usize {
        self.waits
    }

    pub fn spawn(&mut self) {
        self.threads.push(Thread {
            doing: Doing::Ready,
            token: false,
            detached: false,
            wake: Wake::Nothing,
            turns_before: 0,
        });
        self.make_ready(self.threads.len() - 1);
    }

    pub fn advance(&mut self, now: u64) {
        let elapsed = now - self.now;
        self.now = now;
        match self.threads[self.running].doing {
            Doing::Running => self.ticks += elapsed,
            _ => self.idle_ticks += elapsed,
        }
        let mut due: Vec<(u64, u64, usize)> = Vec::new();
        for (number, thread) in self.threads.iter().enumerate() {
            if let Doing::Sleeping(until, arrival) = thread.doing
                && until <= now
            {
                due.push((until, arrival, number));
            }
        }
        due.sort_unstable();
        due.into_iter().for_each(|(.., number)| self.wake(number, Wake::Done));
    }

    pub fn yield_now(&mut self) -> Option<usize> {
        if self.ready.is_empty() {
            return None;
        }
        self.make_ready(self.running);
        self.next()
    }

    pub fn sleep(&mut self, until: u64) -> bool {
        let sleeps = until > self.now;
        if sleeps {
            let arrival = self.arrive();
            self.block(Doing::Sleeping(until, arrival));
        }
        sleeps
    }

    pub fn park(&mut self) -> bool {
        let parks = !std::mem::take(&mut self.threads[self.running].token);
        if parks {
            self.block(Doing::Parked);
        }
        parks
    }

    pub fn unpark(&mut self, who: usize) {
        match self.threads[who].doing {
            Doing::Parked => self.wake(who, Wake::Done),
            Doing::Ended(_) | Doing::Gone => {}
            _ => self.threads[who].token = true,
        }
    }

    /// None: no such thread. Otherwise the result, if it is there already.
    pub fn join(&mut self, who: usize) -> Option<Option<u64>> {
        match self.threads[who].doing {
            Doing::Gone => None,
            _ if who == self.running || self.threads[who].detached => None,
            Doing::Ended(result) => {
                self.threads[who].doing = Doing::Gone;
                Some(Some(result))
            }
            _ => {
                let arrival = self.arrive();
                self.block(Doing::Joining(who, arrival));
                Some(None)
            }
        }
    }

    pub fn detach(&mut self, who: usize) {
        self.threads[who].detached = true;
        if let Doing::Ended(_) = self.threads[who].doing {
            self.threads[who].doing = Doing::Gone;
        }
    }

    pub fn end(&mut self, result: u64) {
        let ended = self.running;
        let mut joiners: Vec<(u64, usize)> = Vec::new();
        for (number, thread) in self.threads.iter().enumerate() {
            if let Doing::Joining(who, arrival) = thread.doing
                && who == ended
            {
                joiners.push((arrival, number));
            }
        }
        joiners.sort_unstable();
        let kept = joiners.is_empty() && !self.threads[ended].detached;
        self.threads[ended].doing = if kept { Doing::Ended(result) } else { Doing::Gone };
        joiners.into_iter().for_each(|(_, number)| self.wake(number, Wake::Result(result)));
    }

    /// Who is next on the CPU; None as long as nobody is ready.
    pub fn next(&mut self) -> Option<usize> {
        let next = self.ready.pop_front()?;
        assert_eq!(self.turns, self.threads[next].turns_before, "{next} had to wait longer");
        self.turns += 1;
        self.switches += u64::from(next != self.running);
        self.threads[next].doing = Doing::Running;
        self.running = next;
        Some(next)
    }

    /// The running thread would wait for ever. False if that is not so.
    pub fn give_up(&mut self) -> bool {
        if !self.ready.is_empty() || self.anybody(|doing| matches!(doing, Doing::Sleeping(..))) {
            return false;
        }
        self.threads[self.running].doing = Doing::Running;
        self.waits -= 1;
        true
    }

    /// Tells one of those that wait for ever: the youngest that is parked, or else
    /// the youngest that joins.
    pub fn break_deadlock(&mut self) -> bool {
        let youngest = |wanted: fn(&Doing) -> bool| {
            self.threads.iter().rposition(|thread| wanted(&thread.doing))
        };
        let parked = youngest(|doing| *doing == Doing::Parked);
        let victim = parked.or_else(|| youngest(|doing| matches!(doing, Doing::Joining(..))));
        victim.inspect(|&victim| self.wake(victim, Wake::Deadlock)).is_some()
    }

    pub fn take_wake(&mut self) -> Wake {
        std::mem::replace(&mut self.threads[self.running].wake, Wake::Nothing)
    }

    pub fn state(&self, number: usize, ids: &[ThreadId]) -> Option<State> {
        Some(match self.threads[number].doing {
            // Woken while the CPU idled on its stack: it never left.
            Doing::Ready if number == self.running => State::Running,
            Doing::Ready => State::Ready,
            Doing::Running => State::Running,
            Doing::Sleeping(until, _) => State::Sleeping { until },
            Doing::Parked => State::Parked,
            Doing::Joining(who, _) => State::Waiting(ids[who]),
            Doing::Ended(result) => State::Ended(result),
            Doing::Gone => return None,
        })
    }

    pub fn statistics(&self) -> Statistics {
        Statistics {
            threads: self.alive(),
            started: self.threads.len() as u64 - 1,
            switches: self.switches,
            ticks: self.ticks,
            idle_ticks: self.idle_ticks,
        }
    }

    fn anybody(&self, wanted: fn(&Doing) -> bool) -> bool {
        self.threads.iter().any(|thread| wanted(&thread.doing))
    }

    fn arrive(&mut self) -> u64 {
        self.arrivals += 1;
        self.arrivals
    }

    fn block(&mut self, doing: Doing) {
        self.threads[self.running].doing = doing;
        self.waits += 1;
    }

    fn wake(&mut self, number: usize, wake: Wake) {
        self.waits -= 1;
        self.threads[number].wake = wake;
        self.make_ready(number);
    }

    fn make_ready(&mut self, number: usize) {
        self.threads[number].doing = Doing::Ready;
        self.threads[number].turns_before = self.turns + self.ready.len() as u64;
        self.ready.push_back(number);
    }
}
