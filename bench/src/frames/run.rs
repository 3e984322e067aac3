//! One allocator in one setting: the workloads of [`super`], step by step.
//!
//! Every answer of the allocator is checked against [`Taken`], between the counts.

use super::state::Taken;
use super::{FrameBench, NO_FRAME, RUN_FRAMES, Size};
use crate::counter::{Counter, opaque};
use crate::pages::Pages;
use crate::random::{Random, shuffled};
use crate::report::Report;
use crate::samples::{CAPACITY, Samples, Summary};
use spin::Mutex;

const STEADY_SLOTS: usize = 1024;
const RUN_SLOTS: usize = 32;
const STEPS: usize = CAPACITY;
const RUN_STEPS: usize = 2 * 1024;
const CLEARED_RUNS: u64 = 8;
const LAST_FRAMES: u64 = 8;

/// The counts of the two operations of a workload.
struct Counts {
    alloc: Samples,
    free: Samples,
}

static COUNTS: Mutex<Counts> = Mutex::new(Counts { alloc: Samples::new(), free: Samples::new() });

/// One allocator in one setting, with what it has given out.
pub struct Run<'a, B> {
    bench: &'a mut B,
    taken: Taken,
    random: Random,
    counter: Counter,
    report: Report,
    setting: &'static str,
}

impl<'a, B: FrameBench> Run<'a, B> {
    pub fn new(
        bench: &'a mut B,
        frames: u64,
        counter: Counter,
        report: Report,
        setting: &'static str,
    ) -> Self {
        let taken = Taken::new(frames).unwrap_or_else(|error| panic!("bench: {error}"));
        Self { bench, taken, random: Random::default(), counter, report, setting }
    }

    /// Random slots are filled and emptied; gives everything back at the end.
    pub fn steady(&mut self) -> (Summary, Summary) {
        let mut slots = Pages::new(size_of::<[u64; STEADY_SLOTS]>() as u64)
            .unwrap_or_else(|error| panic!("bench: {error}"));
        let slots = &mut slots[..STEADY_SLOTS];
        slots.fill(NO_FRAME);
        let summaries = self.toggle(slots, STEPS, "steady", Self::take, Self::give);
        for &token in slots.iter().filter(|&&token| token != NO_FRAME) {
            self.give(token);
        }
        summaries
    }

    pub fn runs(&mut self) {
        let mut slots = [NO_FRAME; RUN_SLOTS];
        self.toggle(&mut slots, RUN_STEPS, "run-2M", Self::take_run, Self::give_run);
        for token in slots.into_iter().filter(|&token| token != NO_FRAME) {
            self.give_run(token);
        }
    }

    /// Takes every frame there is, then gives half of them back in random order.
    pub fn churn(&mut self, order: u32) {
        while self.take().1 != NO_FRAME {}
        for index in 0..1 << (order - 1) {
            let number = shuffled(index, order);
            if self.taken.contains(number) {
                self.give(self.bench.token(number));
            }
        }
    }

    /// Random frames change hands: what is taken is given back, and for what is
    /// free the allocator is asked for a frame of its choice.
    pub fn churned(&mut self, order: u32) -> (Summary, Summary) {
        let mut counts = COUNTS.lock();
        counts.clear();
        while !counts.full() {
            let number = self.random.below(1 << order);
            if self.taken.contains(number) {
                let count = self.give(self.bench.token(number));
                counts.add_free(count);
            } else {
                let (count, token) = self.take();
                self.check("churned", token != NO_FRAME);
                counts.add_alloc(count);
            }
        }
        self.report_counts("churned", &mut counts)
    }

    /// 2 MiB runs in churned memory: none at first, then a few.
    pub fn churned_runs(&mut self, size: Size) {
        let (count, token) = self.take_run();
        self.check("churned/run-2M/refused", token == NO_FRAME);
        let name = format_args!("frames/{}/churned/run-2M/refused", self.setting);
        self.report.instructions(name, count.into());
        for block in 0..CLEARED_RUNS {
            // The middles of eight parts of the memory.
            let middle = (2 * block + 1) * (size.frames() / RUN_FRAMES / (2 * CLEARED_RUNS));
            for number in middle * RUN_FRAMES..(middle + 1) * RUN_FRAMES {
                if self.taken.contains(number) {
                    self.give(self.bench.token(number));
                }
            }
        }
        let mut slots = [NO_FRAME; CLEARED_RUNS as usize];
        self.toggle(&mut slots, RUN_STEPS, "churned/run-2M", Self::take_run, Self::give_run);
        for token in slots.into_iter().filter(|&token| token != NO_FRAME) {
            self.give_run(token);
        }
    }

