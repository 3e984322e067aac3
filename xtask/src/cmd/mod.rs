//! The subcommands, one file each. `Args` is what clap parses, `main` does the
//! work and says with which status xtask exits.

pub mod bench;
pub mod bless;
pub mod book;
pub mod check;
pub mod completions;
pub mod diff;
pub mod doctor;
pub mod exercises;
pub mod gdb;
pub mod grade;
pub mod hint;
pub mod image;
pub mod inspect;
pub mod list;
pub mod monitor;
pub mod opened;
pub mod reset;
pub mod run;
pub mod setup;
pub mod solution;
pub mod test;
pub mod watch;
