//! Frames and heap: exhaustion, accounting, reuse.

use crate::boot;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use m0_boot::memory_map::Kind;
use m1_memory::frames::{self, FrameAllocator, FrameError, KernelFrames};
use m1_memory::layout::PAGE_BYTES;
use m1_memory::physical::{DirectMap, PhysicalMemory};
use m1_memory::{heap, layout};
use shared::cases::{expect, expect_eq};
use x86_64::PhysAddr;
use x86_64::structures::paging::PhysFrame;

fn memory() -> DirectMap {
    DirectMap::new(boot().hhdm).unwrap_or_else(|error| panic!("{error}"))
}

fn word(frame: PhysFrame) -> *mut u64 {
    memory().pointer(frame.start_address()).cast()
}

pub fn double_free_refused() {
    let frame = KernelFrames.allocate().unwrap_or_else(|error| panic!("{error}"));
    // SAFETY: the frame is unused; the second call must be refused.
    let (first, second) = unsafe { (KernelFrames.free(frame), KernelFrames.free(frame)) };
    expect_eq("first", first, Ok(()));
    expect_eq("second", second, Err(FrameError::DoubleFree(frame)));
    let page_zero = PhysFrame::containing_address(PhysAddr::zero());
    // SAFETY: must be refused.
    let foreign = unsafe { KernelFrames.free(page_zero) };
    expect_eq("foreign", foreign, Err(FrameError::Foreign(page_zero)));
    let image = PhysFrame::containing_address(boot().kernel_physical);
    // SAFETY: must be refused.
    expect_eq("image", unsafe { KernelFrames.free(image) }, Err(FrameError::Foreign(image)));
}

/// 2 MiB runs are aligned, writable to their last word, and come back.
pub fn large_runs() {
    const FRAMES: u64 = 512;
    let before = frames::statistics().used;
    let run = frames::allocate_run(FRAMES).unwrap_or_else(|error| panic!("{error}"));
    let start = run.start_address();
    expect("aligned", start.is_aligned(FRAMES * PAGE_BYTES), format_args!("{start:?}"));
    let last = memory().pointer(start + (FRAMES * PAGE_BYTES - 8)).cast::<u64>();
    // SAFETY: the run is ours.
    let read = unsafe {
        last.write_volatile(77);
        last.read_volatile()
    };
    expect_eq("writable", read, 77);
    // SAFETY: the run is not used any more.
    expect_eq("freed", unsafe { frames::free_run(run, FRAMES) }, Ok(()));
    expect_eq("no-frame-lost", frames::statistics().used, before);
}

/// Takes every frame, threading them into a list through the direct map, so
/// every one of them is also written to and read back.
pub fn out_of_frames() {
    let before = frames::statistics();
    let mut head = 0;
    let mut taken = 0;
    let error = loop {
        match KernelFrames.allocate() {
            Ok(frame) => {
                // SAFETY: the frame is ours.
                unsafe { word(frame).write_volatile(head) };
                head = frame.start_address().as_u64();
                taken += 1;
            }
            Err(error) => break error,
        }
    };
    expect_eq("error", error, FrameError::OutOfMemory);
    expect_eq("all-taken", taken, before.free());
    let mut refused = Vec::<u8>::new();
    expect("heap-refuses", refused.try_reserve_exact(1 << 20).is_err(), "memory from nowhere");
    let mut returned = 0;
    while head != 0 {
        let frame = PhysFrame::containing_address(PhysAddr::new(head));
        // SAFETY: the list holds our frames; each is freed once.
        let freed = unsafe {
            head = word(frame).read_volatile();
            KernelFrames.free(frame)
        };
        if freed.is_err() {
            expect_eq("freed", freed, Ok(()));
        }
        returned += 1;
    }
    expect_eq("all-returned", returned, taken);
    expect_eq("no-frame-lost", frames::statistics().used, before.used);
    expect("heap-again", refused.try_reserve_exact(1 << 20).is_ok(), "the heap did not recover");
}

/// A request beyond all RAM takes nothing with it.
pub fn heap_out_of_memory() {
    let mut first = Vec::<u64>::new();
    expect("small", first.try_reserve_exact(1000).is_ok(), "a small request failed");
    let before = frames::statistics().used;
    let mut huge = Vec::<u8>::new();
    let more_than_ram = frames::statistics().free() * PAGE_BYTES;
    let beyond = (more_than_ram as usize).min((layout::HEAP.end - layout::HEAP.start) as usize);
    expect("refused", huge.try_reserve_exact(beyond).is_err(), "more than there is was given");
    expect_eq("failures-counted", heap::statistics().failures, 1);
    // Page tables for the tried range may stay; pages may not, and the heap gives
    // back what it held in reserve.
    let kept = frames::statistics().used.saturating_sub(before);
    expect(
        "given-back",
        kept <= beyond as u64 / PAGE_BYTES / 512 + 1,
        format_args!("{kept} frames were kept"),
    );
    expect("small-again", first.try_reserve_exact(2000).is_ok(), "the heap did not recover");
}

pub fn collections() {
    let mut map = BTreeMap::<u64, String>::new();
    for number in 0..500 {
        map.insert(number * 7919 % 500, format!("entry {number}"));
    }
    expect_eq("entries", map.len(), 500);
    let sorted = map.keys().zip(map.keys().skip(1)).all(|(one, next)| one < next);
    expect("sorted", sorted, "the map's keys are out of order");
    drop(map);
    expect_eq("all-returned", heap::statistics().used_bytes, 0);
}

pub fn reclaimed() {
    let before = frames::statistics();
    // SAFETY: GDT, page tables and stack are our own, the answers are copied.
    let bytes = unsafe { frames::reclaim_loader(&boot().memory_map) };
    expect_eq("bytes", bytes, boot().memory_map.total_bytes(Kind::BootloaderReclaimable));
    expect("some", bytes > 0, "the loader used no memory");
    expect_eq("frames", frames::statistics().total - before.total, bytes / PAGE_BYTES);
    out_of_frames();
}
