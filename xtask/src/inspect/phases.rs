//! Where a boot's instructions go, from one line of its log to the next.
//!
//! The lines carry the time, to a microsecond. Where instructions are counted, one
//! takes a nanosecond; so the difference of two times is the number of instructions
//! between them, in thousands. A line is printed when its work is done, so what it
//! says is what they were for.

use serde::Serialize;
use std::fmt::Write;

/// A stretch of the boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Phase {
    /// Since the line before, or since the first thing that the kernel did.
    pub thousands: u64,
    /// The line that ends it, without its time.
    pub until: String,
}

/// The phases of a boot that printed `serial`.
pub fn of(serial: &str) -> Vec<Phase> {
    let mut last = 0;
    let lines = serial.lines().filter_map(timed);
    lines
        .map(|(microseconds, text)| {
            let thousands = microseconds.saturating_sub(last);
            last = microseconds;
            Phase { thousands, until: text.to_owned() }
        })
        .collect()
}

/// A line of the log: `[   0.001234] module: text`.
fn timed(line: &str) -> Option<(u64, &str)> {
    let (time, text) = line.strip_prefix('[')?.split_once("] ")?;
    let (seconds, fraction) = time.trim_start().split_once('.')?;
    let digits = fraction.len() == 6 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: u64 = seconds.parse().ok()?;
    let fraction: u64 = fraction.parse().ok().filter(|_| digits)?;
    Some((seconds.checked_mul(1_000_000)?.checked_add(fraction)?, text))
}

/// A table of them for people.
pub fn render(name: &str, phases: &[Phase]) -> String {
    let mut text = format!("{name}: instructions up to each line of the log, in thousands\n");
    for Phase { thousands, until } in phases {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    {thousands:>7}  {until}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_is_the_time_between_two_lines_of_the_log() {
        let serial = "\nMyria\n[   0.002001] handshake: loaded\n[user] `x`\n\
                      [   1.002051] frames: 7 frames\n[   bad] no\n";
        let phase = |thousands, until: &str| Phase { thousands, until: until.to_owned() };
        let expected = [phase(2_001, "handshake: loaded"), phase(1_000_050, "frames: 7 frames")];
        assert_eq!(of(serial), expected);
        assert!(render("m0", &of(serial)).contains("   2001  handshake: loaded\n"));
    }
}
