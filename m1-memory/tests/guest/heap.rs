//! The heap on the machine: growth, trimming, exhaustion, interrupts, a soak.

use alloc::alloc::{alloc, dealloc, realloc};
use alloc::vec::Vec;
use core::alloc::Layout;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use m0_boot::irq::{self, Line};
use m0_boot::trap_frame::TrapFrame;
use m0_boot::{clock, pit};
use m1_memory::frames::{self, Purpose};
use m1_memory::heap::{self, Summary};
use m1_memory::layout::PAGE_BYTES;
use m1_memory::paging::kernel;
use shared::cases::{Case, expect, expect_eq};
use x86_64::VirtAddr;
use x86_64::instructions::interrupts;

pub const CASES: &[Case] = &[
    ("heap-grows-and-trims", grows_and_trims),
    ("heap-classes", classes),
    ("heap-alignment", alignment),
    ("heap-resize", resize),
    ("heap-exhausted", exhausted),
    ("heap-refuses-interrupts", refuses_interrupts),
    ("heap-free-in-interrupt", free_in_interrupt),
    ("heap-soak", soak),
];

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

fn layout(size: usize, align: usize) -> Layout {
    match Layout::from_size_align(size, align) {
        Ok(layout) => layout,
        Err(error) => panic!("{size} bytes aligned to {align}: {error}"),
    }
}

/// The heap's own books, checked.
fn audit() -> Summary {
    heap::audit().unwrap_or_else(|violation| panic!("{violation}"))
}

fn mapped_pages() -> u64 {
    heap::statistics().mapped_bytes / PAGE_BYTES
}

/// Frames that were taken for the heap.
fn heap_frames() -> u64 {
    frames::census().taken_for(Purpose::Heap)
}

/// Makes the page tables that heaps of that size need; they may stay.
fn warm_up(bytes: usize) {
    let mut block = Vec::<u8>::new();
    expect("warm-up", block.try_reserve_exact(bytes).is_ok(), "no memory");
}

/// Every page the heap maps is one frame, both on the way up and down.
fn grows_and_trims() {
    warm_up(24 * MIB);
    let (frames_before, pages_before) = (heap_frames(), mapped_pages());
    let mut blocks: Vec<Vec<u8>> = (0..8).map(|_| Vec::with_capacity(2 * MIB)).collect();
    let grown = mapped_pages() - pages_before;
    expect("grown", grown >= 16 * 256 - 64, format_args!("by {grown} pages for 16 MiB"));
    expect_eq("a-frame-a-page", heap_frames() - frames_before, grown);
    // A hole in the middle goes back, and is not mapped any more.
    let hole = VirtAddr::from_ptr(blocks[3].as_ptr()) + MIB as u64;
    drop(blocks.remove(3));
    expect("hole-unmapped", kernel::translate(hole).is_none(), "a free block stays mapped");
    let trimmed = pages_before + grown - mapped_pages();
    expect("hole-trimmed", trimmed >= 400, format_args!("by {trimmed} pages for 2 MiB"));
    drop(blocks);
    let left = mapped_pages();
    expect("trimmed", left <= pages_before + 128, format_args!("{left} pages are still mapped"));
    expect_eq("frames-back", heap_frames() + pages_before, frames_before + left);
    audit();
}

fn classes() {
    let blocks: Vec<_> = (0..100).map(|number| alloc::boxed::Box::new([number; 25])).collect();
    let summary = audit();
    let class = summary.classes.iter().find(|class| class.block_bytes == 112);
    expect_eq("live", class.map(|class| class.live), Some(100));
    expect_eq("sum", blocks.iter().map(|block| block[24]).sum::<i32>(), 4950);
    drop(blocks);
    expect_eq("all-back", heap::statistics().used_bytes, 0);
}

fn alignment() {
    for align in (0..=21).map(|shift| 1 << shift) {
        let layout = layout(3 * align / 2 + 1, align);
        // SAFETY: the layout is not empty; the block is written within it and
        // freed once.
        unsafe {
            let block = alloc(layout);
            if block.is_null() || !block.addr().is_multiple_of(align) {
                expect("aligned", false, format_args!("{block:?} for {layout:?}"));
            }
            block.write_bytes(0xa1, layout.size());
            dealloc(block, layout);
        }
    }
    expect_eq("all-back", heap::statistics().used_bytes, 0);
    audit();
}

