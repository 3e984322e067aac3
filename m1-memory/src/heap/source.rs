//! Where a heap gets its memory from.
//!
//! The heap decides about addresses, a [`PageSource`] puts memory behind them:
//! in the kernel frames, through the page tables; in tests and measurements a
//! buffer that is there from the start.

use super::page_map::Run;

/// There is no memory for the pages asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

/// Memory for the pages of a heap's range.
///
/// # Safety
/// After `map` has succeeded, and until `unmap`, the pages can be read and
/// written and are nobody else's.
pub unsafe trait PageSource {
    /// Puts memory behind all pages of the run, or, failing that, behind none.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    fn map(&mut self, run: Run) -> Result<(), OutOfMemory>;

    /// Takes the memory behind the pages back.
    ///
    /// # Safety
    /// They were mapped, and nothing uses them any more.
    unsafe fn unmap(&mut self, run: Run);
}

/// A range that has memory behind every page from the start, such as a buffer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Buffer;

// SAFETY: who makes a heap over such a source vouches for the whole range
// (`Heap::new`).
unsafe impl PageSource for Buffer {
    fn map(&mut self, _run: Run) -> Result<(), OutOfMemory> {
        Ok(())
    }

    unsafe fn unmap(&mut self, _run: Run) {}
}
