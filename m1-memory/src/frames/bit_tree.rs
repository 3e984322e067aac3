//! A set of numbers that finds its largest or smallest member in a few steps.
//!
//! ```text
//! level 2    0000…0001                        1: the word below is not zero
//!                    |
//! level 1    0000…0101                        1: the word below is not zero
//!                 | |
//! level 0    …0110   …0001  one bit per number, 1: it is in the set
//!              ^^         ^
//!          members 130, 129, 0
//! ```
//!
//! Going down takes one word per level, so the way to a member costs the same
//! in a set of a hundred as in a set of 262 144 (64³). Beyond that the top level
//! has more words than one, and they are looked through in turn: two for the
//! chunks of 1 TiB.

use super::storage::Storage;

/// Bits of a word.
const BITS: usize = u64::BITS as usize;
const LEVELS: usize = 3;

/// The set; see the module's picture.
#[derive(Debug)]
pub struct BitTree<'m> {
    levels: [&'m mut [u64]; LEVELS],
}

impl<'m> BitTree<'m> {
    /// Words of storage for a set of numbers below `limit`.
    pub fn words_for(limit: usize) -> usize {
        lengths(limit).iter().sum()
    }

    /// An empty set of numbers below `limit`; `None` if `storage` is too small.
    pub fn new(limit: usize, storage: &mut Storage<'m>) -> Option<Self> {
        let [bottom, middle, top] = lengths(limit);
        let mut zeros = |words| storage.take_filled(words, 0);
        Some(Self { levels: [zeros(bottom)?, zeros(middle)?, zeros(top)?] })
    }

    /// Puts a number in. A number beyond the limit is left out.
    pub fn insert(&mut self, number: usize) {
        let mut index = number;
        for level in &mut self.levels {
            let Some(word) = level.get_mut(index / BITS) else { return };
            let before = *word;
            *word |= 1 << (index % BITS);
            if before != 0 {
                return; // the levels above know already
            }
            index /= BITS;
        }
    }

    /// Takes a number out, if it is in.
    pub fn remove(&mut self, number: usize) {
        let mut index = number;
        for level in &mut self.levels {
            let Some(word) = level.get_mut(index / BITS) else { return };
            *word &= !(1 << (index % BITS));
            if *word != 0 {
                return;
            }
            index /= BITS;
        }
    }

    /// The largest member.
    pub fn last(&self) -> Option<usize> {
        let top = self.levels[LEVELS - 1].iter().rposition(|&word| word != 0)?;
        self.descend(top, u64::ilog2)
    }

    /// The smallest member.
    pub fn first(&self) -> Option<usize> {
        let top = self.levels[LEVELS - 1].iter().position(|&word| word != 0)?;
        self.descend(top, u64::trailing_zeros)
    }

    /// From word `top` of the top level to a member; `choose` picks a bit of a
    /// word that is not zero.
    fn descend(&self, top: usize, choose: impl Fn(u64) -> u32) -> Option<usize> {
        self.levels.iter().rev().try_fold(top, |index, level| {
            let word = level.get(index).copied().filter(|&word| word != 0)?;
            Some(index * BITS + choose(word) as usize)
        })
    }

    /// The member that comes next at or after `from`. Looks at one word after
    /// the other, so it is for rare walks over the set.
    pub fn next(&self, from: usize) -> Option<usize> {
        let bottom = &self.levels[0];
        let first = bottom.get(from / BITS)? & (u64::MAX << (from % BITS));
        if first != 0 {
            return Some(from / BITS * BITS + first.trailing_zeros() as usize);
        }
        let rest = bottom.iter().enumerate().skip(from / BITS + 1);
        let (index, word) = rest.into_iter().find(|(_, word)| **word != 0)?;
        Some(index * BITS + word.trailing_zeros() as usize)
    }

    /// The first of `count` members in a row, aligned to `count` (a power of
    /// two) and all below `limit`: the highest such row. Rare, so it looks at
    /// one row after the other, between the largest member and the smallest.
    pub fn row(&self, count: usize, limit: usize) -> Option<usize> {
        let bottom = &self.levels[0];
        let (first, last) = (self.first()?, self.last()?);
        let rows = first / count..limit.min(last + 1) / count;
        rows.rev().map(|row| row * count).find(|&first| {
            if count < BITS {
                let wanted = ((1 << count) - 1) << (first % BITS);
                bottom[first / BITS] & wanted == wanted
            } else {
                bottom[first / BITS..][..count / BITS].iter().all(|&word| word == u64::MAX)
            }
        })
    }
}

/// Words of each level, lowest first.
fn lengths(limit: usize) -> [usize; LEVELS] {
    let bottom = limit.div_ceil(BITS);
    let middle = bottom.div_ceil(BITS);
    [bottom, middle, middle.div_ceil(BITS)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::MaybeUninit;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Chunks of 1 TiB; fewer for Miri, which interprets.
    const LARGEST: usize = if cfg!(miri) { 1 << 13 } else { 1 << 19 };

    fn with_set<T>(limit: usize, action: impl FnOnce(&mut BitTree) -> T) -> T {
        let mut words = vec![MaybeUninit::uninit(); BitTree::words_for(limit)];
        let mut set = BitTree::new(limit, &mut Storage::new(&mut words)).expect("enough words");
        action(&mut set)
    }

    #[test]
    fn too_little_storage_is_refused() {
        let mut words = vec![MaybeUninit::uninit(); BitTree::words_for(1000) - 1];
        assert!(BitTree::new(1000, &mut Storage::new(&mut words)).is_none());
    }

    #[test]
    fn finds_the_only_member_wherever_it_is() {
        with_set(LARGEST, |set| {
            for number in [0, 1, 63, 64, 4095, 4096, LARGEST / 2, LARGEST - 1] {
                set.insert(number);
                assert_eq!((set.first(), set.last()), (Some(number), Some(number)));
                assert_eq!(set.next(0), Some(number));
                assert_eq!(set.next(number + 1), None);
                set.remove(number);
                assert_eq!((set.first(), set.last(), set.next(0)), (None, None, None));
            }
        });
    }

    #[test]
    fn rows_are_aligned_and_complete() {
        with_set(512, |set| {
            (1..8).for_each(|number| set.insert(number));
            assert_eq!(set.row(4, 512), Some(4));
            assert_eq!(set.row(4, 7), None);
            assert_eq!(set.row(2, 7), Some(4));
            assert_eq!(set.row(8, 512), None);
            (128..384).for_each(|number| set.insert(number));
            assert_eq!(set.row(128, 512), Some(256));
            assert_eq!(set.row(128, 383), Some(128));
            assert_eq!(set.row(256, 512), None);
        });
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 256 }))]

        #[test]
        fn agrees_with_a_set(
            steps in prop::collection::vec(
                (any::<bool>(), 0usize..700), 1..if cfg!(miri) { 20 } else { 300 })
        ) {
            with_set(640, |set| {
                let mut model = BTreeSet::new();
                for (insert, number) in steps {
                    if insert {
                        set.insert(number);
                        model.extend((number < 640).then_some(number));
                    } else {
                        set.remove(number);
                        model.remove(&number);
                    }
                    prop_assert_eq!(set.first(), model.first().copied());
                    prop_assert_eq!(set.last(), model.last().copied());
                    prop_assert_eq!(set.next(number), model.range(number..).next().copied());
                }
                Ok(())
            })?;
        }
    }
}
