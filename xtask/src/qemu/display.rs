//! Whether the machine has a display, and whether anybody sees it.

use super::program;
use crate::process;
use anyhow::{Context, Result, bail, ensure};
use std::{process::Command, time::Duration};

/// How long QEMU may take to list what it can show windows with.
const PROBE_LIMIT: Duration = Duration::from_secs(10);
/// What QEMU calls the libraries that open a window, the best first.
const WINDOWS: [&str; 3] = ["cocoa", "gtk", "sdl"];

/// What `--display` takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Choice {
    /// No display device at all: the loader offers no framebuffer
    #[default]
    None,
    /// A display device, shown in a window
    Window,
    /// A display device that nobody sees, for a machine without a screen
    Hidden,
}

/// A machine's display.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Display {
    /// There is none.
    #[default]
    None,
    /// There is one, in a window by this library.
    Window(&'static str),
    /// There is one that nobody sees.
    Hidden,
}

impl Display {
    /// The display that was chosen.
    ///
    /// # Errors
    /// A window was, and cannot be opened.
    pub fn choose(choice: Choice) -> Result<Self> {
        Ok(match choice {
            Choice::None => Self::None,
            Choice::Hidden => Self::Hidden,
            Choice::Window => Self::Window(window()?),
        })
    }

    /// Adds it to QEMU's options.
    pub fn add_to(self, command: &mut Command) {
        let (device, shown) = match self {
            Self::None => ("none", "none"),
            Self::Hidden => ("std", "none"),
            Self::Window(library) => ("std", library),
        };
        command.args(["-vga", device, "-display", shown]);
    }
}

/// The library to open a window with.
fn window() -> Result<&'static str> {
    let session = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    ensure!(
        cfg!(target_os = "macos") || session("DISPLAY") || session("WAYLAND_DISPLAY"),
        "there is no screen to open a window on (neither DISPLAY nor WAYLAND_DISPLAY is set); use \
         --display=hidden for a display that nobody sees"
    );
    let mut command = Command::new(program());
    command.args(["-display", "help"]);
    let answer = process::capture(&mut command, PROBE_LIMIT)
        .with_context(|| format!("cannot ask {} for its windows", program().display()))?;
    match best(&answer.stdout) {
        Some(library) => Ok(library),
        None => bail!(
            "this QEMU opens no windows; install its window library (Debian: qemu-system-gui), or \
             use --display=hidden"
        ),
    }
}

/// The best library among those that `qemu -display help` lists, one a line.
fn best(listed: &str) -> Option<&'static str> {
    WINDOWS.into_iter().find(|&wanted| listed.lines().any(|line| line.trim() == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_needs_a_library_that_opens_one() {
        assert_eq!(best("Available display backend types:\nnone\nsdl\ngtk\n"), Some("gtk"));
        assert_eq!(best("Available display backend types:\nnone\ncurses\nspice-app\n"), None);
    }

    #[test]
    fn only_no_display_means_no_device() {
        let words = |display: Display| {
            let mut command = Command::new("qemu");
            display.add_to(&mut command);
            command.get_args().map(|word| word.display().to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(words(Display::None), "-vga none -display none");
        assert_eq!(words(Display::Hidden), "-vga std -display none");
        assert_eq!(words(Display::Window("gtk")), "-vga std -display gtk");
    }
}
