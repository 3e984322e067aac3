//! How a milestone ends: its checks, its closing lines, and the way out.
//!
//! A ✓ stands for a check that was made in this boot. [`Milestone::check`] is
//! the only place that records one; each is also an event for the host.

use crate::println;
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
}

impl Milestone {
    /// Milestone `number`, with no checks made yet.
    pub const fn new(number: u8) -> Self {
        Self { number, shown: ArrayVec::new_const() }
    }

    /// Records that `claim` was checked. `name` identifies it in events.
    ///
    /// # Panics
    /// If a milestone has more checks than it can show.
    pub fn check<E: Display>(&mut self, name: &str, claim: &'static str, outcome: Result<(), E>) {
        if let Err(ref message) = outcome {
            log::error!("check `{name}` failed: {message}");
        }
        self.shown.push((claim, events::check(name, outcome)));
    }

    /// Prints the closing lines and leaves: with success only if every check
    /// made holds, and there was one.
    pub fn finish(self, nonce: &str) -> ! {
        let complete = !self.shown.is_empty() && self.shown.iter().all(|&(_, holds)| holds);
        let word = if complete { "COMPLETE" } else { "NOT COMPLETE" };
        println!("\n=== M{} MILESTONE {word} ===", self.number);
        for (claim, holds) in self.shown {
            println!("{} {claim}", if holds { '✓' } else { '✗' });
        }
        if !complete {
            exit::leave(Reason::Failed);
        }
        events::emit::<&str>(Event::Done { nonce });
        exit::leave(Reason::Complete)
    }
}

/// `Ok` if `condition` holds, else `Err(message)`.
///
/// # Errors
/// The message.
pub fn ensure<M>(condition: bool, message: M) -> Result<(), M> {
    if condition { Ok(()) } else { Err(message) }
}
