//! Many counts of one operation, and what is said of them.

use arrayvec::ArrayVec;

/// Most counts of one operation.
pub const CAPACITY: usize = 16 * 1024;

/// Counts of one operation. Lives in a `static`: it is too large for a stack.
pub struct Samples {
    counts: ArrayVec<u32, CAPACITY>,
}

/// What is said of counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The least.
    pub min: u32,
    /// Half of all counts are no larger.
    pub median: u32,
    /// 99 of 100 counts are no larger.
    pub p99: u32,
    /// The greatest.
    pub max: u32,
}

impl Default for Samples {
    fn default() -> Self {
        Self::new()
    }
}

impl Samples {
    /// No counts.
    pub const fn new() -> Self {
        Self { counts: ArrayVec::new_const() }
    }

    /// Forgets all counts.
    pub fn clear(&mut self) {
        self.counts.clear();
    }

    /// Adds a count.
    ///
    /// # Panics
    /// If there are [`CAPACITY`] already: a workload must not measure more than
    /// it reports.
    pub fn add(&mut self, count: u32) {
        self.counts.push(count);
    }

    /// How many counts there are.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Sorts the counts and sums them up; `None` if there are none.
    pub fn summary(&mut self) -> Option<Summary> {
        self.counts.sort_unstable();
        let (&min, &max) = (self.counts.first()?, self.counts.last()?);
        // Nearest rank: the least count that so many of all are no larger than.
        let rank = |percent: usize| self.counts[(self.counts.len() * percent).div_ceil(100) - 1];
        Some(Summary { min, median: rank(50), p99: rank(99), max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(counts: impl IntoIterator<Item = u32>) -> Option<Summary> {
        let mut samples = Box::new(Samples::new());
        counts.into_iter().for_each(|count| samples.add(count));
        samples.summary()
    }

    #[test]
    fn ranks_are_nearest_ranks() {
        let expected = Summary { min: 1, median: 50, p99: 99, max: 100 };
        assert_eq!(summary((1..=100).rev()), Some(expected));
        let outlier = Summary { min: 5, median: 5, p99: 5, max: 900 };
        assert_eq!(summary(core::iter::repeat_n(5, 999).chain([900])), Some(outlier));
    }

    #[test]
    fn one_count_is_all_of_them_and_none_is_nothing() {
        assert_eq!(summary([7]), Some(Summary { min: 7, median: 7, p99: 7, max: 7 }));
        assert_eq!(summary([]), None);
    }
}