    /// Takes all free frames one by one.
    pub fn usable(&mut self) {
        let free = self.taken.free();
        let mut got = 0;
        while self.take().1 != NO_FRAME {
            got += 1;
        }
        let name = format_args!("frames/{}/churned/usable", self.setting);
        self.report.fraction(name, got, free);
    }

    /// The last frames there are, far apart. Everything is taken before.
    pub fn nearly_full(&mut self, size: Size) {
        let (count, token) = self.take();
        self.check("full/refused", token == NO_FRAME);
        let name = format_args!("frames/{}/full/refused", self.setting);
        self.report.instructions(name, count.into());
        for part in 0..LAST_FRAMES {
            let number = (2 * part + 1) * (size.frames() / (2 * LAST_FRAMES));
            self.give(self.bench.token(number));
        }
        let mut slots = [NO_FRAME; LAST_FRAMES as usize];
        self.toggle(&mut slots, RUN_STEPS, "full", Self::take, Self::give);
    }

    /// Fills and empties random slots with `take` and `give`, and counts `steps` of
    /// that after a quarter as many that are not counted.
    fn toggle(
        &mut self,
        slots: &mut [u64],
        steps: usize,
        name: &str,
        take: impl Fn(&mut Self) -> (u32, u64),
        give: impl Fn(&mut Self, u64) -> u32,
    ) -> (Summary, Summary) {
        let mut counts = COUNTS.lock();
        let warm_up = steps / 4;
        for step in 0..warm_up + steps {
            if step == 0 || step == warm_up {
                counts.clear();
            }
            let slot = self.random.below(slots.len() as u64) as usize;
            if slots[slot] == NO_FRAME {
                let (count, token) = take(self);
                self.check(name, token != NO_FRAME);
                slots[slot] = token;
                counts.add_alloc(count);
            } else {
                let count = give(self, slots[slot]);
                slots[slot] = NO_FRAME;
                counts.add_free(count);
            }
        }
        self.report_counts(name, &mut counts)
    }

    fn report_counts(&self, name: &str, counts: &mut Counts) -> (Summary, Summary) {
        let setting = self.setting;
        let alloc = format_args!("frames/{setting}/{name}/alloc");
        let alloc = self.report.statistics(alloc, &mut counts.alloc);
        let free = format_args!("frames/{setting}/{name}/free");
        (alloc, self.report.statistics(free, &mut counts.free))
    }

    fn take(&mut self) -> (u32, u64) {
        let (count, token) = self.counter.count(|| self.bench.allocate());
        if token != NO_FRAME {
            let new = self.taken.take(self.bench.number(token), 1);
            self.check("alloc", new);
        }
        (count, token)
    }

    fn give(&mut self, token: u64) -> u32 {
        let token = opaque(token);
        let (count, accepted) = self.counter.count(|| self.bench.free(token).into());
        let was_taken = self.taken.give(self.bench.number(token), 1);
        self.check("free", accepted == 1 && was_taken);
        count
    }

    fn take_run(&mut self) -> (u32, u64) {
        let (count, token) = self.counter.count(|| self.bench.allocate_run());
        if token != NO_FRAME {
            let number = self.bench.number(token);
            let new = self.taken.take(number, RUN_FRAMES);
            self.check("run-2M/alloc", new && number.is_multiple_of(RUN_FRAMES));
        }
        (count, token)
    }

    fn give_run(&mut self, token: u64) -> u32 {
        let token = opaque(token);
        let (count, accepted) = self.counter.count(|| self.bench.free_run(token).into());
        let was_taken = self.taken.give(self.bench.number(token), RUN_FRAMES);
        self.check("run-2M/free", accepted == 1 && was_taken);
        count
    }

    /// Ends the kernel unless the allocator did what it was measured at.
    fn check(&self, name: &str, holds: bool) {
        if !holds {
            let name = format_args!("frames/{}/{name}", self.setting);
            self.report.check(name, false, format_args!("the allocator did not do as asked"));
        }
    }
}

impl Counts {
    fn clear(&mut self) {
        self.alloc.clear();
        self.free.clear();
    }

    /// Whether either has as many counts as it can hold.
    fn full(&self) -> bool {
        self.alloc.len() == STEPS || self.free.len() == STEPS
    }

    fn add_alloc(&mut self, count: u32) {
        self.alloc.add(count);
    }

    fn add_free(&mut self, count: u32) {
        self.free.add(count);
    }
}
