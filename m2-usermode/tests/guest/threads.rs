//! Cooperative threads on the real CPU: how they live, wait and end.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use m0_boot::pit;
use m1_memory::frames;
use m1_memory::paging::kernel;
use m2_usermode::thread::{self, Body, Deadlock, JoinError, SpawnError, State, ThreadId};
use shared::cases::{Case, expect, expect_eq};

/// Every case of this module.
pub const CASES: &[Case] = &[
    ("threads-take-turns", take_turns),
    ("threads-many", many),
    ("threads-join-errors", join_errors),
    ("threads-join-together", join_together),
    ("threads-deadlock", deadlock),
    ("threads-deadlock-at-the-end", deadlock_at_the_end),
    ("threads-sleep", sleep),
    ("threads-sleep-and-work", sleep_and_work),
    ("threads-park", park),
    ("threads-detach", detach),
    ("threads-statistics", statistics),
    ("threads-too-many", too_many),
    ("threads-states", states),
    ("threads-out-of-memory", out_of_memory),
];

/// Starts a kernel thread.
pub fn spawn(name: &'static str, body: Body, argument: u64) -> ThreadId {
    let root = kernel::root().unwrap_or_else(|| panic!("no kernel page tables"));
    thread::spawn(name, root, body, argument).unwrap_or_else(|error| panic!("{error}"))
}

/// Waits for a thread's result.
pub fn join(id: ThreadId) -> u64 {
    thread::join(id).unwrap_or_else(|error| panic!("{error}"))
}

static LOG: AtomicU64 = AtomicU64::new(0);

fn log_digit(digit: u64) {
    LOG.store(LOG.load(Relaxed) * 10 + digit, Relaxed);
}

fn take_turns() {
    fn body(digit: u64) -> u64 {
        for _ in 0..2 {
            log_digit(digit);
            thread::yield_now();
        }
        digit
    }
    let ids = [spawn("one", body, 1), spawn("two", body, 2), spawn("three", body, 3)];
    expect_eq("results", ids.map(join), [1, 2, 3]);
    expect_eq("order", LOG.load(Relaxed), 123_123);
}

/// Two hundred threads with stacks of their own, each summing up and yielding.
fn many() {
    fn body(number: u64) -> u64 {
        let mut sum = 0;
        for addend in 0..=number {
            sum += addend;
            thread::yield_now();
        }
        sum
    }
    let round = || {
        let ids: Vec<_> = (0..200).map(|number| spawn("adder", body, number)).collect();
        ids.into_iter().map(join).sum::<u64>()
    };
    round(); // page tables and heap grow here, and stay
    let before = frames::statistics().used;
    let expected = (0..200).map(|number| number * (number + 1) / 2).sum();
    expect_eq("sums", round(), expected);
    expect_eq("no-frame-lost", frames::statistics().used, before);
    expect_eq("threads-left", thread::statistics().threads, 1);
}

fn join_errors() {
    let id = spawn("once", |argument| argument, 5);
    expect_eq("joined", thread::join(id), Ok(5));
    expect_eq("twice", thread::join(id), Err(JoinError::NoSuchThread(id)));
    let own = thread::current();
    expect_eq("itself", thread::join(own), Err(JoinError::NoSuchThread(own)));
}

/// All that wait for a thread get its result.
fn join_together() {
    static TARGET: spin::Mutex<Option<ThreadId>> = spin::Mutex::new(None);
    fn wait(_: u64) -> u64 {
        let target = *TARGET.lock();
        target.map_or(0, join)
    }
    fn late(result: u64) -> u64 {
        for _ in 0..5 {
            thread::yield_now();
        }
        result
    }
    let target = spawn("target", late, 9);
    *TARGET.lock() = Some(target);
    let waiting = [spawn("one", wait, 0), spawn("two", wait, 0), spawn("three", wait, 0)];
    expect_eq("own", join(target), 9);
    expect_eq("theirs", waiting.map(join), [9, 9, 9]);
    expect_eq("gone", thread::join(target), Err(JoinError::NoSuchThread(target)));
}

