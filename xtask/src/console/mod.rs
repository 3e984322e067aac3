//! The kernel's console, from the host's end.
//!
//! - [`script`]: commands from a file, each sent when the kernel asks for it
//! - [`person`]: somebody at the terminal
//! - [`judge`]: what a run with a console came to
//!
//! The kernel tells by events when it waits for a command (`prompt`), which one it
//! serves (`command`), and which it could not serve (`command-failed`). So nothing
//! here has to recognise a prompt in text that programs can print as well.

pub mod judge;
pub mod person;
pub mod script;

/// The kernel option that asks for the console.
pub const OPTION: &str = "console=on";

/// What ends a line.
const ENTER: u8 = b'\r';
