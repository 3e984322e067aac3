//! The allocator of the machine, and the notes that are taken of each call.

use super::map::{END, MAP, at, frame, kind_number, number, ranges};
use anyhow::{Context, Error, Result, ensure};
use m0_boot::memory_map::Kind;
use m1_memory::frames::{ChunkFrames, FrameError, Plan, Purpose, Usage, census::MAX_ORDER};
use serde_json::{Value, json};
use std::{mem::MaybeUninit, ops::Range};
use x86_64::structures::paging::PhysFrame;

/// The allocator, and what happened to it.
pub struct Machine<'m> {
    /// The allocator itself.
    pub frames: ChunkFrames<'m>,
    /// Bytes of its tables.
    pub table_bytes: u64,
    before: Vec<Usage>,
    steps: Vec<Value>,
}

impl Machine<'_> {
    /// Builds the allocator of the map, as the kernel does, and hands it to `work`.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn run<T>(work: impl FnOnce(&mut Machine) -> Result<T>) -> Result<T> {
        let ours = |kind| matches!(kind, Kind::Usable | Kind::BootloaderReclaimable);
        let regions = MAP.into_iter().filter(|(_, kind)| ours(*kind));
        let plan = Plan::new(regions.map(|(frames, _)| at(frames.start)..at(frames.end)));
        let mut storage = vec![MaybeUninit::uninit(); plan.words()];
        let frames = ChunkFrames::new(plan, &mut storage).context("no room for the tables")?;
        let before = vec![Usage::Foreign; END as usize];
        work(&mut Machine { frames, table_bytes: plan.bytes(), before, steps: Vec::new() })
    }

    /// Notes a step: what was called, what came of it, and what it means.
    pub fn note(&mut self, call: &str, outcome: Result<String, FrameError>, said: &str) {
        let after: Vec<Usage> = (0..END).map(|number| self.frames.usage(frame(number))).collect();
        let changed = (0..END).filter(|&number| {
            let number = number as usize;
            self.before[number] != after[number]
        });
        let (ok, answer) = match outcome {
            Ok(answer) => (true, answer),
            Err(error) => (false, error.to_string()),
        };
        let mut regions = Vec::new();
        self.frames.for_each_region(|region| {
            let kind = kind_number(region.usage);
            regions.push(json!([number(region.first), region.count, kind]));
        });
        self.steps.push(json!({
            "call": call, "ok": ok, "answer": answer, "said": said,
            "changed": ranges(changed), "regions": regions, "figures": self.figures(),
        }));
        self.before = after;
    }

    /// What the allocator's statistics and census say.
    fn figures(&self) -> Value {
        let (statistics, census) = (self.frames.statistics(), self.frames.census());
        let longest = (0..=MAX_ORDER).rev().find(|&order| census.runs_of_order(order) > 0);
        json!({
            "total": statistics.total,
            "used": statistics.used,
            "free": statistics.free(),
            "peak": statistics.peak,
            "longest": longest.map_or(0, |order| 1_u64 << order),
        })
    }

    /// All steps so far.
    pub fn steps(&self) -> &[Value] {
        &self.steps
    }

    /// Takes a frame, which must be the one at `wanted`.
    ///
    /// # Errors
    /// If it is another one, or none.
    pub fn take(&mut self, purpose: Purpose, wanted: u64, said: &str) -> Result<PhysFrame> {
        let got = self.frames.allocate_for(purpose).map_err(Error::msg)?;
        expect(got, wanted)?;
        self.note(&format!("allocate_for({purpose:?})"), Ok(show(got)), said);
        Ok(got)
    }

    /// Takes `count` frames one by one and notes them as one step.
    ///
    /// # Errors
    /// If there are not as many.
    pub fn take_many(&mut self, purpose: Purpose, count: u64, said: &str) -> Result<()> {
        for _ in 0..count {
            self.frames.allocate_for(purpose).map_err(Error::msg)?;
        }
        let call = format!("allocate_for({purpose:?}), {count} times");
        self.note(&call, Ok(format!("{count} frames")), said);
        Ok(())
    }

    /// Takes a run, which must begin at `wanted`.
    ///
    /// # Errors
    /// If it begins elsewhere, or there is none.
    pub fn take_run(
        &mut self,
        count: u64,
        purpose: Purpose,
        wanted: u64,
        said: &str,
    ) -> Result<PhysFrame> {
        let got = self.frames.allocate_run_for(count, purpose).map_err(Error::msg)?;
        expect(got, wanted)?;
        let answer = format!("{count} frames from {:#x}", got.start_address().as_u64());
        self.note(&format!("allocate_run_for({count}, {purpose:?})"), Ok(answer), said);
        Ok(got)
    }

    /// Asks for a run that cannot be had.
    ///
    /// # Errors
    /// If the refusal is another one, or there is none.
    pub fn refuse_run(&mut self, count: u64, wanted: FrameError, said: &str) -> Result<()> {
        let outcome = self.frames.allocate_run_for(count, Purpose::Heap);
        ensure!(outcome == Err(wanted), "a run of {count}: {outcome:?}, not {wanted:?}");
        self.note(&format!("allocate_run_for({count}, Heap)"), Err(wanted), said);
        Ok(())
    }

    /// Gives a frame back.
    ///
    /// # Errors
    /// If that is not as `wanted`.
    pub fn free(
        &mut self,
        frame: PhysFrame,
        wanted: Result<(), FrameError>,
        said: &str,
    ) -> Result<()> {
        let outcome = self.frames.free(frame);
        ensure!(outcome == wanted, "free of {frame:?}: {outcome:?}, not {wanted:?}");
        let call = format!("free({:#x})", frame.start_address().as_u64());
        self.note(&call, outcome.map(|()| "done".to_owned()), said);
        Ok(())
    }

    /// Gives every frame that is given out and in `range` back, if `wanted` says so, and
    /// notes it as one step.
    ///
    /// # Errors
    /// If one is refused.
    pub fn free_all(
        &mut self,
        range: Range<u64>,
        wanted: impl Fn(u64) -> bool,
        said: &str,
    ) -> Result<()> {
        let mut count = 0;
        for frame in range.filter(|&number| wanted(number)).map(frame) {
            if let Usage::Taken(_) = self.frames.usage(frame) {
                self.frames.free(frame).map_err(Error::msg)?;
                count += 1;
            }
        }
        self.note(&format!("free, {count} times"), Ok(format!("{count} frames are free")), said);
        Ok(())
    }
}

fn show(frame: PhysFrame) -> String {
    format!("frame {:#x}", frame.start_address().as_u64())
}

fn expect(got: PhysFrame, wanted: u64) -> Result<()> {
    let wanted = frame(wanted);
    ensure!(got == wanted, "the story says {wanted:?}, the allocator {got:?}");
    Ok(())
}
