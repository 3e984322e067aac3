//! How a milestone ends: its checks, its closing lines, and the way out.
//!
//! A ✓ stands for a check that was made in this boot. [`Milestone::check`] is
//! the only place that records one; each is also an event for the host.

use crate::{clock, println};
use arrayvec::ArrayVec;
use core::fmt::Display;
use shared::events::{self, Event};
use shared::exit::{self, Reason};

/// Most ✓ lines of one milestone.
const CAPACITY: usize = 16;

/// The checks of one milestone.
pub struct Milestone {
    number: u8,
    shown: ArrayVec<(&'static str, bool), CAPACITY>,
    failed: u32,
}

impl Milestone {
    /// Milestone `number`, with no checks made yet.
    pub const fn new(number: u8) -> Self {
        Self { number, shown: ArrayVec::new_const(), failed: 0 }
    }

    /// Records the outcome of a check that the closing lines show as `claim`.
    /// `name` identifies it in events.
    ///
    /// # Panics
    /// If a milestone has more checks than it can show.
    pub fn check<E: Display>(&mut self, name: &str, claim: &'static str, outcome: Result<(), E>) {
        let holds = self.require(name, outcome);
        self.shown.push((claim, holds));
    }

    /// Records the outcome of a check that must hold but is not shown at the end:
    /// one that an earlier milestone has shown already. Says whether it holds.
    pub fn require<E: Display>(&mut self, name: &str, outcome: Result<(), E>) -> bool {
        match &outcome {
            Ok(()) => log::info!("check `{name}`: ok"),
            Err(message) => log::error!("check `{name}` failed: {message}"),
        }
        let holds = events::check(name, outcome);
        self.failed += u32::from(!holds);
        holds
    }

    /// Prints the closing lines and leaves: with success only if every check
    /// made holds, and there was one.
    pub fn finish(self, nonce: &str) -> ! {
        exit::leave(self.conclude(nonce))
    }

    /// Prints the closing lines as [`finish`](Self::finish) does, and returns what
    /// to leave with: for a kernel that has something left to do.
    pub fn conclude(self, nonce: &str) -> Reason {
        let complete = !self.shown.is_empty() && self.failed == 0;
        let word = if complete { "COMPLETE" } else { "NOT COMPLETE" };
        println!("\n=== M{} MILESTONE {word} ===", self.number);
        for (claim, holds) in self.shown {
            println!("{} {claim}", if holds { '✓' } else { '✗' });
        }
        if !complete {
            return Reason::Failed;
        }
        // What the boot took, from the first thing that `main.rs` does on.
        let value = clock::now_ns();
        events::emit::<&str>(Event::Measure { name: "boot", value, unit: "ns" });
        events::emit::<&str>(Event::Done { nonce });
        Reason::Complete
    }
}

/// `Ok` if `condition` holds, else `Err(message)`.
///
/// # Errors
/// The message.
pub fn ensure<M>(condition: bool, message: M) -> Result<(), M> {
    if condition { Ok(()) } else { Err(message) }
}
