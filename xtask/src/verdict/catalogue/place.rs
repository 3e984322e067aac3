//! Virtual addresses by what they mean, as the kernels lay out their address space
//! (`m1-memory/src/layout.rs`).

use crate::symbolise::{Section, Symbols};
use serde::Deserialize;

/// What an address says about the mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The first page: a null pointer, or a small offset from one.
    Null,
    /// The rest of the lower half, that of user programs.
    User,
    /// Between the halves.
    NonCanonical,
    DirectMap,
    KernelText,
    KernelConstants,
    KernelData,
    Heap,
    /// The kernel stacks and the guard pages between them.
    Stacks,
    /// The page below a kernel stack.
    Guard,
    /// Anything else of the upper half.
    Unused,
}

const PAGE_BYTES: u64 = 0x1000;
const LOWER_HALF_END: u64 = 0x0000_8000_0000_0000;
const UPPER_HALF: u64 = 0xffff_8000_0000_0000;
const DIRECT_MAP_END: u64 = 0xffff_c000_0000_0000;
const HEAP: u64 = 0xffff_ffff_a000_0000;
const STACKS: u64 = 0xffff_ffff_c000_0000;
const STACKS_END: u64 = 0xffff_ffff_e000_0000;
/// A guard page and the 16 pages of the stack above it (`m1-memory/src/stack.rs`).
const STACK_SLOT: u64 = 17 * PAGE_BYTES;

/// All that can be said about `address`, if anything.
pub fn classify(address: u64, symbols: &Symbols) -> Vec<Place> {
    match address {
        0..PAGE_BYTES => vec![Place::Null],
        PAGE_BYTES..LOWER_HALF_END => vec![Place::User],
        LOWER_HALF_END..UPPER_HALF => vec![Place::NonCanonical],
        UPPER_HALF..DIRECT_MAP_END => vec![Place::DirectMap],
        HEAP..STACKS => vec![Place::Heap],
        STACKS..STACKS_END if (address - STACKS) % STACK_SLOT < PAGE_BYTES => {
            vec![Place::Stacks, Place::Guard]
        }
        STACKS..STACKS_END => vec![Place::Stacks],
        _ => vec![match symbols.section(address) {
            Some(Section::Text) => Place::KernelText,
            Some(Section::Constants) => Place::KernelConstants,
            Some(Section::Data) => Place::KernelData,
            None => Place::Unused,
        }],
    }
}

/// Whether no page can have this address: bits 63 to 47 differ.
pub fn is_non_canonical(address: u64) -> bool {
    (LOWER_HALF_END..UPPER_HALF).contains(&address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_classified() {
        let of = |address| classify(address, &Symbols::none());
        assert_eq!(of(0x18), [Place::Null]);
        assert_eq!(of(0x40_0000), [Place::User]);
        assert_eq!(of(1 << 63), [Place::NonCanonical]);
        assert_eq!(of(0xffff_8000_0000_0000), [Place::DirectMap]);
        assert_eq!(of(0xffff_ffff_c001_1ff8), [Place::Stacks, Place::Guard]);
        assert_eq!(of(0xffff_ffff_c001_2000), [Place::Stacks]);
        assert_eq!(of(0xffff_ff00_dead_b000), [Place::Unused]);
    }

    /// The kernels' own layout, which xtask does not link.
    #[test]
    fn the_layout_is_the_kernels() {
        let layout = include_str!("../../../../m1-memory/src/layout.rs");
        for line in [
            "DIRECT_MAP_END: VirtAddr = VirtAddr::new_truncate(0xffff_c000_0000_0000)",
            "HEAP: Range<VirtAddr> = range(0xffff_ffff_a000_0000, 0xffff_ffff_c000_0000)",
            "STACKS: Range<VirtAddr> = range(0xffff_ffff_c000_0000, 0xffff_ffff_e000_0000)",
        ] {
            assert!(layout.contains(line), "{line}");
        }
        let stack = include_str!("../../../../m1-memory/src/stack.rs");
        assert!(stack.contains("STACK_PAGES: u64 = 16;"));
    }
}
