//! Numbers that look random and are the same in each build: SplitMix64 (Steele, Lea and
//! Flood, "Fast Splittable Pseudorandom Number Generators").

use x86_64::VirtAddr;

/// The generator, by its state.
pub struct Random(pub u64);

impl Random {
    /// The next word.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.word() % end
    }

    /// A canonical address.
    pub fn address(&mut self) -> VirtAddr {
        VirtAddr::new_truncate(self.word())
    }
}
