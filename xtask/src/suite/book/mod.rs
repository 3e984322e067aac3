//! The book: it is built, and what it shows is so.
//!
//! - [`build`]: built twice alike, opened; each command has its place in the reference
//! - [`defects`]: what must not be built is not
//! - [`commands`]: each command line is ours, and something runs it
//! - [`serve`]: a browser follows changes
//! - [`browser`]: pages, widgets and their accessibility in Chromium

mod browser;
mod build;
pub mod commands;
mod defects;
mod serve;

use super::Test;

pub fn tests() -> Vec<Test> {
    let mut tests = browser::tests();
    tests.extend(build::tests());
    tests.extend([defects::test(), serve::test()]);
    tests
}