/// A vector that grows alone at the end of the heap never moves.
fn resize() {
    let mut numbers = Vec::<u64>::with_capacity(KIB);
    numbers.extend(0..KIB as u64);
    let at = numbers.as_ptr();
    for _ in 0..8 {
        let next = numbers.len() as u64;
        numbers.reserve_exact(numbers.len());
        numbers.extend(next..2 * next);
    }
    expect_eq("stayed", numbers.as_ptr(), at);
    let kept = numbers.iter().enumerate().all(|(index, &number)| number == index as u64);
    expect("kept", kept, "numbers changed");
    numbers.truncate(KIB);
    numbers.shrink_to_fit();
    expect_eq("shrunk", heap::statistics().used_bytes, 8 * KIB as u64);
    audit();
}

/// Takes all RAM in blocks of all sizes; the failure is an error, and afterwards
/// everything is as before.
fn exhausted() {
    warm_up(4 * MIB);
    for size in [64 * KIB, 4 * KIB, 100] {
        let frames_before = frames::statistics().used;
        let pages_before = mapped_pages();
        let mut list: *mut *mut u8 = core::ptr::null_mut();
        let mut blocks = 0_u64;
        let layout = layout(size, 8);
        loop {
            // SAFETY: the layout is not empty; a block holds the link.
            unsafe {
                let block = alloc(layout).cast::<*mut u8>();
                if block.is_null() {
                    break;
                }
                block.write(list.cast());
                list = block;
            }
            blocks += 1;
        }
        let free = frames::statistics().free();
        expect("used-up", free < 64 * KIB as u64 / PAGE_BYTES + 16, format_args!("{free} left"));
        let mut more = Vec::<u8>::new();
        expect("an-error", more.try_reserve_exact(MIB).is_err(), "memory from nowhere");
        audit();
        while !list.is_null() {
            // SAFETY: the list holds live blocks of this layout, each once.
            unsafe {
                let next = list.read().cast();
                dealloc(list.cast(), layout);
                list = next;
            }
            blocks -= 1;
        }
        expect_eq("all-freed", (blocks, heap::statistics().used_bytes), (0, 0));
        expect("recovered", more.try_reserve_exact(MIB).is_ok(), "the heap did not recover");
        drop(more);
        // What the heap keeps in reserve are frames, too; so are new page tables.
        let kept = (frames::statistics().used + pages_before)
            .saturating_sub(frames_before + mapped_pages());
        expect("frames-back", kept <= 40, format_args!("{kept} frames were kept"));
        audit();
    }
}

/// Starts the tick with a handler of ours and waits until it ran.
fn in_interrupt(handler: irq::Handler, ran: impl Fn() -> bool) {
    irq::init();
    pit::init();
    irq::enable(Line::TIMER, handler);
    let start = clock::now_ns();
    while !ran() {
        expect("ticked", clock::now_ns() - start < 5_000_000_000, "no tick in five seconds");
        interrupts::enable_and_hlt();
    }
    interrupts::disable();
}

/// A handler's requests are refused, whoever was interrupted; others go on.
fn refuses_interrupts() {
    static TICKS: AtomicU32 = AtomicU32::new(0);
    static REFUSED: AtomicU32 = AtomicU32::new(0);
    fn handler(_: &mut TrapFrame) {
        let mut numbers = Vec::<u64>::new();
        REFUSED.fetch_add(u32::from(numbers.try_reserve_exact(100).is_err()), Relaxed);
        TICKS.fetch_add(1, Relaxed);
    }
    let held = alloc::boxed::Box::new(7);
    let before = heap::statistics();
    in_interrupt(handler, || TICKS.load(Relaxed) >= 3);
    let ticks = TICKS.load(Relaxed);
    expect_eq("all-refused", REFUSED.load(Relaxed), ticks);
    let after = heap::statistics();
    expect_eq("counted", after.refused, u64::from(ticks));
    expect_eq("untouched", (after.allocations, *held), (before.allocations, 7));
    expect("works-again", Vec::<u64>::new().try_reserve_exact(100).is_ok(), "still refused");
    audit();
}

