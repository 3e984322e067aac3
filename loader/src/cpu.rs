//! What the CPU can do, by CPUID (Intel SDM, vol. 2A, "CPUID—CPU
//! Identification").

use core::arch::x86_64::__cpuid;

use crate::paging::PagingFeatures;

/// Leaf 1, EDX: Page Attribute Table.
const PAT: u32 = 1 << 16;
/// Leaf 0x8000_0001, EDX: execute-disable bit and 1 GiB pages.
const NO_EXECUTE: u32 = 1 << 20;
const GIB_PAGES: u32 = 1 << 26;

const BASIC: u32 = 1;
const EXTENDED: u32 = 0x8000_0000;
const EXTENDED_FEATURES: u32 = 0x8000_0001;

/// Asks the CPU.
pub fn features() -> PagingFeatures {
    let basic = leaf(BASIC);
    let extended = match leaf(EXTENDED).0 {
        highest if highest >= EXTENDED_FEATURES => leaf(EXTENDED_FEATURES).1,
        _ => 0,
    };
    PagingFeatures {
        no_execute: extended & NO_EXECUTE != 0,
        gib_pages: extended & GIB_PAGES != 0,
        pat: basic.1 & PAT != 0,
    }
}

/// EAX and EDX of a leaf.
fn leaf(number: u32) -> (u32, u32) {
    let answer = __cpuid(number);
    (answer.eax, answer.edx)
}
