//! Versions of QEMU that do not work, or not well.

use super::State;
use anyhow::Result;

/// A version: major, minor.
type Version = (u32, u32);

/// The oldest that takes our options: `memory-backend-ram` has its property
/// `reserve` since 6.1 (commit 379b7215c5, "hostmem: Wire up RAM_NORESERVE via
/// "reserve" property").
const OLDEST: Version = (6, 1);

/// Versions from the first up to, but without, the second, and what is wrong there.
const FAULTY: [(Version, Version, &str); 1] = [
    // Commit deba78709a, "accel/tcg: Always lock pages before translation", is in
    // 8.1 and was not taken back to 8.0; see multipath-tcp/mptcp_net-next#471.
    (
        (8, 0),
        (8, 1),
        "with --smp, one emulated CPU may run code that another is just replacing; \
         fixed in 8.1",
    ),
];

/// Judges what `qemu-system-x86_64 --version` said.
pub fn judge(version: Result<String>, fix: String) -> State {
    let line = match version {
        Ok(line) => line,
        Err(error) => return State::Missing { found: format!("{error:#}"), fix },
    };
    let Some(version) = parse(&line) else {
        return State::Advice {
            found: format!("{line}: not a version that xtask can read"),
            advice: format!("{}.{} or newer is needed", OLDEST.0, OLDEST.1),
        };
    };
    if version < OLDEST {
        return State::Missing {
            found: format!("{line} is too old"),
            fix: format!(
                "{}.{} or newer is needed, for memory that is not reserved on the host; {fix}",
                OLDEST.0, OLDEST.1
            ),
        };
    }
    match FAULTY.iter().find(|(first, fixed, _)| (*first..*fixed).contains(&version)) {
        Some((_, _, fault)) => State::Advice { found: line, advice: (*fault).to_owned() },
        None => State::Good(line),
    }
}

/// The version in "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)".
fn parse(line: &str) -> Option<Version> {
    let (_, rest) = line.split_once("version ")?;
    let mut numbers = rest.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(line: &str) -> State {
        judge(Ok(line.to_owned()), "install it".to_owned())
    }

    #[test]
    fn versions_are_told_apart() {
        for good in [
            "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)",
            "QEMU emulator version 6.1.0",
            "QEMU emulator version 10.0.2",
        ] {
            assert_eq!(state(good), State::Good(good.to_owned()));
        }
        assert!(matches!(state("QEMU emulator version 6.0.1"), State::Missing { .. }));
        assert!(matches!(state("QEMU emulator version 8.0.4"), State::Advice { .. }));
        assert!(matches!(state("something else"), State::Advice { .. }));
    }

    #[test]
    fn the_table_is_of_versions_that_start_at_all() {
        for (first, fixed, _) in FAULTY {
            assert!(OLDEST <= first && first < fixed);
        }
    }
}
