//! A process's heap: one region that only grows.

use super::USER_HEAP;
use super::error::SpaceError;
use super::user_half::UserHalf;
use m1_memory::frames::FrameAllocator;
use m1_memory::layout::PAGE_BYTES;
use m1_memory::paging::access::Access;
use m1_memory::physical::PhysicalMemory;
use x86_64::VirtAddr;

impl<M: PhysicalMemory, F: FrameAllocator> UserHalf<M, F> {
    /// Makes the heap longer by `bytes`, rounded up to whole pages; returns the
    /// old end. All or nothing.
    pub fn grow_heap(&mut self, bytes: u64) -> Result<VirtAddr, SpaceError> {
        let start = self.heap_end;
        let left = USER_HEAP.end - start;
        let rounded = bytes.checked_next_multiple_of(PAGE_BYTES);
        let Some(rounded) = rounded.filter(|&rounded| rounded <= left) else {
            return Err(SpaceError::HeapFull { bytes, left });
        };
        let end = start + rounded;
        self.map_pages(start..end, Access::USER_DATA, |_, _| {})?;
        self.heap_end = end;
        Ok(start)
    }
}
