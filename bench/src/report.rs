//! Figures as `measure` events; names as the crate's documentation defines them.

use crate::samples::{Samples, Summary};
use arrayvec::ArrayString;
use core::fmt::{self, Write};
use shared::cases;
use shared::events::{self, Event};

/// The unit of counts.
const INSTRUCTIONS: &str = "instructions";
/// The unit of fractions.
const PERMILLE: &str = "permille";

/// Reports what is measured of one allocator.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// Ours, or which peer.
    peer: Option<&'static str>,
}

impl Report {
    /// Figures of our own code.
    pub const OURS: Self = Self { peer: None };

    /// Figures of a peer.
    pub const fn of_peer(name: &'static str) -> Self {
        Self { peer: Some(name) }
    }

    /// Reports the statistics of one operation.
    ///
    /// # Panics
    /// If there are no samples: a workload that did not do what it measures.
    pub fn statistics(&self, name: fmt::Arguments, samples: &mut Samples) -> Summary {
        let Some(summary) = samples.summary() else { panic!("no samples of {name}") };
        let Summary { min, median, p99, max } = summary;
        for (statistic, value) in [("min", min), ("median", median), ("p99", p99), ("max", max)] {
            self.emit(format_args!("{name}/{statistic}"), value.into(), INSTRUCTIONS);
        }
        summary
    }

    /// Reports a single count.
    pub fn instructions(&self, name: fmt::Arguments, count: u64) {
        self.emit(name, count, INSTRUCTIONS);
    }

    /// Reports `part` of `whole`.
    ///
    /// # Panics
    /// If `whole` is 0.
    pub fn fraction(&self, name: fmt::Arguments, part: u64, whole: u64) {
        assert!(whole > 0, "{name}: a fraction of nothing");
        self.emit(name, part.saturating_mul(1000) / whole, PERMILLE);
    }

    /// Reports a property that must hold for the figures to mean anything; ends
    /// the kernel as failed if it does not.
    pub fn check(&self, name: fmt::Arguments, holds: bool, message: fmt::Arguments) {
        cases::expect(&self.full_name(name), holds, message);
    }

    fn emit(&self, name: fmt::Arguments, value: u64, unit: &str) {
        events::emit::<&str>(Event::Measure { name: &self.full_name(name), value, unit });
    }

    fn full_name(&self, name: fmt::Arguments) -> ArrayString<96> {
        let mut text = ArrayString::new();
        let written = match self.peer {
            Some(peer) => write!(text, "{peer}:{name}"),
            None => write!(text, "{name}"),
        };
        assert!(written.is_ok(), "the name {name} is too long");
        text
    }
}
