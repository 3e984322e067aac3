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
//!
//! A stack can carry the name of the thread that runs on it, so that a fault
//! report knows whose stack, or whose guard page, an address lies in.

use crate::frames::{FrameError, Purpose};
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

/// Who has which slot.
static TABLE: Mutex<Table> = Mutex::new(Table { taken: [0; SLOTS / 64], owners: [""; SLOTS] });

struct Table {
    /// One bit per slot, 1 for taken.
    taken: [u64; SLOTS / 64],
    /// The thread on each, "" for none.
    owners: [&'static str; SLOTS],
}

/// A kernel stack; unmapped and freed on drop.
#[derive(Debug)]
pub struct KernelStack {
    slot: usize,
}

/// A place in a kernel stack or in the guard page below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackPlace {
    /// The stack's number.
    pub number: usize,
    /// The thread that runs on it, if it was named.
    pub owner: Option<&'static str>,
    /// Whether this is the guard page.
    pub guard: bool,
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
        Self::named("")
    }

    /// Maps a new stack for the thread called `owner`.
    ///
    /// # Errors
    /// See [`StackError`]; nothing is left mapped then.
    pub fn named(owner: &'static str) -> Result<Self, StackError> {
        let slot = TABLE.lock().take(owner).ok_or(StackError::NoSlot)?;
        match kernel::populate(slot_range(slot), Access::KERNEL_DATA, Purpose::Stacks) {
            Ok(()) => Ok(Self { slot }),
            Err(error) => {
                TABLE.lock().release(slot);
                Err(match error {
                    PagingError::Frames(error) => StackError::Frames(error),
                    other => StackError::Paging(other),
                })
            }
        }
    }

    /// The mapped addresses; the guard page is the one below.
    pub fn range(&self) -> Range<VirtAddr> {
        slot_range(self.slot)
    }

    /// The address a stack pointer starts from.
    pub fn top(&self) -> VirtAddr {
        self.range().end
    }

    /// The stack's number, as [`place_of`] gives it.
    pub fn number(&self) -> usize {
        self.slot
    }
}

impl Drop for KernelStack {
    fn drop(&mut self) {
        // SAFETY: whoever owned the stack has dropped it, so nothing runs on it,
        // and its frames are mapped nowhere else but in the direct map.
        match unsafe { kernel::vacate(self.range()) } {
            Ok(()) => TABLE.lock().release(self.slot),
            // The slot stays taken: something is still mapped there.
            Err(error) => log::error!("kernel stack {} cannot be freed: {error}", self.slot),
        }
    }
}

/// The stack that `address` lies in, or in the guard page of. For fault reports:
/// None also if the table is just being changed.
pub fn place_of(address: VirtAddr) -> Option<StackPlace> {
    if !layout::STACKS.contains(&address) {
        return None;
    }
    let offset = address - layout::STACKS.start;
    let number = (offset / SLOT_BYTES) as usize;
    let table = TABLE.try_lock()?;
    if !table.is_taken(number) {
        return None;
    }
    let owner = table.owners.get(number).copied().filter(|owner| !owner.is_empty());
    Some(StackPlace { number, owner, guard: offset % SLOT_BYTES < PAGE_BYTES })
}

/// The number of the stack whose guard page holds `address`.
pub fn guard_at(address: VirtAddr) -> Option<usize> {
    place_of(address).filter(|place| place.guard).map(|place| place.number)
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

/// The mapped pages of a slot.
fn slot_range(slot: usize) -> Range<VirtAddr> {
    let start = layout::STACKS.start + (slot as u64 * SLOT_BYTES + PAGE_BYTES);
    start..start + STACK_BYTES
}

impl Table {
    fn take(&mut self, owner: &'static str) -> Option<usize> {
        let word = self.taken.iter().position(|&word| word != u64::MAX)?;
        let bit = self.taken[word].trailing_ones() as usize;
        self.taken[word] |= 1 << bit;
        let slot = word * 64 + bit;
        self.owners[slot] = owner;
        Some(slot)
    }

    fn release(&mut self, slot: usize) {
        self.taken[slot / 64] &= !(1 << (slot % 64));
    }

    fn is_taken(&self, slot: usize) -> bool {
        self.taken.get(slot / 64).is_some_and(|word| word & (1 << (slot % 64)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_page_knows_its_thread() {
        let slot = TABLE.lock().take("worker-1").expect("a slot");
        let bottom = slot_range(slot).start;
        let place = |guard| StackPlace { number: slot, owner: Some("worker-1"), guard };
        assert_eq!(place_of(bottom - 1u64), Some(place(true)));
        assert_eq!(place_of(bottom - PAGE_BYTES), Some(place(true)));
        assert_eq!(place_of(bottom), Some(place(false)));
        assert_eq!(place_of(bottom + (STACK_BYTES - 1)), Some(place(false)));
        TABLE.lock().release(slot);
        assert_eq!(place_of(bottom), None);
    }
}
