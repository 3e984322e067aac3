//! Pseudo-random numbers that are the same in every run.

/// Marsaglia's xorshift64 with the shifts 13, 7, 17 ("Xorshift RNGs", 2003):
/// three instructions' worth of state, good enough to shuffle a workload.
#[derive(Clone, Debug)]
pub struct Random(u64);

/// The seed of every workload.
const SEED: u64 = 0x4d79_7269_6120_6d31;

impl Default for Random {
    fn default() -> Self {
        Self(SEED)
    }
}

impl Random {
    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The bias is bound / 2⁶⁴.
        ((u128::from(self.0) * u128::from(bound)) >> 64) as u64
    }
}

/// The numbers below 2^`bits` in a shuffled order, without memory: multiplying by
/// an odd number and xoring with the upper half are both one-to-one.
pub fn shuffled(index: u64, bits: u32) -> u64 {
    const ODD: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9];
    let mask = (1 << bits) - 1;
    ODD.iter().fold(index, |value, odd| {
        let value = value.wrapping_mul(*odd) & mask;
        value ^ (value >> bits.div_ceil(2))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_below_their_bound_and_reach_its_ends() {
        let mut random = Random::default();
        let mut seen = [0u32; 10];
        for _ in 0..10_000 {
            seen[random.below(10) as usize] += 1;
        }
        assert!(seen.iter().all(|&count| (800..1200).contains(&count)), "{seen:?}");
    }

    #[test]
    fn shuffling_reaches_every_number_once() {
        for bits in [1, 7, 16] {
            let mut seen = vec![false; 1 << bits];
            for index in 0..1 << bits {
                let slot = &mut seen[shuffled(index, bits) as usize];
                assert!(!*slot, "{index} of 2^{bits}");
                *slot = true;
            }
        }
        let stays = (0..1 << 16).filter(|&index| shuffled(index, 16) == index).count();
        assert!(stays < 100, "{stays} numbers stay where they are");
    }
}
