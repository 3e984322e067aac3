//! Kernel stacks, each with an unmapped guard page below it.
//!
//! ```text
//!   slot n+1  | guard |
//!             +-------+ <- top of stack n, 16-byte aligned
//!   slot n    | stack |   16 pages, RW NX
//!             |       |
//!             +-------+
//!             | guard |   1 page, not mapped: an overflow is a page fault
//!             +-------+ <- layout::STACKS.start + n × 17 pages
//! ```

use crate::frames::{FrameAllocator, FrameError, KernelFrames, Purpose};
use crate::layout::{self, PAGE_BYTES};
use crate::paging::access::Access;
use crate::paging::kernel;
use crate::paging::mapper::PagingError;
use core::arch::naked_asm;
use core::fmt;
use core::ops::Range;
use spin::Mutex;
use x86_64::VirtAddr;

/// Pages of one stack, without its guard.
pub const STACK_PAGES: u64 = 16;
/// Bytes of one stack, without its guard.
pub const STACK_BYTES: u64 = STACK_PAGES * PAGE_BYTES;
const SLOT_BYTES: u64 = STACK_BYTES + PAGE_BYTES;
/// Slots we hand out; the region would hold more.
const SLOTS: usize = 4096;
const _: () = {
    let room = layout::STACKS.end.as_u64() - layout::STACKS.start.as_u64();
    assert!(SLOTS as u64 * SLOT_BYTES <= room);
};

/// One bit per slot, 1 for taken.
static TAKEN: Mutex<[u64; SLOTS / 64]> = Mutex::new([0; SLOTS / 64]);

/// A kernel stack; unmapped and freed on drop.
#[derive(Debug)]
pub struct KernelStack {
    slot: usize,
}

/// Why there is no stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackError {
    /// All slots are taken.
    NoSlot,
    /// No memory for it.
    Frames(FrameError),
    /// It could not be mapped.
    Paging(PagingError),
}

impl fmt::Display for StackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSlot => write!(f, "all {SLOTS} kernel stacks are in use"),
            Self::Frames(error) => write!(f, "no kernel stack: {error}"),
            Self::Paging(error) => write!(f, "no kernel stack: {error}"),
        }
    }
}

impl KernelStack {
    /// Maps a new stack.
    ///
    /// # Errors
    /// See [`StackError`]; nothing is left mapped then.
    pub fn new() -> Result<Self, StackError> {
        let slot = take_slot().ok_or(StackError::NoSlot)?;
        let stack = Self { slot };
        let mut address = stack.range().start;
        while address < stack.range().end {
            // On an error, dropping `stack` unmaps the pages mapped so far.
            let frame = KernelFrames.allocate_for(Purpose::Stacks).map_err(StackError::Frames)?;
            if let Err(error) = kernel::map(address, frame, Access::KERNEL_DATA) {
                // SAFETY: the frame was just allocated and is mapped nowhere.
                let freed = unsafe { KernelFrames.free(frame) };
                debug_assert_eq!(freed, Ok(()));
                return Err(StackError::Paging(error));
            }
            address += PAGE_BYTES;
        }
        Ok(stack)
    }

    /// The mapped addresses; the guard page is the one below.
    pub fn range(&self) -> Range<VirtAddr> {
        let start = slot_start(self.slot) + PAGE_BYTES;
        start..start + STACK_BYTES
    }

    /// The address a stack pointer starts from.
    pub fn top(&self) -> VirtAddr {
        self.range().end
    }

    /// The stack's number, as [`guard_at`] names it.
    pub fn number(&self) -> usize {
        self.slot
    }
}

impl Drop for KernelStack {
    fn drop(&mut self) {
        let mut address = self.range().start;
        while address < self.range().end {
            // SAFETY: whoever owned the stack has dropped it, so nothing runs
            // on it. A stack whose construction failed has unmapped pages;
            // those are skipped.
            if let Ok(frame) = unsafe { kernel::unmap(address) } {
                // SAFETY: the frame is mapped nowhere else.
                let freed = unsafe { KernelFrames.free(frame) };
                debug_assert_eq!(freed, Ok(()));
            }
            address += PAGE_BYTES;
        }
        TAKEN.lock()[self.slot / 64] &= !(1 << (self.slot % 64));
    }
}

/// The number of the stack whose guard page holds `address`.
pub fn guard_at(address: VirtAddr) -> Option<usize> {
    if !layout::STACKS.contains(&address) {
        return None;
    }
    let offset = address - layout::STACKS.start;
    let slot = (offset / SLOT_BYTES) as usize;
    let taken = slot < SLOTS && TAKEN.try_lock()?[slot / 64] & (1 << (slot % 64)) != 0;
    (taken && offset % SLOT_BYTES < PAGE_BYTES).then_some(slot)
}

/// Goes on in `next` on `stack`, leaving the current stack for good.
///
/// The stack is never freed: the boot stack of a kernel lives as long as it.
pub fn continue_on(stack: KernelStack, next: extern "C" fn() -> !) -> ! {
    let top = stack.top();
    core::mem::forget(stack);
    // SAFETY: the stack is mapped, ours, and its top is 16-byte aligned.
    unsafe { switch(top, next) }
}

/// Sets RSP and calls `next` with an empty chain of frames (RBP = 0), so that
/// backtraces end there.
///
/// # Safety
/// `top` is the 16-byte aligned end of a mapped stack that nobody uses.
#[unsafe(naked)]
unsafe extern "C" fn switch(top: VirtAddr, next: extern "C" fn() -> !) -> ! {
    naked_asm!(
        "mov rsp, rdi",
        "xor ebp, ebp",
        "call rsi", // pushes a return address, as the ABI expects at entry
        "ud2",      // `next` does not return
    )
}

fn slot_start(slot: usize) -> VirtAddr {
    layout::STACKS.start + slot as u64 * SLOT_BYTES
}

fn take_slot() -> Option<usize> {
    let mut taken = TAKEN.lock();
    let word = taken.iter().position(|&word| word != u64::MAX)?;
    let bit = taken[word].trailing_ones() as usize;
    taken[word] |= 1 << bit;
    Some(word * 64 + bit)
}
