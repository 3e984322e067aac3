//! Terminal sessions that the book shows: defined in `book/sessions/*.toml`, recorded into
//! `book/captured/sessions/NAME.txt`.
//!
//! - [`schema`]: what a definition says
//! - [`pieces`]: which lines of the output are kept
//! - [`record`]: the command run, in a state that is nobody's own
//! - [`normal`]: a line without what is another in each run
//! - [`files`]: the checked-in files
//!
//! ```toml
//! [ring3-greeter]                                  # its name, also the file's
//! command = "cargo xtask run m2 --boot fast -- run=greeter:7"
//! keep = ["from `enters ring 3` to `exited with`"] # optional: pieces of standard output
//! status = 0                                       # optional: the exit status
//! input = ["idt", "fault breakpoint"]              # optional: typed at `monitor`'s prompt
//! figures = true                                   # optional: no figure is compared
//! ```

pub mod files;
pub mod normal;
pub mod pieces;
pub mod record;
pub mod schema;

pub use schema::{Session, all};

/// What stands for all of them where names are given.
pub const ALL: &str = "sessions";