/// Two threads that wait for each other: the second to wait is told, ends, and
/// so frees the first.
fn deadlock() {
    static IDS: spin::Mutex<Vec<ThreadId>> = spin::Mutex::new(Vec::new());
    fn body(other: u64) -> u64 {
        let other = IDS.lock()[other as usize];
        match thread::join(other) {
            Ok(result) => result,
            Err(JoinError::Deadlock) => 77,
            Err(JoinError::NoSuchThread(_)) => 1,
        }
    }
    let (first, second) = (spawn("first", body, 1), spawn("second", body, 0));
    IDS.lock().extend([first, second]);
    expect_eq("told-through-the-other", thread::join(first), Ok(77));
    expect_eq("joined-already", thread::join(second), Err(JoinError::NoSuchThread(second)));
}

/// The last thread that could have woken two others ends. The one that is parked is
/// told; the one that waits for it is not.
fn deadlock_at_the_end() {
    fn parked(_: u64) -> u64 {
        if thread::park() == Err(Deadlock) { 88 } else { 1 }
    }
    let id = spawn("parked", parked, 0);
    let idle = spawn("leaves", |_| 0, 0);
    expect_eq("the-parked-one-is-told", thread::join(id), Ok(88));
    expect_eq("the-other-ended", thread::join(idle), Ok(0));
    expect_eq("alone", thread::park(), Err(Deadlock));
    // A remembered unpark is no deadlock.
    thread::unpark(thread::current());
    expect_eq("token", thread::park(), Ok(()));
}

/// Sleepers wake in the order of their times, not early, and the CPU idles meanwhile.
fn sleep() {
    fn body(ticks: u64) -> u64 {
        let before = pit::ticks();
        thread::sleep(ticks);
        log_digit(ticks);
        pit::ticks() - before
    }
    let idle_before = thread::statistics().idle_ticks;
    let ids = [spawn("six", body, 6), spawn("two", body, 2), spawn("four", body, 4)];
    let slept = ids.map(join);
    expect_eq("order", LOG.load(Relaxed), 246);
    let [six, two, four] = slept;
    let early = six < 6 || two < 2 || four < 4;
    expect("not-early", !early, format_args!("slept {slept:?} ticks for 6, 2 and 4"));
    let idle = thread::statistics().idle_ticks - idle_before;
    expect("idle", idle >= 4, format_args!("only {idle} ticks were idle"));
    thread::sleep(0); // returns though nobody else is there
}

/// While one thread sleeps others work; its time having come it is next but one.
fn sleep_and_work() {
    static AWAKE: AtomicU64 = AtomicU64::new(0);
    fn sleeper(_: u64) -> u64 {
        thread::sleep(3);
        AWAKE.store(1, Relaxed);
        0
    }
    fn worker(_: u64) -> u64 {
        let mut late = 0;
        let until = pit::ticks() + 3;
        while AWAKE.load(Relaxed) == 0 {
            late += u64::from(pit::ticks() > until);
            thread::yield_now();
        }
        late
    }
    let (sleeper, worker) = (spawn("sleeper", sleeper, 0), spawn("worker", worker, 0));
    join(sleeper);
    let late = join(worker);
    expect("at-once", late <= 1, format_args!("{late} yields after its time it still slept"));
}

fn park() {
    static TURN: AtomicU64 = AtomicU64::new(0);
    fn body(rounds: u64) -> u64 {
        for _ in 0..rounds {
            if thread::park().is_err() {
                return 0;
            }
            TURN.fetch_add(1, Relaxed);
        }
        rounds
    }
    let id = spawn("parked", body, 3);
    thread::unpark(id); // before it has run, let alone parked
    thread::unpark(id); // the same token
    thread::yield_now();
    expect_eq("token", TURN.load(Relaxed), 1);
    expect_eq("parked", thread::state(id), Some(State::Parked));
    thread::yield_now();
    expect_eq("stays-parked", TURN.load(Relaxed), 1);
    thread::unpark(id);
    thread::yield_now();
    expect_eq("woken", TURN.load(Relaxed), 2);
    thread::unpark(id);
    expect_eq("result", join(id), 3);
    thread::unpark(id); // gone: without effect
}

