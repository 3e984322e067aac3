//! M1's frame allocators as the bench drives them.

use super::{FrameBench, Medians, NO_FRAME, RUN_FRAMES, SIZES, Size};
use crate::counter::Counter;
use crate::pages::Pages;
use crate::report::Report;
use core::mem::MaybeUninit;
use m1_memory::frames::{self, ChunkFrames, FrameAllocator, KernelFrames, Plan};
use m1_memory::layout::PAGE_BYTES;
use x86_64::PhysAddr;
use x86_64::structures::paging::PhysFrame;

/// The algorithm over simulated memory.
struct Simulated<'m>(ChunkFrames<'m>);

/// The kernel's allocator, lock included.
struct Kernel;

/// Measures all sizes, and the kernel's own.
pub fn measure(counter: Counter) {
    measure_kernel(counter);
    let medians = SIZES.map(|size| measure_size(size, counter));
    super::report_spread(&medians, Report::OURS);
}

fn measure_size(size: Size, counter: Counter) -> Medians {
    log::info!("frames: {} of simulated memory", size.name);
    let end = PhysAddr::new(size.frames() * PAGE_BYTES);
    let plan = Plan::new([PhysAddr::zero()..end]);
    let mut pages = Pages::new(plan.bytes()).unwrap_or_else(|error| panic!("bench: {error}"));
    // SAFETY: any `u64` is a `MaybeUninit<u64>`, and only valid ones are put back.
    let storage = unsafe { &mut *(&raw mut pages[..] as *mut [MaybeUninit<u64>]) };
    let mut allocator = None;
    let (count, _) = counter.count(|| {
        allocator = ChunkFrames::new(plan, storage).and_then(|mut frames| {
            frames.manage(PhysAddr::zero(), end).ok()?;
            Some(Simulated(frames))
        });
        0
    });
    let Some(mut allocator) = allocator else { panic!("no allocator of {}", size.name) };
    Report::OURS.instructions(format_args!("frames/{}/init", size.name), count.into());
    super::measure(&mut allocator, size, counter, Report::OURS)
}

fn measure_kernel(counter: Counter) {
    // RAM of this machine lies below that.
    const FRAMES: u64 = 1 << 20;
    log::info!("frames: the kernel's own, {} in all", frames::statistics().total);
    super::measure_steady(&mut Kernel, "kernel", FRAMES, counter, Report::OURS);
}

fn token(frame: PhysFrame) -> u64 {
    frame.start_address().as_u64()
}

/// Not checked, so that it costs no instruction.
fn frame(token: u64) -> PhysFrame {
    // SAFETY: tokens are addresses of frames: `token` made them of a frame or of
    // a frame's number.
    unsafe { PhysFrame::from_start_address_unchecked(PhysAddr::new_unsafe(token)) }
}

impl FrameBench for Simulated<'_> {
    #[inline(always)]
    fn allocate(&mut self) -> u64 {
        self.0.allocate().map_or(NO_FRAME, token)
    }

    #[inline(always)]
    fn free(&mut self, token: u64) -> bool {
        self.0.free(frame(token)).is_ok()
    }

    #[inline(always)]
    fn allocate_run(&mut self) -> u64 {
        self.0.allocate_run(RUN_FRAMES).map_or(NO_FRAME, token)
    }

    #[inline(always)]
    fn free_run(&mut self, token: u64) -> bool {
        self.0.free_run(frame(token), RUN_FRAMES).is_ok()
    }

    fn number(&self, token: u64) -> u64 {
        token / PAGE_BYTES
    }

    fn token(&self, number: u64) -> u64 {
        number * PAGE_BYTES
    }
}

impl FrameBench for Kernel {
    #[inline(always)]
    fn allocate(&mut self) -> u64 {
        KernelFrames.allocate().map_or(NO_FRAME, token)
    }

    #[inline(always)]
    fn free(&mut self, token: u64) -> bool {
        // SAFETY: the workloads only give back what they took, and use no frame.
        unsafe { KernelFrames.free(frame(token)).is_ok() }
    }

    #[inline(always)]
    fn allocate_run(&mut self) -> u64 {
        frames::allocate_run(RUN_FRAMES).map_or(NO_FRAME, token)
    }

    #[inline(always)]
    fn free_run(&mut self, token: u64) -> bool {
        // SAFETY: as for `free`.
        unsafe { frames::free_run(frame(token), RUN_FRAMES).is_ok() }
    }

    fn number(&self, token: u64) -> u64 {
        token / PAGE_BYTES
    }

    fn token(&self, number: u64) -> u64 {
        number * PAGE_BYTES
    }
}
