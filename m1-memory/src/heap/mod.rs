//! The kernel heap: what `alloc`'s collections allocate from.
//!
//! In the order of a request's way down:
//!
//! - this module: the kernel's one heap, behind a lock, as [`GlobalAlloc`]
//! - [`blocks`]: the algorithm as a whole, and its short way through the cache
//! - [`cache`]: the blocks freed last, at hand for the next requests
//! - [`classes`]: the sizes of small blocks
//! - `slabs`: the slabs of each class
//! - [`slab`]: pages cut into blocks of one size
//! - `large`: blocks that are runs of pages
//! - [`page_map`]: from an address to what its page is
//! - [`runs`] and [`bins`]: which pages are free, growing and trimming
//! - [`source`] and [`kernel_pages`]: memory behind the pages
//! - [`guard`]: what debug builds check
//! - [`mod@statistics`]: figures, and an audit of it all
//!
//! A request that cannot be met is a null pointer, which `Vec::try_reserve`
//! reports as an error.
//!
//! **Interrupt handlers must not use the heap**, and are told so: growing takes
//! the locks of frames and page tables, which the interrupted code may hold. A
//! request made while a handler runs is refused, always and not only when it
//! would hang (null, counted in [`Statistics::refused`]); a block given back
//! there cannot be refused, so it ends the kernel with a message.

pub mod bins;
pub mod blocks;
pub mod cache;
pub mod classes;
pub mod guard;
pub mod kernel_pages;
mod large;
pub mod page_map;
pub mod runs;
pub mod slab;
mod slabs;
pub mod source;
pub mod statistics;

#[cfg(test)]
mod tests;

use crate::layout;
use blocks::Heap;
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use guard::Violation;
use kernel_pages::KernelPages;
use m0_boot::irq;
use page_map::PAGE;
use spin::Mutex;
pub use statistics::{ClassStatistics, Statistics, Summary};

/// The heap's range.
const START: *mut u8 = layout::HEAP.start.as_u64() as *mut u8;
const PAGES: u32 = ((layout::HEAP.end.as_u64() - layout::HEAP.start.as_u64()) / PAGE as u64) as u32;

// SAFETY: the range is set aside for the heap in the layout, and `KernelPages`
// maps its pages.
static HEAP: Mutex<Heap<KernelPages>> = Mutex::new(unsafe { Heap::new(START, PAGES, KernelPages) });

/// The kernel's `GlobalAlloc`: a name for the one heap.
#[derive(Clone, Copy, Debug)]
pub struct KernelHeap;

/// Where `alloc` finds it. The host keeps its own.
#[cfg(target_os = "none")]
#[global_allocator]
static GLOBAL: KernelHeap = KernelHeap;

static REFUSED: AtomicU64 = AtomicU64::new(0);

// SAFETY: blocks come from `Heap`, which gives each byte out once, aligned;
// failure is null; the lock serialises callers.
unsafe impl GlobalAlloc for KernelHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if irq::in_handler() {
            return refuse();
        }
        // The lock is nearly always free. Going elsewhere if not, and not
        // coming back, spares this path from saving registers.
        match HEAP.try_lock() {
            Some(mut heap) => pointer(heap.allocate(layout)),
            None => alloc_after_waiting(layout),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if irq::in_handler() {
            stop();
        }
        // SAFETY: GlobalAlloc's contract is the heap's; blocks are not null.
        unsafe {
            let block = NonNull::new_unchecked(block);
            match HEAP.try_lock() {
                Some(mut heap) => heap.deallocate(block, layout),
                None => dealloc_after_waiting(block, layout),
            }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if irq::in_handler() {
            return refuse();
        }
        // SAFETY: as in `dealloc`.
        unsafe { pointer(HEAP.lock().reallocate(NonNull::new_unchecked(block), layout, new_size)) }
    }
}

#[inline(always)]
fn pointer(block: Option<NonNull<u8>>) -> *mut u8 {
    block.map_or(null_mut(), NonNull::as_ptr)
}

#[cold]
#[inline(never)]
fn alloc_after_waiting(layout: Layout) -> *mut u8 {
    pointer(HEAP.lock().allocate(layout))
}

/// # Safety
/// As for [`GlobalAlloc::dealloc`].
#[cold]
#[inline(never)]
unsafe fn dealloc_after_waiting(block: NonNull<u8>, layout: Layout) {
    // SAFETY: as the contract says.
    unsafe { HEAP.lock().deallocate(block, layout) }
}

#[cold]
#[inline(never)]
fn refuse() -> *mut u8 {
    REFUSED.fetch_add(1, Relaxed);
    null_mut()
}

#[cold]
#[inline(never)]
fn stop() -> ! {
    panic!("heap: an interrupt handler freed a block; it must leave that to other code");
}

/// Figures about the kernel heap.
pub fn statistics() -> Statistics {
    Statistics { refused: REFUSED.load(Relaxed), ..HEAP.lock().statistics() }
}

/// Checks the kernel heap's records, lists and free blocks, and adds up what is
/// in them.
///
/// # Errors
/// The first contradiction.
pub fn audit() -> Result<Summary, Violation> {
    HEAP.lock().audit()
}

/// Logs the figures: one line, and one for each class in use.
pub fn log_statistics() {
    let Statistics { mapped_bytes, used_bytes, peak_bytes, allocations, .. } = statistics();
    let mapped_kib = mapped_bytes / 1024;
    log::info!(
        "{used_bytes} bytes in use of {mapped_kib} KiB mapped, peak {peak_bytes} bytes, \
         {allocations} allocations"
    );
    match audit() {
        Err(violation) => log::error!("{violation}"),
        Ok(summary) => summary.classes.iter().filter(|class| class.live > 0).for_each(|class| {
            let ClassStatistics { block_bytes, slabs, live, capacity, .. } = *class;
            log::info!("{block_bytes:4}-byte blocks: {live} of {capacity} in {slabs} slabs");
        }),
    }
}
