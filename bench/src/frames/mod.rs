//! Frame allocators over simulated memory: the allocator's own data is real, the
//! frames it hands out are only numbers, so 64 GiB need no such machine.
//!
//! Workloads, in this order on one allocator, all from the same seed:
//!
//! | names | state | what is counted |
//! | --- | --- | --- |
//! | `init` | | building the allocator |
//! | `steady/{alloc,free}` | nearly empty; 1024 slots | a random slot takes a frame or gives it back |
//! | `run-2M/{alloc,free}` | the same; 32 slots | the same with 2 MiB runs |
//! | `churned/{alloc,free}` | everything taken, then half of all frames given back in random order | a random frame is given back, or one taken |
//! | `churned/run-2M/refused` | the same: no 2 MiB are free in a row | being told so |
//! | `churned/run-2M/{alloc,free}` | the same, but for 8 free runs | takes and gives back runs |
//! | `churned/usable` | the same | of all free frames, how many can be taken one by one |
//! | `full/refused` | everything taken | being told so |
//! | `full/{alloc,free}` | everything but 8 frames far apart | takes and gives back those: what a search costs at worst |
//!
//! Settings are the sizes in [`SIZES`] and `kernel`: the kernel's own allocator
//! with its lock and this machine's memory, for `steady` alone. `spread/…` is the
//! largest median of all sizes over the smallest.

pub mod ours;
mod run;
mod state;

use crate::counter::Counter;
use crate::report::Report;
use run::Run;

/// What an allocator answers when it has nothing.
pub const NO_FRAME: u64 = u64::MAX;
/// Frames of a 2 MiB run.
pub const RUN_FRAMES: u64 = 512;

/// An allocator under measurement. Frames pass as the allocator's own kind of
/// number ("token"), so that nobody pays for a conversion.
pub trait FrameBench {
    /// Takes a frame, or [`NO_FRAME`].
    fn allocate(&mut self) -> u64;
    /// Gives a frame back; whether that was accepted.
    fn free(&mut self, token: u64) -> bool;
    /// Takes [`RUN_FRAMES`] in a row, aligned to their length, or [`NO_FRAME`].
    fn allocate_run(&mut self) -> u64;
    /// Gives such a run back; whether that was accepted.
    fn free_run(&mut self, token: u64) -> bool;
    /// The frame's number for a token. Not counted.
    fn number(&self, token: u64) -> u64;
    /// The token for a frame's number. Not counted.
    fn token(&self, number: u64) -> u64;
}

/// An amount of simulated memory.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// As it stands in names.
    pub name: &'static str,
    /// 2^`order` frames.
    pub order: u32,
}

impl Size {
    /// How many frames that is.
    pub const fn frames(self) -> u64 {
        1 << self.order
    }
}

/// The sizes that are measured.
pub const SIZES: [Size; 3] = [
    Size { name: "256M", order: 16 },
    Size { name: "4G", order: 20 },
    Size { name: "64G", order: 24 },
];

/// Medians whose spread over the sizes is limited.
#[derive(Clone, Copy, Debug)]
pub struct Medians {
    /// `steady/alloc`, `steady/free`, `churned/alloc`, `churned/free`.
    pub values: [u32; 4],
}

/// Puts an allocator of `size` through all workloads.
pub fn measure(
    bench: &mut impl FrameBench,
    size: Size,
    counter: Counter,
    report: Report,
) -> Medians {
    let mut run = Run::new(bench, size.frames(), counter, report, size.name);
    let (steady_alloc, steady_free) = run.steady();
    run.runs();
    run.churn(size.order);
    let (churned_alloc, churned_free) = run.churned(size.order);
    run.churned_runs(size);
    run.usable();
    run.nearly_full(size);
    let summaries = [steady_alloc, steady_free, churned_alloc, churned_free];
    Medians { values: summaries.map(|summary| summary.median) }
}

/// Measures `steady` alone, on an allocator whose numbers are below `frames`.
pub fn measure_steady(
    bench: &mut impl FrameBench,
    setting: &'static str,
    frames: u64,
    counter: Counter,
    report: Report,
) {
    Run::new(bench, frames, counter, report, setting).steady();
}

/// Reports how far the medians of several sizes lie apart.
pub fn report_spread(medians: &[Medians], report: Report) {
    let names = ["steady/alloc", "steady/free", "churned/alloc", "churned/free"];
    for (index, name) in names.into_iter().enumerate() {
        let of_sizes = medians.iter().map(|medians| u64::from(medians.values[index]));
        let least = of_sizes.clone().min().unwrap_or(0).max(1);
        let most = of_sizes.max().unwrap_or(0);
        report.fraction(format_args!("frames/spread/{name}"), most, least);
    }
}