/// Detached threads go by themselves, and every frame comes back.
fn detach() {
    fn body(_: u64) -> u64 {
        thread::yield_now();
        0
    }
    let round = || {
        let ids: Vec<_> = (0..20).map(|_| spawn("detached", body, 0)).collect();
        for &id in &ids[..10] {
            thread::detach(id); // before they run
        }
        thread::yield_now();
        thread::yield_now(); // now they have ended
        for &id in &ids[10..] {
            expect_eq("waits-for-joiner", thread::state(id), Some(State::Ended(0)));
            thread::detach(id);
        }
        ids
    };
    round(); // page tables and heap grow here, and stay
    let before = frames::statistics().used;
    let ids = round();
    expect_eq("threads-left", thread::statistics().threads, 1);
    expect_eq("no-frame-lost", frames::statistics().used, before);
    expect_eq("join", thread::join(ids[0]), Err(JoinError::NoSuchThread(ids[0])));
    let alive = spawn("alive", body, 0);
    thread::detach(alive);
    expect_eq("nobody-joins", thread::join(alive), Err(JoinError::NoSuchThread(alive)));
}

fn statistics() {
    fn busy(ticks: u64) -> u64 {
        let until = pit::ticks() + ticks;
        while pit::ticks() < until {
            core::hint::spin_loop();
        }
        let slice = thread::tick();
        thread::yield_now();
        slice.saturating_sub(thread::tick())
    }
    let before = thread::statistics();
    let id = spawn("busy", busy, 5);
    thread::yield_now(); // to it and back: two switches
    let during = thread::statistics();
    expect_eq("switches", during.switches - before.switches, 2);
    expect_eq("started", during.started - before.started, 1);
    let mut found = None;
    let mut count = 0;
    thread::for_each(|info| {
        m0_boot::println!(
            "thread {} \"{}\": {}, {} switches, {} ticks",
            info.id,
            info.name,
            info.state,
            info.switches,
            info.ticks
        );
        count += 1;
        if info.id == id {
            found = Some(*info);
        }
    });
    expect_eq("visited", count, 2);
    let found = found.map(|info| (info.name, info.state, info.switches, info.process));
    expect_eq("info", found, Some(("busy", State::Ready, 1, None)));
    let ran = during.ticks - before.ticks;
    expect("ticks", ran >= 5, format_args!("ran {ran} ticks for 5"));
    expect("slice", join(id) >= 1, "a yield begins no new slice");
    expect_eq("idle", thread::statistics().idle_ticks, before.idle_ticks);
}

/// The table is full: an error, and everything can be had again afterwards.
fn too_many() {
    let root = kernel::root().unwrap_or_else(|| panic!("no kernel page tables"));
    let round = || {
        let mut ids = Vec::with_capacity(thread::MAX_THREADS);
        let error = loop {
            match thread::spawn("many", root, |number| number, ids.len() as u64) {
                Ok(id) => ids.push(id),
                Err(error) => break error,
            }
        };
        let count = ids.len();
        let right = ids.into_iter().zip(0..).all(|(id, number)| join(id) == number);
        expect("results", right, "a thread returned another one's number");
        (count, error)
    };
    round();
    let before = frames::statistics().used;
    expect_eq("refused", round(), (thread::MAX_THREADS - 1, SpawnError::TooMany));
    expect_eq("no-frame-lost", frames::statistics().used, before);
}

fn states() {
    let id = spawn("waiter", |_| 0, 0);
    expect_eq("ready", thread::state(id), Some(State::Ready));
    expect_eq("running", thread::state(thread::current()), Some(State::Running));
    thread::yield_now();
    expect_eq("ended", thread::state(id), Some(State::Ended(0)));
    join(id);
    expect_eq("gone", thread::state(id), None);
}

/// Spawning until nothing is left is an error that keeps no frame.
fn out_of_memory() {
    fn body(_: u64) -> u64 {
        0
    }
    let root = kernel::root().unwrap_or_else(|| panic!("no kernel page tables"));
    let round = || {
        let mut ids = Vec::with_capacity(8192);
        let error = loop {
            match thread::spawn("greedy", root, body, 0) {
                Ok(id) => ids.push(id),
                Err(error) => break error,
            }
        };
        let count = ids.len();
        ids.into_iter().for_each(|id| {
            join(id);
        });
        (count, error)
    };
    let (count, _) = round();
    let before = frames::statistics().used;
    let (again, error) = round();
    expect("some", count > 100, format_args!("only {count} threads fit"));
    expect_eq("as-many-again", again, count);
    expect_eq("no-frame-lost", frames::statistics().used, before);
    m0_boot::println!("refused: {error}");
}
