//! Frames and addresses, at random places and at the edges.

use core::ops::Range;
use harness::{Check, Checked, Trial};
use m1_frame_math::{FRAME_BYTES, Frame, PHYSICAL_BITS, containing, inside, start, touching};
use std::process::ExitCode;

const CHECKS: &[Check] = &[
    Check { name: "address-to-frame", body: address_to_frame },
    Check { name: "frame-to-address", body: frame_to_address },
    Check { name: "whole-frames", body: whole_frames },
    Check { name: "touched-frames", body: touched_frames },
    Check { name: "edges", body: edges },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

/// One behind the last address there can be.
const END: u64 = 1 << PHYSICAL_BITS;
/// Rounds of each check.
const ROUNDS: u32 = 200;

fn address_to_frame(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        trial.round();
        let frame = trial.random.below(END / FRAME_BYTES);
        let offset = trial.random.below(FRAME_BYTES);
        let address = frame * FRAME_BYTES + offset;
        trial.given("address", format_args!("{address:#x}"));
        let got = containing(address);
        if got == Some(Frame(frame + 1)) {
            return trial.fail("rounded up: the byte lies in the frame before");
        }
        if got == Some(Frame(frame * FRAME_BYTES)) {
            return trial.fail("that is the frame's address; its number is asked for");
        }
        trial.equal("the frame of an address", got, Some(Frame(frame)))?;
    }
    Ok(())
}

fn frame_to_address(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        trial.round();
        let frame = trial.random.below(END / FRAME_BYTES);
        trial.given("frame", format_args!("{frame:#x}"));
        trial.equal("the frame's first address", start(Frame(frame)), Some(frame * FRAME_BYTES))?;
    }
    Ok(())
}

/// A range of bytes at random, often small, often with ends on a border.
fn range(trial: &mut Trial) -> Range<u64> {
    trial.round();
    let border = trial.random.below(1 << 30);
    let mut near = |border: u64| match trial.random.below(4) {
        0 => border * FRAME_BYTES,
        1 => border * FRAME_BYTES + 1,
        2 => border * FRAME_BYTES + FRAME_BYTES - 1,
        _ => border * FRAME_BYTES + trial.random.below(FRAME_BYTES),
    };
    let first = near(border);
    let length = trial.random.below(4);
    let mut near = |border: u64| match trial.random.below(3) {
        0 => border * FRAME_BYTES,
        1 => border * FRAME_BYTES + 1,
        _ => border * FRAME_BYTES + trial.random.below(FRAME_BYTES),
    };
    let second = near(border + length);
    let bytes = first.min(second)..first.max(second);
    trial.given("bytes", format_args!("{:#x}..{:#x}", bytes.start, bytes.end));
    bytes
}

/// The numbers of a range, in hexadecimal.
fn shown(frames: &Range<u64>) -> String {
    format!("{:#x}..{:#x}, {} frames", frames.start, frames.end, frames.clone().count())
}

fn compare(trial: &mut Trial, message: &str, got: Range<u64>, expected: Range<u64>) -> Checked {
    if got.is_empty() && expected.is_empty() {
        return Ok(());
    }
    if got == expected {
        return Ok(());
    }
    trial.compared(shown(&expected), shown(&got));
    trial.fail(message)
}

fn whole_frames(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let bytes = range(trial);
        let got = inside(bytes.clone());
        for frame in [got.start, got.end.saturating_sub(1)] {
            let first = frame.saturating_mul(FRAME_BYTES);
            let stranger = first < bytes.start || first.saturating_add(FRAME_BYTES) > bytes.end;
            if !got.is_empty() && stranger {
                trial.given("frame", format_args!("{frame:#x}"));
                return trial
                    .fail("a part of this frame lies outside: it belongs to somebody else");
            }
        }
        let first = bytes.start.div_ceil(FRAME_BYTES);
        let expected = first..(bytes.end / FRAME_BYTES).max(first);
        compare(trial, "the frames wholly inside", got, expected)?;
    }
    Ok(())
}

fn touched_frames(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let bytes = range(trial);
        let got = touching(bytes.clone());
        if bytes.is_empty() {
            trial.equal("no byte touches no frame", got.is_empty(), true)?;
            continue;
        }
        if got.end == bytes.end / FRAME_BYTES && !bytes.end.is_multiple_of(FRAME_BYTES) {
            return trial.fail("the frame of the last byte is missing: round the end up");
        }
        if got.end == bytes.end / FRAME_BYTES + 1 && bytes.end.is_multiple_of(FRAME_BYTES) {
            return trial.fail("the end is not a byte of the range: its frame is one too many");
        }
        let expected = bytes.start / FRAME_BYTES..bytes.end.div_ceil(FRAME_BYTES);
        compare(trial, "the frames with a byte of the range", got, expected)?;
    }
    Ok(())
}

/// The last addresses, and those that do not exist.
fn edges(trial: &mut Trial) -> Checked {
    let last = END / FRAME_BYTES - 1;
    for address in [END, END + 1, u64::MAX] {
        trial.round();
        trial.given("address", format_args!("{address:#x}"));
        trial.equal("no CPU has this address", containing(address), None)?;
    }
    trial.equal("the last address has a frame", containing(END - 1), Some(Frame(last)))?;
    for frame in [last + 1, u64::MAX / FRAME_BYTES + 1, u64::MAX] {
        trial.round();
        trial.given("frame", format_args!("{frame:#x}"));
        trial.equal("no CPU has an address for this frame", start(Frame(frame)), None)?;
    }
    let below = trial.random.below(FRAME_BYTES);
    for bytes in [END - below - 1..u64::MAX, u64::MAX - 1..u64::MAX, 0..0, 5..5] {
        trial.round();
        trial.given("bytes", format_args!("{:#x}..{:#x}", bytes.start, bytes.end));
        let (first, end) = (bytes.start.min(END), bytes.end.min(END));
        let whole = first.div_ceil(FRAME_BYTES)..end / FRAME_BYTES;
        compare(trial, "the frames wholly inside", inside(bytes.clone()), whole)?;
        let touched = match bytes.is_empty() {
            true => 0..0,
            false => first / FRAME_BYTES..end.div_ceil(FRAME_BYTES),
        };
        compare(trial, "the frames with a byte of the range", touching(bytes), touched)?;
    }
    Ok(())
}
