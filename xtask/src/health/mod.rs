//! What `doctor` looks at beyond "is the program there": whether it will do.
//!
//! - [`disk`]: room for what is built
//! - [`wsl`]: folders that are slow because another system keeps them
//! - [`editor`]: what rust-analyzer makes of bare-metal code
//! - [`emulator`]: versions of QEMU that do not work, or not well

pub mod disk;
pub mod editor;
pub mod emulator;
pub mod wsl;

/// One requirement.
pub struct Finding {
    /// Its name.
    pub what: &'static str,
    /// What was found.
    pub state: State,
}

/// What was found of a requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is there: its version or place.
    Good(String),
    /// It is not, and something will not work: what was found, and the fix.
    Missing { found: String, fix: String },
    /// It works, but there is something better.
    Advice { found: String, advice: String },
    /// It is not, and only makes something possible.
    Optional { found: String, gain: String },
}
