//! Everything that proves the repository works, as named tests.
//!
//! - [`plan`]: collects the tests; what each of them needs built
//! - [`bench`]: builds that, once, before the first test runs
//! - [`runner`]: runs tests side by side; [`results`]: what is printed of them
//! - [`static_checks`], [`host`]: formatting, lints, layering, host tests
//! - [`miri`]: host tests once more, interpreted
//! - [`budgets`]: instruction counts within their limits
//! - [`case_files`], [`cases`], [`expect`], [`guest`]: in-guest tests and the files
//!   that describe them
//! - [`image_reader`]: images as programs see them that did not write them
//! - [`setup`], [`hardware`]: Limine's release; more CPUs, a display
//! - [`timings`]: where a run's time went
//! - [`gdb`], [`monitor`], [`terminal`]: the machine opened, by scripts and by keys
//! - [`comparisons`]: `diff` and `inspect`
//! - [`exercises`]: every variant of every exercise is graded as it must be
//! - [`tampering`]: changes beside a learner's file change no verdict
//! - [`hostile`], [`grading`]: learners' files that mean harm; `grade`, for one and for
//!   a class
//! - [`learner`], [`watch`]: what else learners and authors do, on a copy ([`copied`])
//! - [`transcripts`], [`sessions`]: what the book quotes of boots and of terminals is what
//!   they say
//! - [`book`]: it is built, served, and works in a browser
//! - [`boots`], [`refusals`], [`loader_refusals`], [`images`], [`cli`], [`endings`],
//!   [`toolchains`]: what `run`, `image` and the loader do, from outside

pub mod bench;
pub mod book;
pub mod boots;
pub mod budgets;
pub mod case_files;
pub mod cases;
pub mod cli;
pub mod comparisons;
pub mod copied;
pub mod endings;
pub mod exercises;
pub mod expect;
pub mod gdb;
pub mod grading;
pub mod guest;
pub mod hardware;
pub mod host;
pub mod hostile;
pub mod image_reader;
pub mod images;
pub mod layering;
pub mod learner;
pub mod loader_refusals;
pub mod miri;
pub mod monitor;
pub mod plan;
pub mod refusals;
pub mod results;
pub mod runner;
pub mod sessions;
pub mod setup;
pub mod static_checks;
pub mod tampering;
pub mod terminal;
pub mod timings;
pub mod toolchains;
pub mod transcripts;
pub mod watch;

use anyhow::Result;
use bench::{Bench, Need};

/// One test.
pub struct Test {
    /// Its name, levels separated by slashes.
    pub name: String,
    /// What has to be built for it.
    pub needs: Vec<Need>,
    /// Whether it runs only when long tests are asked for.
    pub long: bool,
    /// What it does. An error is a failure, and says why.
    pub body: Body,
}

/// A test's code; tests run on several threads.
type Body = Box<dyn Fn(&Bench) -> Result<Passed> + Send + Sync>;

/// How a test that did not fail ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passed {
    /// What it claims was shown.
    Shown,
    /// It could not be tried here.
    Skipped(String),
}

impl Test {
    /// A test that shows something or fails.
    pub fn new(
        name: impl Into<String>,
        needs: impl Into<Vec<Need>>,
        body: impl Fn(&Bench) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::skippable(name, needs, move |bench| body(bench).map(|()| Passed::Shown))
    }

    /// A test that cannot be tried everywhere.
    pub fn skippable(
        name: impl Into<String>,
        needs: impl Into<Vec<Need>>,
        body: impl Fn(&Bench) -> Result<Passed> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), needs: needs.into(), long: false, body: Box::new(body) }
    }

    /// The same test, as a long one or not.
    pub fn long(self, long: bool) -> Self {
        Self { long, ..self }
    }
}
