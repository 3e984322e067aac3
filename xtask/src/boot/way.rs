//! The ways to boot.

use crate::firmware;
use anyhow::Result;
use std::{fmt, time::Duration};

/// Who puts a kernel into memory. The kernel cannot tell but by the loader's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Way {
    /// QEMU starts our loader: no UEFI, well under a second
    Fast,
    /// UEFI firmware starts our loader from the image that `image` writes
    Uefi,
    /// As uefi, with Limine in place of our loader
    Limine,
}

impl Way {
    /// How long a boot may take on an idle machine: many times what it takes.
    pub fn time_limit(self) -> Duration {
        Duration::from_secs(match self {
            Self::Fast => 30,
            Self::Uefi | Self::Limine => 120,
        })
    }

    /// Whether UEFI firmware takes part.
    pub fn needs_firmware(self) -> bool {
        self != Self::Fast
    }

    /// The way that was asked for, or the default, with the reason.
    pub fn choose(asked: Option<Self>) -> Result<(Self, String)> {
        Ok(match asked {
            Some(way) => (way, "as asked for".to_owned()),
            None => match firmware::find_limine()? {
                Some(program) => (Self::Limine, format!("because there is {}", program.display())),
                None => (Self::Uefi, format!("because {}", firmware::no_limine())),
            },
        })
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fast => "fast",
            Self::Uefi => "uefi",
            Self::Limine => "limine",
        })
    }
}
