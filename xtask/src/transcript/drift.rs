//! The difference between a captured text and a new boot's, for people.

use super::normal::{is_firmwares, normal};
use similar::{Algorithm, DiffOp, capture_diff_slices, group_diff_ops};
use std::fmt::Write;

/// Lines shown around a difference.
const CONTEXT: usize = 3;

/// By what part of itself a measured value may differ: two compilers' code is not
/// equally long, but it is not far apart.
const TOLERANCE: f64 = 0.25;

/// A unified diff from `captured` to `now`, if they differ in more than the
/// compiler decides. Lines are shown as they are, not as they are compared.
pub fn between(name: &str, captured: &str, now: &str) -> Option<String> {
    between_lines(name, &captured.lines().collect::<Vec<_>>(), &now.lines().collect::<Vec<_>>())
}

/// The same without what the firmware decides, for another version of QEMU.
pub fn between_emulators(name: &str, captured: &str, now: &str) -> Option<String> {
    let ours = |text| str::lines(text).filter(|line| !is_firmwares(line)).collect::<Vec<_>>();
    between_lines(name, &ours(captured), &ours(now))
}

fn between_lines(name: &str, old: &[&str], new: &[&str]) -> Option<String> {
    let normals = |lines: &[&str]| lines.iter().map(|line| normal(line)).collect::<Vec<_>>();
    let (compared, mut with) = (normals(old), normals(new));
    // What was measured is compared by itself: a value that is far off is another line.
    for (line, normal) in new.iter().zip(&mut with) {
        let captured = compared.iter().position(|one| one == normal).map(|at| old[at]);
        if captured.is_some_and(|captured| !tolerable(captured, line)) {
            (*line).clone_into(normal);
        }
    }
    shown(name, old, new, &compared, &with)
}

/// A unified diff from `old` to `new`, if the forms in which their lines are compared
/// differ.
pub fn shown(
    name: &str,
    old: &[&str],
    new: &[&str],
    compared: &[String],
    with: &[String],
) -> Option<String> {
    let ops = capture_diff_slices(Algorithm::Myers, compared, with);
    if ops.iter().all(|op| matches!(op, DiffOp::Equal { .. })) {
        return None;
    }
    let mut text = format!("--- {name} as captured\n+++ {name} in this boot\n");
    for group in group_diff_ops(ops, CONTEXT) {
        hunk(&mut text, &group, old, new);
    }
    Some(text)
}

fn tolerable(old: &str, new: &str) -> bool {
    let value = |line: &str| {
        let mut words = line.split(' ');
        let is_measure = words.next() == Some("measure");
        words.nth(1)?.parse::<f64>().ok().filter(|_| is_measure)
    };
    match (value(old), value(new)) {
        (Some(old), Some(new)) => (old - new).abs() <= old * TOLERANCE,
        _ => true,
    }
}

fn hunk(text: &mut String, group: &[DiffOp], old: &[&str], new: &[&str]) {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return };
    let range = |start: usize, end: usize| format!("{},{}", start + 1, end - start);
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "@@ -{} +{} @@",
        range(first.old_range().start, last.old_range().end),
        range(first.new_range().start, last.new_range().end),
    );
    let mut lines = |sign: char, lines: &[&str]| {
        for line in lines {
            let _ = writeln!(text, "{sign}{line}");
        }
    };
    for op in group {
        match op {
            DiffOp::Equal { .. } => lines(' ', &old[op.old_range()]),
            _ => {
                lines('-', &old[op.old_range()]);
                lines('+', &new[op.new_range()]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPTURED: &str = "a\n[   0.1] x: breakpoint at 0xffffffff8000136d\nb\nc\nd\n✓ it ticks\n";

    #[test]
    fn a_changed_line_is_shown_as_a_unified_diff() {
        let now = CAPTURED.replace("✓ it ticks", "✗ it ticks");
        let diff = between("m0/transcript.txt", CAPTURED, &now).expect("a difference");
        assert_eq!(
            diff,
            "--- m0/transcript.txt as captured\n+++ m0/transcript.txt in this boot\n\
             @@ -3,4 +3,4 @@\n b\n c\n d\n-✓ it ticks\n+✗ it ticks\n"
        );
    }

    #[test]
    fn lines_that_come_or_go_are_drift() {
        assert!(between("x", CAPTURED, &format!("{CAPTURED}e\n")).is_some());
        assert!(between("x", CAPTURED, &CAPTURED.replace("b\n", "")).is_some());
        assert!(between("x", CAPTURED, "").is_some());
    }

    #[test]
    fn what_the_compiler_decides_is_none() {
        let now = CAPTURED.replace("8000136d", "80009999").replace("0.1]", "0.2]");
        assert_eq!(between("x", CAPTURED, &now), None);
    }

    #[test]
    fn another_emulator_may_have_other_firmware_and_nothing_else() {
        let map = "a\n    0xf000-0x10000          4 KiB  reserved\n";
        assert!(between("x", map, "a\n").is_some());
        assert_eq!(between_emulators("x", map, "a\n"), None);
        assert!(between_emulators("x", map, "b\n").is_some());
    }

    #[test]
    fn a_measure_may_differ_a_little() {
        let measure = |value: u32| format!("check a ok\nmeasure boot {value} instructions\n");
        assert_eq!(between("x", &measure(1000), &measure(1240)), None);
        let diff = between("x", &measure(1000), &measure(1300)).expect("far off");
        assert!(
            diff.contains("-measure boot 1000") && diff.contains("+measure boot 1300"),
            "{diff}"
        );
    }
}
