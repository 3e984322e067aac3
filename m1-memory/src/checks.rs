//! What M1 shows about itself at the end of its boot: each function tries a
//! property on the running kernel and says what it found instead.

use crate::frames::{self, FrameAllocator, FrameError, KernelFrames};
use crate::layout::{self, PAGE_BYTES};
use crate::paging::kernel;
use crate::regions;
use crate::stack;
use crate::{heap, policy};
use alloc::boxed::Box;
use alloc::vec::Vec;
use arrayvec::ArrayString;
use core::arch::asm;
use core::fmt::Write;
use m0_boot::milestone::ensure;
use m0_boot::println;
use shared::events::{self, Event};
use x86_64::VirtAddr;

/// Why a property does not hold.
pub type Objection = &'static str;

/// A frame is given out once, and freed once.
///
/// # Errors
/// What the allocator did instead.
pub fn frames() -> Result<(), Objection> {
    let before = frames::statistics().used;
    let first = KernelFrames.allocate().map_err(|_| "no frame to be had")?;
    let second = KernelFrames.allocate().map_err(|_| "no second frame to be had")?;
    ensure(first != second, "the same frame was given out twice")?;
    // SAFETY: both were just allocated and are unused.
    let (freed, freed_again, freed_second) =
        unsafe { (KernelFrames.free(first), KernelFrames.free(first), KernelFrames.free(second)) };
    ensure(freed.is_ok() && freed_second.is_ok(), "an allocated frame could not be freed")?;
    ensure(freed_again == Err(FrameError::DoubleFree(first)), "a double free was not refused")?;
    ensure(frames::statistics().used == before, "a frame was lost")
}

/// The heap grows on demand, keeps what is written, takes it back, and gives back
/// the memory behind it; its books agree.
///
/// # Errors
/// What the heap did instead.
pub fn heap() -> Result<(), Objection> {
    const WORDS: u64 = 64 * 1024;
    let before = heap::statistics();
    let numbers: Vec<u64> = (0..WORDS).collect();
    let boxed = Box::new(numbers.iter().sum::<u64>());
    ensure(*boxed == WORDS * (WORDS - 1) / 2, "512 KiB of numbers lost their values")?;
    let during = heap::statistics();
    let grown = during.mapped_bytes > before.mapped_bytes;
    ensure(grown, "the heap held 512 KiB without growing")?;
    let in_heap = layout::HEAP.contains(&VirtAddr::from_ptr(numbers.as_ptr()));
    ensure(in_heap, "the block lies outside the heap's range")?;
    drop((numbers, boxed));
    let after = heap::statistics();
    ensure(after.used_bytes == before.used_bytes, "freed blocks did not come back")?;
    ensure(after.mapped_bytes < during.mapped_bytes, "a free 512 KiB kept its memory")?;
    ensure(heap::audit().is_ok(), "the heap's records contradict each other")
}

/// Asking for more memory than there is, is an error that harms nothing.
///
/// # Errors
/// What happened instead.
pub fn exhaustion() -> Result<(), Objection> {
    let before = frames::statistics();
    let mut too_much = Vec::<u8>::new();
    let beyond_range = (layout::HEAP.end - layout::HEAP.start) as usize + 1;
    ensure(too_much.try_reserve_exact(beyond_range).is_err(), "more than the heap's range")?;
    ensure(frames::statistics().used == before.used, "the failed request kept frames")
}

/// The guard page below the current stack is not mapped, and a fault there would
/// be explained.
///
/// # Errors
/// What is there instead.
pub fn guard() -> Result<(), Objection> {
    let rsp: u64;
    // SAFETY: only copies a register.
    unsafe { asm!("mov {}, rsp", out(reg) rsp, options(nomem, nostack, preserves_flags)) };
    let rsp = VirtAddr::new(rsp);
    ensure(layout::STACKS.contains(&rsp), "the kernel still runs on the loader's stack")?;
    let guard = (1..=stack::STACK_PAGES)
        .map(|pages| rsp.align_down(PAGE_BYTES) - pages * PAGE_BYTES)
        .find(|&page| kernel::translate(page).is_none())
        .ok_or("everything below the stack is mapped")?;
    let explained = policy::diagnose(guard.as_u64()).contains("guard page below kernel stack");
    ensure(explained, "the guard page is not recognised as one")
}

/// The frames counted by kind, one by one, agree with the figures that every
/// allocation and every free keeps up to date.
///
/// # Errors
/// What does not agree.
pub fn census() -> Result<(), Objection> {
    let (census, figures) = (frames::census(), frames::statistics());
    let used = census.taken() + census.reserved;
    ensure(used == figures.used, "the frames in use are not those counted")?;
    ensure(census.free == figures.free(), "the free frames are not those counted")?;
    ensure(census.runs_of_order(0) == census.free, "the free blocks do not add up")
}

/// Emits the frames by kind as events: the picture of physical memory.
pub fn emit_frames() {
    frames::for_each_region(|region| {
        let start = region.first.start_address().as_u64();
        let (end, usage) = (start + region.count * PAGE_BYTES, region.usage);
        events::emit(Event::Region { start, end, flags: usage.flag(), name: usage });
    });
}

/// Prints the mapped regions with their permissions, and emits them as events.
pub fn print_regions() {
    kernel::for_each_region(|region| {
        // The tables are locked here, so places come without rights of their own.
        let name = regions::name_at(region.start);
        let mut flags = ArrayString::<8>::new();
        // Five letters always fit.
        let _ = write!(flags, "{}", region.rights);
        let (start, last) = (region.start.as_u64(), region.last.as_u64());
        println!("    {start:#018x}-{last:#018x} {flags} {name}");
        events::emit(Event::Region { start, end: last.wrapping_add(1), flags: &flags, name });
    });
}
