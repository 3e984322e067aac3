//! What makes a system call leave the fast path: one word, tested once a call.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Calls are traced.
pub(crate) const TRACE: u64 = 1 << 0;
/// A process has run out of time while it was in a system call.
pub(crate) const OUT_OF_TIME: u64 = 1 << 1;

static BITS: AtomicU64 = AtomicU64::new(0);

/// Sets or clears a bit. Interrupt handlers may do that.
pub(crate) fn set(bit: u64, on: bool) {
    if on {
        BITS.fetch_or(bit, Relaxed);
    } else {
        BITS.fetch_and(!bit, Relaxed);
    }
}

/// All bits.
#[inline]
pub(crate) fn bits() -> u64 {
    BITS.load(Relaxed)
}
