//! Peers of the frame allocator. Both know frames as numbers.

use bench::counter::Counter;
use bench::frames::{self, FrameBench, NO_FRAME, RUN_FRAMES, SIZES, Size};
use bench::report::Report;
use bitmap_allocator::{BitAlloc, BitAlloc1M, BitAlloc16M, BitAlloc64K};
use buddy_system_allocator::FrameAllocator;
use spin::Mutex;

/// bitmap-allocator's trees of bitmaps, one for each of [`SIZES`]. They are too
/// large for a stack.
static BITMAPS: (Mutex<BitAlloc64K>, Mutex<BitAlloc1M>, Mutex<BitAlloc16M>) = (
    Mutex::new(BitAlloc64K::DEFAULT),
    Mutex::new(BitAlloc1M::DEFAULT),
    Mutex::new(BitAlloc16M::DEFAULT),
);

/// A tree of bitmaps.
struct Bitmap<'b, B>(&'b mut B);

/// buddy_system_allocator's frame allocator keeps its free blocks in B-trees,
/// whose nodes come from the kernel's heap.
struct Buddy(FrameAllocator);

/// Measures both.
pub fn measure(counter: Counter) {
    let [small, medium, large] = SIZES;
    let medians = [
        bitmap(&mut *BITMAPS.0.lock(), small, counter),
        bitmap(&mut *BITMAPS.1.lock(), medium, counter),
        bitmap(&mut *BITMAPS.2.lock(), large, counter),
    ];
    frames::report_spread(&medians, Report::of_peer("bitmap-allocator"));
    let medians = [buddy(small, counter), buddy(medium, counter)];
    frames::report_spread(&medians, Report::of_peer("buddy_system_allocator"));
}

fn bitmap(bits: &mut impl BitAlloc, size: Size, counter: Counter) -> frames::Medians {
    log::info!("frames: bitmap-allocator, {}", size.name);
    let report = Report::of_peer("bitmap-allocator");
    let (count, _) = counter.count(|| {
        bits.insert(0..size.frames() as usize);
        0
    });
    report.instructions(format_args!("frames/{}/init", size.name), count.into());
    frames::measure(&mut Bitmap(bits), size, counter, report)
}

fn buddy(size: Size, counter: Counter) -> frames::Medians {
    log::info!("frames: buddy_system_allocator, {}", size.name);
    let report = Report::of_peer("buddy_system_allocator");
    let mut buddy = Buddy(FrameAllocator::new());
    let (count, _) = counter.count(|| {
        buddy.0.add_frame(0, size.frames() as usize);
        0
    });
    report.instructions(format_args!("frames/{}/init", size.name), count.into());
    frames::measure(&mut buddy, size, counter, report)
}

fn or_none(found: Option<usize>) -> u64 {
    found.map_or(NO_FRAME, |number| number as u64)
}

impl<B: BitAlloc> FrameBench for Bitmap<'_, B> {
    #[inline(always)]
    fn allocate(&mut self) -> u64 {
        or_none(self.0.alloc())
    }

    #[inline(always)]
    fn free(&mut self, token: u64) -> bool {
        self.0.dealloc(token as usize)
    }

    #[inline(always)]
    fn allocate_run(&mut self) -> u64 {
        or_none(self.0.alloc_contiguous(None, RUN_FRAMES as usize, RUN_FRAMES.ilog2() as usize))
    }

    #[inline(always)]
    fn free_run(&mut self, token: u64) -> bool {
        self.0.dealloc_contiguous(token as usize, RUN_FRAMES as usize)
    }

    fn number(&self, token: u64) -> u64 {
        token
    }

    fn token(&self, number: u64) -> u64 {
        number
    }
}

impl FrameBench for Buddy {
    #[inline(always)]
    fn allocate(&mut self) -> u64 {
        or_none(self.0.alloc(1))
    }

    #[inline(always)]
    fn free(&mut self, token: u64) -> bool {
        self.0.dealloc(token as usize, 1);
        // It has no way to refuse.
        true
    }

    #[inline(always)]
    fn allocate_run(&mut self) -> u64 {
        or_none(self.0.alloc(RUN_FRAMES as usize))
    }

    #[inline(always)]
    fn free_run(&mut self, token: u64) -> bool {
        self.0.dealloc(token as usize, RUN_FRAMES as usize);
        true
    }

    fn number(&self, token: u64) -> u64 {
        token
    }

    fn token(&self, number: u64) -> u64 {
        number
    }
}
