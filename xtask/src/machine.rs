//! The virtual machine's variable parts, as typed on the command line and in
//! `tests/guest.toml`.

use std::{fmt, str::FromStr};

/// What a trial may choose of its machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    pub memory: Memory,
    pub cpu: Cpu,
}

impl Default for Machine {
    fn default() -> Self {
        Self { memory: Memory(256), cpu: Cpu("max".to_owned()) }
    }
}

/// Main memory, in MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory(u32);

impl Memory {
    /// The least that UEFI firmware or a kernel with its loader fits in.
    const MIN_MIB: u32 = 16;
    /// More than any test needs, less than overflows QEMU's board.
    const MAX_MIB: u32 = 512 * 1024;
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            mib if mib % 1024 == 0 => write!(f, "{}G", mib / 1024),
            mib => write!(f, "{mib}M"),
        }
    }
}

impl FromStr for Memory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let malformed = || {
            format!("`{text}` is not a memory size; give a whole number with M or G, such as 256M")
        };
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let factor = match &text[digits.len()..] {
            "M" | "m" | "MiB" => 1,
            "G" | "g" | "GiB" => 1024,
            _ => return Err(malformed()),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(malformed());
        }
        let mib = digits.parse::<u32>().ok().and_then(|count| count.checked_mul(factor));
        match mib {
            Some(mib @ Self::MIN_MIB..=Self::MAX_MIB) => Ok(Self(mib)),
            _ => Err(format!("`{text}` is out of range; give 16M to 512G")),
        }
    }
}

/// QEMU's name of a CPU model, with its flags (`qemu64,+smep`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cpu(String);

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Cpu {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-+,=._".contains(c);
        if text.is_empty() || !text.chars().all(allowed) {
            return Err(format!("`{text}` is not a CPU model; see `qemu-system-x86_64 -cpu help`"));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown_in_the_largest_unit() {
        for (text, shown) in [("256M", "256M"), ("3G", "3G"), ("2048M", "2G"), ("64m", "64M")] {
            assert_eq!(text.parse::<Memory>().map(|size| size.to_string()), Ok(shown.to_owned()));
        }
    }

    #[test]
    fn nonsense_is_refused_with_an_example() {
        for text in ["", "M", "256", "-1M", "1.5G", "256K", "256 M", "+256M", "x"] {
            let error = text.parse::<Memory>().expect_err(text);
            assert!(error.contains("such as 256M"), "{error}");
        }
    }

    #[test]
    fn sizes_out_of_range_are_refused() {
        for text in ["0M", "15M", "513G", "99999999999G"] {
            let error = text.parse::<Memory>().expect_err(text);
            assert!(error.contains("out of range"), "{error}");
        }
    }

    #[test]
    fn a_cpu_model_cannot_smuggle_options() {
        assert!("max".parse::<Cpu>().is_ok());
        assert!("qemu64,+smep,-nx".parse::<Cpu>().is_ok());
        assert!("max -accel kvm".parse::<Cpu>().is_err());
        assert!("".parse::<Cpu>().is_err());
    }
}
