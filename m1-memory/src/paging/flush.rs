//! Telling the CPU's TLB that translations have changed.
//!
//! The TLB keeps translations for as long as it likes; after a change of the
//! tables the CPU goes on using what it remembers until it is told (Intel SDM
//! Vol. 3A, 5.10.4 "Invalidation of TLBs and Paging-Structure Caches"). Every
//! change therefore returns a [`Flush`] that must be used:
//!
//! ```text
//!   unmap(a) -> Flush [a]                    now(): INVLPG a
//!   unmap(b) -> Flush [b]    join: [a .. b]  now(): INVLPG each page, or, past
//!   …                                        MOST_SINGLE_PAGES, the whole TLB
//! ```
//!
//! Joining keeps the range from the lowest to the highest page. That may name
//! pages that did not change, which costs a TLB miss and harms nothing.

use crate::layout::PAGE_BYTES;
use x86_64::VirtAddr;

/// Most pages that are flushed one by one. An INVLPG and the miss it causes cost
/// some hundred cycles, refilling a whole TLB some thousands.
pub const MOST_SINGLE_PAGES: u64 = 32;

/// The TLB may still hold old translations of a range of pages.
#[must_use = "the CPU goes on using the old translation until it is flushed"]
#[derive(Debug, PartialEq, Eq)]
pub struct Flush {
    first: VirtAddr,
    pages: u64,
}

impl Flush {
    /// Nothing to flush; the start of a batch.
    pub const NOTHING: Self = Self { first: VirtAddr::zero(), pages: 0 };

    #[inline]
    pub(super) const fn page(address: VirtAddr) -> Self {
        Self { first: address, pages: 1 }
    }

    pub(super) const fn range(first: VirtAddr, bytes: u64) -> Self {
        Self { first, pages: bytes / PAGE_BYTES }
    }

    /// Both as one.
    pub fn join(self, other: Self) -> Self {
        if self.pages == 0 {
            return other;
        }
        if other.pages == 0 {
            return self;
        }
        let first = self.first.min(other.first);
        let last = self.last().max(other.last());
        Self { first, pages: (last.as_u64() - first.as_u64()) / PAGE_BYTES + 1 }
    }

    /// Makes the CPU forget the old translations.
    #[inline]
    pub fn now(self) {
        if self.pages == 1 {
            return invalidate_page(self.first);
        }
        self.several();
    }

    #[inline(never)]
    fn several(self) {
        if self.pages > MOST_SINGLE_PAGES {
            return invalidate_all();
        }
        for number in 0..self.pages {
            invalidate_page(VirtAddr::new_truncate(self.first.as_u64() + number * PAGE_BYTES));
        }
    }

    /// For tables that are not loaded, or addresses that had no translation.
    #[inline]
    pub fn not_needed(self) {}

    /// Whether `address` is among what will be flushed.
    pub fn covers(&self, address: VirtAddr) -> bool {
        self.pages > 0 && (self.first..=self.last()).contains(&address.align_down(PAGE_BYTES))
    }

    /// The last page.
    fn last(&self) -> VirtAddr {
        VirtAddr::new_truncate(self.first.as_u64() + self.pages.saturating_sub(1) * PAGE_BYTES)
    }
}

/// Makes the CPU forget one page, and all upper-level entries it has cached:
/// INVLPG drops those whatever its address (SDM, as above, 5.10.4.1 "Operations
/// that Invalidate TLBs and Paging-Structure Caches"; AMD APM Vol. 2, 5.5.2
/// "TLB Management" says the same as long as EFER.TCE is 0).
#[inline]
pub(super) fn invalidate_page(address: VirtAddr) {
    // Over simulated memory there is no TLB, and INVLPG is for ring 0.
    #[cfg(target_os = "none")]
    x86_64::instructions::tlb::flush(address);
    #[cfg(not(target_os = "none"))]
    let _ = address;
}

/// Makes the CPU forget everything, global pages too: a change of CR4.PGE does
/// that, a change of CR3 spares the global ones (SDM, as above).
pub fn invalidate_all() {
    #[cfg(target_os = "none")]
    {
        use x86_64::registers::control::{Cr4, Cr4Flags};
        let cr4 = Cr4::read();
        // SAFETY: PGE changes what the TLB keeps, never what an address means.
        unsafe {
            Cr4::write(cr4 ^ Cr4Flags::PAGE_GLOBAL);
            Cr4::write(cr4);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(number: u64) -> Flush {
        Flush::page(VirtAddr::new(number * PAGE_BYTES))
    }

    #[test]
    fn a_batch_covers_all_its_pages() {
        let batch = Flush::NOTHING.join(page(7)).join(page(3)).join(Flush::NOTHING);
        assert_eq!((batch.first.as_u64(), batch.pages), (3 * PAGE_BYTES, 5));
        for number in [3, 7] {
            assert!(batch.covers(VirtAddr::new(number * PAGE_BYTES + 8)));
        }
        assert!(!batch.covers(VirtAddr::new(8 * PAGE_BYTES)));
        assert!(!Flush::NOTHING.covers(VirtAddr::zero()));
        batch.not_needed();
    }

    #[test]
    fn the_whole_address_space_is_a_batch_too() {
        let last = Flush::page(VirtAddr::new(0xffff_ffff_ffff_f000));
        let all = page(0).join(last);
        assert!(all.pages > MOST_SINGLE_PAGES && all.covers(VirtAddr::new(0x1000)));
        all.not_needed();
    }
}