/// A block given back in a handler cannot be refused: the kernel ends and says so.
fn free_in_interrupt() {
    static BLOCK: AtomicU64 = AtomicU64::new(0);
    fn handler(_: &mut TrapFrame) {
        let block = core::ptr::with_exposed_provenance_mut::<u64>(BLOCK.load(Relaxed) as usize);
        // SAFETY: the box was leaked for this.
        drop(unsafe { alloc::boxed::Box::from_raw(block) });
    }
    let block = alloc::boxed::Box::into_raw(alloc::boxed::Box::new(1_u64));
    BLOCK.store(block.expose_provenance() as u64, Relaxed);
    in_interrupt(handler, || false);
}

/// The same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }

    fn size(&mut self) -> usize {
        match self.below(64) {
            0 => 8 + self.below(64 * KIB),
            1..8 => 8 + self.below(4089),
            _ => 8 + self.below(505),
        }
    }
}

/// A block that carries a mark at both ends: eight times the same byte, so that
/// the ends of a short block may overlap.
#[derive(Clone, Copy)]
struct Marked {
    block: *mut u8,
    size: usize,
    mark: u64,
}

impl Marked {
    const EMPTY: Self = Self { block: core::ptr::null_mut(), size: 0, mark: 0 };

    fn ends(&self) -> [*mut u64; 2] {
        [self.block.cast(), self.block.wrapping_add(self.size - size_of::<u64>()).cast()]
    }

    fn new(block: *mut u8, size: usize, mark: u64) -> Self {
        let new = Self { block, size, mark };
        // SAFETY: the block is ours and at least 8 bytes long.
        new.ends().into_iter().for_each(|end| unsafe { end.write_unaligned(mark) });
        new
    }

    fn check(&self, ends: usize) {
        let ends = &self.ends()[..ends];
        // SAFETY: as in `new`.
        let whole = ends.iter().all(|end| unsafe { end.read_unaligned() } == self.mark);
        if !whole {
            expect("marks", false, format_args!("a block of {} bytes changed", self.size));
        }
    }
}

/// A million operations of all kinds on up to 4096 blocks: no byte changes, and
/// in the end every byte and every frame is back.
fn soak() {
    const OPERATIONS: u64 = 1_000_000;
    const BLOCKS: usize = 4096;
    warm_up(32 * MIB);
    let (frames_before, pages_before) = (heap_frames(), mapped_pages());
    let mut blocks = Vec::from([Marked::EMPTY; BLOCKS]);
    let held = heap::statistics().used_bytes;
    let mut random = Random(0x5eed);
    for number in 0..OPERATIONS {
        let mark = number % 251 * 0x0101_0101_0101_0101;
        let slot = &mut blocks[random.below(BLOCKS)];
        let size = random.size();
        // SAFETY: each block is freed or resized with the layout it has, and its
        // slot says so from then on.
        unsafe {
            if slot.block.is_null() {
                *slot = Marked::new(alloc(layout(size, 8)), size, mark);
            } else if random.below(8) == 0 {
                let block = realloc(slot.block, layout(slot.size, 8), size);
                let resized = Marked { block, size: size.min(slot.size), mark: slot.mark };
                resized.check(1);
                *slot = Marked::new(block, size, mark);
            } else {
                slot.check(2);
                dealloc(slot.block, layout(slot.size, 8));
                *slot = Marked::EMPTY;
            }
        }
        if number % (OPERATIONS / 8) == 0 {
            audit();
        }
    }
    for slot in blocks.iter().filter(|slot| !slot.block.is_null()) {
        slot.check(2);
        // SAFETY: as above.
        unsafe { dealloc(slot.block, layout(slot.size, 8)) };
    }
    expect_eq("no-byte-lost", heap::statistics().used_bytes, held);
    drop(blocks);
    audit();
    expect_eq("all-served", heap::statistics().failures, 0);
    let kept = mapped_pages();
    expect_eq("no-frame-lost", heap_frames() + pages_before, frames_before + kept);
    expect("trimmed", kept < 1024, format_args!("{kept} pages are still mapped"));
}
