//! Memory for the kernel heap's pages: frames, mapped where the heap wants them.

use super::page_map::{PAGE, Page, Run};
use super::source::{OutOfMemory, PageSource};
use crate::frames::{self, FrameAllocator, KernelFrames, Purpose};
use crate::layout;
use crate::paging::access::Access;
use crate::paging::kernel;
use x86_64::VirtAddr;
use x86_64::structures::paging::PhysFrame;

/// Frames behind the pages of [`layout::HEAP`].
#[derive(Clone, Copy, Debug)]
pub struct KernelPages;

// SAFETY: a page is mapped, read-write, to a frame of its own; the range is the
// heap's alone.
unsafe impl PageSource for KernelPages {
    fn map(&mut self, run: Run) -> Result<(), OutOfMemory> {
        // Refusing what cannot succeed spares mapping and unmapping all of RAM.
        if u64::from(run.pages) > frames::statistics().free() {
            return Err(OutOfMemory);
        }
        for done in 0..run.pages {
            if map_page(address(run.first.plus(done))).is_err() {
                let (mapped, _) = run.split(done);
                // SAFETY: mapped just now and used by nobody.
                unsafe { self.unmap(mapped) };
                return Err(OutOfMemory);
            }
        }
        Ok(())
    }

    unsafe fn unmap(&mut self, run: Run) {
        for done in 0..run.pages {
            // SAFETY: the heap uses the page no more (contract).
            let unmapped = unsafe { kernel::unmap(address(run.first.plus(done))) };
            debug_assert!(unmapped.is_ok(), "{unmapped:?}");
            if let Ok(frame) = unmapped {
                give_back(frame);
            }
        }
    }
}

fn address(page: Page) -> VirtAddr {
    layout::HEAP.start + u64::from(page.0) * PAGE as u64
}

/// Maps a page to a new frame.
fn map_page(address: VirtAddr) -> Result<(), OutOfMemory> {
    let frame = KernelFrames.allocate_for(Purpose::Heap).map_err(|_| OutOfMemory)?;
    kernel::map(address, frame, Access::KERNEL_DATA).map_err(|_| {
        give_back(frame);
        OutOfMemory
    })
}

fn give_back(frame: PhysFrame) {
    // SAFETY: the frame came from `map_page` and is mapped nowhere.
    let freed = unsafe { KernelFrames.free(frame) };
    debug_assert_eq!(freed, Ok(()));
}
