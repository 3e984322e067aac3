//! Ranges, and copies from a memory with holes.

use harness::{Check, Checked, Trial};
use m2_user_slice::{BadAddress, USER_END, USER_START, UserMemory, UserSlice, read_user};
use std::cell::Cell;
use std::process::ExitCode;

const CHECKS: &[Check] = &[
    Check { name: "inside", body: inside },
    Check { name: "outside", body: outside },
    Check { name: "wrapping", body: wrapping },
    Check { name: "empty", body: empty },
    Check { name: "half-mapped", body: half_mapped },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

/// First address of the kernel half (Intel SDM Vol. 1, 3.3.7.1 "Canonical Addressing").
const KERNEL_HALF: u64 = 0xffff_8000_0000_0000;

/// One past the last canonical address of the lower half.
const LOWER_HALF_END: u64 = 1 << 47;

/// The learner's answer about a range, which is noted.
fn ask(trial: &mut Trial, start: u64, bytes: u64) -> Result<UserSlice, BadAddress> {
    trial.round();
    trial.given("start", format_args!("{start:#x}"));
    trial.given("bytes", format_args!("{bytes:#x}"));
    UserSlice::new(start, bytes)
}

fn accepted(trial: &mut Trial, start: u64, bytes: u64, message: &str) -> Checked {
    match ask(trial, start, bytes) {
        Err(BadAddress) => trial.fail(message),
        Ok(slice) => {
            trial.equal_hex("`start` must be kept as it is", slice.start(), start)?;
            trial.equal_hex("`bytes` must be kept as it is", slice.bytes(), bytes)
        }
    }
}

fn refused(trial: &mut Trial, start: u64, bytes: u64, message: &str) -> Checked {
    let answer = ask(trial, start, bytes);
    trial.holds(answer.is_err(), message)
}

fn inside(trial: &mut Trial) -> Checked {
    for _ in 0..50 {
        let bytes = trial.random.within(1..=0x10_0000);
        let start = trial.random.within(USER_START..=USER_END - bytes);
        accepted(trial, start, bytes, "the range lies in the user half")?;
        let message = "the range begins exactly at USER_START, its first address";
        accepted(trial, USER_START, bytes, message)?;
        let message = "the range ends exactly at USER_END, which is one past its last address";
        accepted(trial, USER_END - bytes, bytes, message)?;
    }
    accepted(trial, USER_START, USER_END - USER_START, "the whole user half is the program's")
}

fn outside(trial: &mut Trial) -> Checked {
    for _ in 0..50 {
        let below = trial.random.below(USER_START);
        let bytes = trial.random.within(1..=2 * USER_START);
        let message = "the range begins below USER_START: a null pointer, or near one";
        refused(trial, below, bytes, message)?;
        let over = trial.random.within(1..=0x1000);
        let bytes = over + trial.random.below(0x1000);
        let message = "the range begins in the user half, but its last byte is not the program's";
        refused(trial, USER_END - bytes + over, bytes, message)?;
        let start = trial.random.within(USER_START..=USER_END - 1);
        refused(trial, start, KERNEL_HALF - start + 1, message)?;
        let start = trial.random.within(LOWER_HALF_END..=KERNEL_HALF - 1);
        refused(trial, start, 8, "the range is at no canonical address")?;
        let start = trial.random.within(KERNEL_HALF..=u64::MAX - 0x1000);
        refused(trial, start, 8, "the range lies in the kernel half")?;
    }
    Ok(())
}

fn wrapping(trial: &mut Trial) -> Checked {
    let message = "start + bytes is more than 64 bits hold: it wraps around to a small address";
    for _ in 0..50 {
        // The end, as it looks after the wrap, is a good address.
        let start = trial.random.within(USER_START + 1..=USER_END);
        let end = trial.random.within(USER_START..=start - 1);
        refused(trial, start, end.wrapping_sub(start), message)?;
        let start = trial.random.within(KERNEL_HALF..=u64::MAX);
        refused(trial, start, end.wrapping_sub(start), message)?;
    }
    refused(trial, u64::MAX, u64::MAX, message)
}

fn empty(trial: &mut Trial) -> Checked {
    for _ in 0..20 {
        let start = trial.random.within(USER_START..=USER_END);
        accepted(trial, start, 0, "an empty range in the user half is allowed")?;
        let message = "a range of no bytes must lie in the user half like any other";
        let below = trial.random.below(USER_START);
        refused(trial, below, 0, message)?;
        let above = trial.random.within(USER_END + 1..=u64::MAX);
        refused(trial, above, 0, message)?;
    }
    accepted(trial, USER_END, 0, "an empty range touches nothing: at USER_END it is allowed")
}

/// A program's memory: one mapped range, in which each byte says where it is.
struct Memory {
    start: u64,
    end: u64,
    copies: Cell<u64>,
}

fn byte_at(address: u64) -> u8 {
    (address ^ address >> 8) as u8
}

impl UserMemory for Memory {
    fn copy(&self, from: u64, into: &mut [u8]) -> usize {
        self.copies.set(self.copies.get() + 1);
        for index in 0..into.len() {
            let address = from.wrapping_add(index as u64);
            if !(self.start..self.end).contains(&address) {
                return into.len() - index;
            }
            into[index] = byte_at(address);
        }
        0
    }
}

/// A page of the program's.
const PAGE_BYTES: u64 = 4096;

fn half_mapped(trial: &mut Trial) -> Checked {
    for _ in 0..100 {
        let page = trial.random.within(USER_START / PAGE_BYTES..=0x1_0000) * PAGE_BYTES;
        let memory = Memory { start: page, end: page + PAGE_BYTES, copies: Cell::new(0) };
        let mut buffer = [0; 64];
        let room = trial.random.within(1..=64);
        let mut ask = |trial: &mut Trial, start: u64, bytes: u64| {
            trial.round();
            trial.given("start", format_args!("{start:#x}"));
            trial.given("bytes", format_args!("{bytes:#x}"));
            trial.given("buffer", format_args!("{room} bytes"));
            trial.given("mapped", format_args!("{:#x} to {:#x}", memory.start, memory.end));
            memory.copies.set(0);
            buffer.fill(0);
            read_user(&memory, start, bytes, &mut buffer[..room as usize]).map(<[u8]>::to_vec)
        };

        let bytes = trial.random.below(80);
        let start = page + trial.random.below(PAGE_BYTES - bytes);
        let Ok(part) = ask(trial, start, bytes) else {
            return trial.fail("all of it is mapped: that is no error");
        };
        let message = "as many bytes must come as the smaller of range and buffer has";
        trial.equal(message, part.len() as u64, bytes.min(room))?;
        let good = part.iter().enumerate().all(|(at, &byte)| byte == byte_at(start + at as u64));
        trial.holds(good, "these are not the program's bytes")?;

        // Some bytes are there, and the next page is not.
        let there = trial.random.within(0..=room - 1);
        let bytes = there + trial.random.within(1..=64);
        let answer = ask(trial, page + PAGE_BYTES - there, bytes);
        let message = "the copy stopped before the end, at a page that is not mapped: \
                       that is EFAULT";
        trial.holds(answer.is_err(), message)?;

        let too_long = USER_END - page + trial.random.within(1..=PAGE_BYTES);
        let answer = ask(trial, page, too_long);
        let message = "the claim reaches out of the user half: the whole range counts, also \
                       what does not fit into the buffer";
        trial.holds(answer.is_err(), message)?;
        let copies = memory.copies.get();
        trial.equal("nothing may be copied from a range that is refused", copies, 0)?;
    }
    Ok(())
}
