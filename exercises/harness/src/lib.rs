//! What the checks of all exercises share.
//!
//! A check is a function that takes a [`Trial`]: it draws inputs from the trial's
//! [`Random`], calls the learner's code, and says by the trial's methods what should
//! hold. The first thing that does not hold is reported, with the inputs of that
//! round, what was expected, what came, and where it helps as rows of bits; then the
//! check is over.
//!
//! - [`Trial`], [`Check`]: checks and their reports
//! - [`Random`]: inputs from the seed that the grader prints
//! - [`Layout`]: the fields of a descriptor, for pictures of its bits
//! - `host::run`: `main` of `checks/host.rs`, one process for each check
//! - [`boot`]: kernels that run `checks/boot.rs`, one boot for all its checks
//!
//! The grader's side is `xtask/src/exercises`.

#![cfg_attr(target_os = "none", no_std)]

pub mod boot;
#[cfg(not(target_os = "none"))]
pub mod host;
mod layout;
mod random;
mod trial;

pub use layout::{Field, Layout};
pub use random::Random;
pub use trial::{Check, Checked, Failed, Trial};
