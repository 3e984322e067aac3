//! The kernel's heap as the bench drives it: through `GlobalAlloc`, lock and
//! growth included.

use super::HeapBench;
use crate::counter::Counter;
use crate::report::Report;
use core::alloc::{GlobalAlloc, Layout};
use m1_memory::layout::PAGE_BYTES;
use m1_memory::{frames, heap};

/// The kernel's heap.
struct KernelHeap {
    /// Frames in use when nothing was allocated.
    frames_before: u64,
}

/// Measures the kernel's heap.
pub fn measure(counter: Counter) {
    log::info!("heap: the kernel's");
    let mut table = super::table();
    let mut heap = KernelHeap { frames_before: frames::statistics().used };
    super::measure(&mut heap, &mut table, counter, Report::OURS);
}

// SAFETY: blocks come from the global allocator.
unsafe impl HeapBench for KernelHeap {
    #[inline(always)]
    fn allocate(&mut self, layout: Layout) -> *mut u8 {
        // SAFETY: no workload asks for a block of size zero.
        unsafe { heap::KernelHeap.alloc(layout) }
    }

    #[inline(always)]
    unsafe fn deallocate(&mut self, block: *mut u8, layout: Layout) {
        // SAFETY: caller's contract.
        unsafe { heap::KernelHeap.dealloc(block, layout) }
    }

    fn occupied_bytes(&self) -> u64 {
        (frames::statistics().used - self.frames_before) * PAGE_BYTES
    }
}
