//! Test kernels: one kernel that knows many cases, of which the command line
//! picks one.
//!
//! `xtask` boots the kernel once for each case, so a case may wreck the machine.
//! What the host must observe (completion, a certain exception, a hang …) stands
//! beside the kernel in `tests/guest.toml`.

use crate::events::{self, Event};
use crate::exit::{self, Reason};
use core::fmt::Display;

/// The command-line keys every test kernel understands.
pub const KEYS: [&str; 3] = ["nonce", "test", "extra"];

/// The value of `test=` that asks for the names of all cases.
const LIST: &str = "list";

/// A name and what to do.
pub type Case = (&'static str, fn());

/// Runs the case called `selected`, of all groups, and reports completion once it returns.
///
/// # Panics
/// If there is no such case.
pub fn run(groups: &[&[Case]], selected: &str, nonce: &str) -> ! {
    let mut cases = groups.iter().copied().flatten();
    if selected == LIST {
        for &(name, _) in cases {
            events::emit::<&str>(Event::Case { name });
        }
        events::emit::<&str>(Event::CheckOk { name: LIST });
    } else {
        let Some((_, body)) = cases.find(|(name, _)| *name == selected) else {
            panic!("no test case `{selected}`; `test={LIST}` names them all");
        };
        body();
    }
    events::emit::<&str>(Event::Done { nonce });
    exit::leave(Reason::Complete)
}

/// Reports a check; ends the kernel as failed if it does not hold.
pub fn expect(name: &str, holds: bool, message: impl Display) {
    let outcome = if holds { Ok(()) } else { Err(message) };
    if !events::check(name, outcome) {
        exit::leave(Reason::Failed);
    }
}

/// [`expect`] that two values are equal, showing both if not.
pub fn expect_eq<T: PartialEq + core::fmt::Debug>(name: &str, got: T, expected: T) {
    expect(name, got == expected, format_args!("expected {expected:?}, got {got:?}"));
}
