//! The kernel heap: what `alloc`'s collections allocate from.
//!
//! [`free_list::FreeList`] is the algorithm. This module gives it the range
//! [`layout::HEAP`], maps more pages when a request does not fit, and keeps
//! statistics. A request that cannot be met is a null pointer, which
//! `Vec::try_reserve` reports as an error. Interrupt handlers must not allocate.

pub mod free_list;

use crate::frames::{FrameAllocator, FrameError, KernelFrames, Purpose};
use crate::layout::{self, PAGE_BYTES};
use crate::paging::access::Access;
use crate::paging::kernel;
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};
use free_list::{FreeList, block_bytes};
use spin::Mutex;
use x86_64::VirtAddr;
use x86_64::structures::paging::PhysFrame;

/// The heap grows by at least this much.
const GROWTH_BYTES: u64 = 64 * 1024;

/// Figures about the heap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Bytes mapped.
    pub mapped_bytes: u64,
    /// Bytes in allocated blocks, rounded to the heap's grain.
    pub used_bytes: u64,
    /// Most of them at a time.
    pub peak_bytes: u64,
    /// Blocks allocated since boot.
    pub allocations: u64,
    /// Requests that could not be met.
    pub failures: u64,
}

/// Logs the figures in one line.
pub fn log_statistics() {
    let Statistics { mapped_bytes, used_bytes, peak_bytes, allocations, .. } = statistics();
    let mapped_kib = mapped_bytes / 1024;
    log::info!(
        "{used_bytes} bytes in use of {mapped_kib} KiB mapped, peak {peak_bytes} bytes, \
         {allocations} allocations"
    );
}

struct Heap {
    list: FreeList,
    end: VirtAddr,
    statistics: Statistics,
}

/// The kernel's `GlobalAlloc`.
pub struct KernelHeap(Mutex<Heap>);

#[cfg_attr(target_os = "none", global_allocator)]
static HEAP: KernelHeap = KernelHeap(Mutex::new(Heap {
    list: FreeList::new(),
    end: layout::HEAP.start,
    statistics: Statistics {
        mapped_bytes: 0,
        used_bytes: 0,
        peak_bytes: 0,
        allocations: 0,
        failures: 0,
    },
}));

/// Figures about the heap.
pub fn statistics() -> Statistics {
    HEAP.0.lock().statistics
}

// SAFETY: blocks come from `FreeList`, which gives each byte out once, aligned;
// failure is null; the lock serialises callers.
unsafe impl GlobalAlloc for KernelHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.0.lock().allocate(layout).map_or(null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(block) = NonNull::new(block) {
            let mut heap = self.0.lock();
            // SAFETY: GlobalAlloc's contract is FreeList's.
            unsafe { heap.list.deallocate(block, layout) };
            heap.count_used();
        }
    }
}

impl Heap {
    fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let block = self.list.allocate(layout).or_else(|| {
            // Alignment may cost up to `align` bytes in front of the block.
            let needed = block_bytes(layout)?.checked_add(layout.align())?;
            self.grow(needed as u64)?;
            self.list.allocate(layout)
        });
        match block {
            Some(_) => self.statistics.allocations += 1,
            None => self.statistics.failures += 1,
        }
        self.count_used();
        block
    }

    fn count_used(&mut self) {
        let statistics = &mut self.statistics;
        statistics.used_bytes = statistics.mapped_bytes - self.list.free_bytes() as u64;
        statistics.peak_bytes = statistics.peak_bytes.max(statistics.used_bytes);
    }

    /// Maps at least `bytes` more at the end of the heap, or, if memory runs out
    /// on the way, nothing.
    fn grow(&mut self, bytes: u64) -> Option<()> {
        let bytes = bytes.max(GROWTH_BYTES).checked_next_multiple_of(PAGE_BYTES)?;
        if bytes > layout::HEAP.end - self.end {
            return None;
        }
        let start = self.end;
        for offset in (0..bytes).step_by(PAGE_BYTES as usize) {
            if map_page(start + offset).is_err() {
                (0..offset)
                    .step_by(PAGE_BYTES as usize)
                    .for_each(|mapped| unmap_page(start + mapped));
                return None;
            }
        }
        self.end += bytes;
        self.statistics.mapped_bytes += bytes;
        // SAFETY: these pages were just mapped, read-write, for the heap.
        unsafe { self.list.add(NonNull::new(start.as_mut_ptr())?, bytes as usize) };
        Some(())
    }
}

/// Maps one more page of the heap to a new frame.
fn map_page(address: VirtAddr) -> Result<(), FrameError> {
    let frame = KernelFrames.allocate_for(Purpose::Heap)?;
    kernel::map(address, frame, Access::KERNEL_DATA).map_err(|_| {
        give_back(frame);
        FrameError::OutOfMemory
    })
}

/// Undoes [`map_page`] for a page that holds no block yet.
fn unmap_page(address: VirtAddr) {
    // SAFETY: the page was mapped by this growth and not handed to anyone.
    if let Ok(frame) = unsafe { kernel::unmap(address) } {
        give_back(frame);
    }
}

fn give_back(frame: PhysFrame) {
    // SAFETY: the frame came from `map_page` and is mapped nowhere.
    let freed = unsafe { KernelFrames.free(frame) };
    debug_assert_eq!(freed, Ok(()));
}
