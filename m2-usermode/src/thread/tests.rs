//! The scheduler against a model, under random schedules.
//!
//! [`Machine`] does what `thread` does around the scheduler, with numbers for
//! threads and a clock that it sets itself. Whatever the running thread does is
//! done to [`Model`] as well, which is the same thing written down plainly; after
//! every step both must agree on every thread, and the scheduler's lists must
//! hold every thread exactly once.

mod model;

use super::id::ThreadId;
use super::scheduler::{Full, Next, NoSuchThread, Scheduler};
use super::state::State;
use model::Model;
use proptest::prelude::*;
use std::rc::Rc;

/// So few that the table is often full.
const PLACES: usize = 8;

/// What the running thread does. `who` picks one of all threads ever started.
#[derive(Clone, Copy, Debug)]
enum Step {
    Tick(u64),
    Yield,
    Spawn,
    Sleep(u64),
    Park,
    Unpark { who: usize },
    Join { who: usize },
    Detach { who: usize },
    End(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (0..4u64).prop_map(Step::Tick),
        4 => Just(Step::Yield),
        4 => Just(Step::Spawn),
        2 => (0..6u64).prop_map(Step::Sleep),
        2 => Just(Step::Park),
        3 => any::<usize>().prop_map(|who| Step::Unpark { who }),
        3 => any::<usize>().prop_map(|who| Step::Join { who }),
        1 => any::<usize>().prop_map(|who| Step::Detach { who }),
        2 => any::<u64>().prop_map(Step::End),
    ];
    prop::collection::vec(step, 0..120)
}

/// One CPU with a scheduler. Threads run on their number.
struct Machine {
    scheduler: Scheduler<Rc<usize>, PLACES>,
    model: Model,
    /// By number; the boot thread's is 0.
    ids: Vec<ThreadId>,
    /// One more reference to what each thread runs on.
    payloads: Vec<Rc<usize>>,
    running: usize,
    now: u64,
    /// Nobody is left.
    halted: bool,
}

impl Machine {
    fn new() -> Self {
        let mut scheduler = Scheduler::new();
        let boot = Rc::new(0);
        scheduler.start("boot", Rc::clone(&boot), 0);
        let (model, ids) = (Model::new(), vec![ThreadId::BOOT]);
        Self { scheduler, model, ids, payloads: vec![boot], running: 0, now: 0, halted: false }
    }

    fn step(&mut self, step: Step) {
        let Self { scheduler, model, now, .. } = self;
        let now = *now;
        match step {
            Step::Tick(ticks) => {
                self.now += ticks;
                scheduler.advance(self.now);
                model.advance(self.now);
            }
            Step::Yield => {
                let next = scheduler.yield_now().map(|next| **next);
                assert_eq!(next, model.yield_now(), "who runs next");
                if let Some(next) = next {
                    self.resume(next);
                }
            }
            Step::Spawn => self.spawn(),
            Step::Sleep(ticks) => {
                let asleep = scheduler.sleep(now, now + ticks);
                assert_eq!(asleep, model.sleep(now + ticks), "whether it sleeps");
                if asleep {
                    self.wait();
                }
            }
            Step::Park => {
                let parked = scheduler.park(now);
                assert_eq!(parked, model.park(), "whether it parks");
                if parked {
                    self.wait();
                }
            }
            Step::Unpark { who } => {
                let who = who % self.ids.len();
                scheduler.unpark(self.ids[who]);
                model.unpark(who);
            }
            Step::Join { who } => {
                let who = who % self.ids.len();
                let joined = scheduler.join(now, self.ids[who]);
                assert_eq!(joined, model.join(who).ok_or(NoSuchThread), "what join says");
                if joined == Ok(None) {
                    self.wait();
                }
            }
            Step::Detach { who } => {
                let who = who % self.ids.len();
                scheduler.detach(self.ids[who]);
                model.detach(who);
            }
            Step::End(result) => self.end(result),
        }
        self.compare();
    }

    fn spawn(&mut self) {
        let payload = Rc::new(self.ids.len());
        match self.scheduler.spawn("thread", Rc::clone(&payload)) {
            Ok(id) => {
                assert!(self.ids.iter().all(|&other| other < id), "ids only grow");
                self.ids.push(id);
                self.payloads.push(payload);
                self.model.spawn();
            }
            Err((Full, _)) => assert_eq!(self.model.alive(), PLACES - 1, "full too early"),
        }
    }

    /// As `thread::wait`.
    fn wait(&mut self) {
        loop {
            let next = match self.scheduler.next(self.now) {
                Next::Stay => Some(self.running),
                Next::Switch(next) => Some(**next),
                Next::Idle => None,
                Next::Nobody => {
                    self.scheduler.stop_waiting();
                    assert!(self.model.give_up(), "somebody could have gone on");
                    return;
                }
            };
            assert_eq!(next, self.model.next(), "who runs next");
            match next {
                Some(next) => return self.resume(next),
                None => self.idle(),
            }
        }
    }

