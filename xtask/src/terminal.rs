//! The terminal in raw mode: each key is handed over as it is pressed, and not echoed:
//! to the kernel, which echoes it itself, or to `watch`.
//!
//! Whatever way xtask ends, the terminal is put back: by the guard's drop, or by
//! [`restore`] where the process is left at once.

use anyhow::{Context, Result};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use std::{
    io::stdin,
    sync::{Mutex, PoisonError},
};

/// How the terminal was, while it is raw.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Raw mode for as long as this lives.
pub struct Raw(());

impl Raw {
    /// Makes the terminal at stdin raw. Output keeps its processing, so lines that
    /// end in a bare line feed look as ever.
    ///
    /// # Errors
    /// Stdin is no terminal.
    pub fn enter() -> Result<Self> {
        Self::without(LocalModes::ISIG)
    }

    /// The same, but Ctrl-C and its like are still signals.
    ///
    /// # Errors
    /// Stdin is no terminal.
    pub fn enter_for_keys() -> Result<Self> {
        Self::without(LocalModes::empty())
    }

    fn without(more: LocalModes) -> Result<Self> {
        let before = tcgetattr(stdin()).context("cannot read the terminal's mode")?;
        let mut raw = before.clone();
        raw.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::IEXTEN | more;
        raw.input_modes -= InputModes::IXON | InputModes::ICRNL | InputModes::ISTRIP;
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        let guard = Self(());
        tcsetattr(stdin(), OptionalActions::Now, &raw).context("cannot set the terminal's mode")?;
        Ok(guard)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        restore();
    }
}

/// Puts the terminal back, if it is raw.
pub fn restore() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before {
        // A terminal that is gone needs no mode.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &before);
    }
}