    /// As `thread::end`.
    fn end(&mut self, result: u64) {
        let payload = self.scheduler.end(self.now, result).expect("what it ran on");
        assert_eq!(*payload, self.running);
        drop(payload);
        self.model.end(result);
        loop {
            self.compare();
            let next = match self.scheduler.next(self.now) {
                Next::Stay => panic!("an ended thread goes on"),
                Next::Switch(next) => Some(**next),
                Next::Idle => None,
                Next::Nobody => {
                    let told = self.scheduler.break_deadlock();
                    assert_eq!(told, self.model.break_deadlock(), "whether one is told");
                    if told {
                        continue;
                    }
                    self.halted = true;
                    return;
                }
            };
            assert_eq!(next, self.model.next(), "who runs next");
            match next {
                Some(next) => return self.resume(next),
                None => self.idle(),
            }
        }
    }

    fn idle(&mut self) {
        self.now += 1;
        self.scheduler.advance(self.now);
        self.model.advance(self.now);
        self.compare();
    }

    /// `next` is on the CPU, and asks why.
    fn resume(&mut self, next: usize) {
        self.running = next;
        assert_eq!(self.scheduler.take_wake(), self.model.take_wake(), "why it runs");
    }

    /// Both agree on every thread that ever was, and no list has lost one.
    fn compare(&self) {
        for (number, &id) in self.ids.iter().enumerate() {
            let expected = self.model.state(number, &self.ids);
            assert_eq!(self.scheduler.state(id), expected, "thread {number}");
            if let Some(State::Sleeping { until }) = expected {
                assert!(until > self.now, "thread {number} overslept");
            }
            let runs_on_it = !matches!(expected, None | Some(State::Ended(_)));
            let owners = Rc::strong_count(&self.payloads[number]);
            assert_eq!(owners, 1 + usize::from(runs_on_it), "thread {number}'s payload");
        }
        assert_eq!(self.scheduler.statistics(), self.model.statistics());
        self.scheduler.check_places();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever threads do, the scheduler does as the model; and when all end, one
    /// after the other, every wait is over and every place is free.
    #[test]
    fn no_thread_is_lost(steps in steps()) {
        let mut machine = Machine::new();
        for step in steps {
            if machine.halted {
                break;
            }
            machine.step(step);
        }
        // Everybody that gets the CPU ends; nobody is detached by now that was not.
        while !machine.halted {
            machine.step(Step::End(7));
        }
        for number in 0..machine.ids.len() {
            let state = machine.scheduler.state(machine.ids[number]);
            prop_assert!(matches!(state, None | Some(State::Ended(_))), "{number}: {state:?}");
        }
        prop_assert_eq!(machine.model.unfinished_waits(), 0);
    }
}

#[test]
fn a_full_table_refuses_and_forgotten_places_are_used_again() {
    let mut scheduler = Scheduler::<&str, 4>::new();
    scheduler.start("boot", "boot", 0);
    let first = scheduler.spawn("a", "a").expect("room");
    scheduler.spawn("b", "b").expect("room");
    assert_eq!(scheduler.spawn("c", "c"), Err((Full, "c")));
    scheduler.detach(first);
    assert_eq!(scheduler.yield_now(), Some(&"a"));
    assert_eq!(scheduler.end(0, 5), Some("a"));
    assert!(matches!(scheduler.next(0), Next::Switch(&"b")));
    let again = scheduler.spawn("d", "d").expect("a place is free again");
    assert_ne!(again, first);
    assert_eq!((again.place(), scheduler.state(first)), (first.place(), None));
}

#[test]
fn sleepers_wake_in_order_of_time_then_of_arrival() {
    let mut scheduler = Scheduler::<u64, 8>::new();
    scheduler.start("boot", 0, 0);
    for payload in [30, 10, 20, 11] {
        scheduler.spawn("sleeper", payload).expect("room");
    }
    // Each sleeps until the ten that its payload begins with.
    let mut running = *scheduler.yield_now().expect("the first");
    while running != 0 {
        assert!(scheduler.sleep(0, running / 10 * 10));
        let Next::Switch(&next) = scheduler.next(0) else { panic!("the boot thread is ready") };
        running = next;
    }
    scheduler.advance(9);
    assert_eq!(scheduler.yield_now(), None, "all sleep");
    scheduler.advance(29);
    let early: Vec<u64> = (0..3).filter_map(|_| scheduler.yield_now().copied()).collect();
    assert_eq!(early, [10, 11, 20]);
}
