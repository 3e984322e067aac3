//! Numbers and answers, without a program.

use harness::{Check, Checked, Random, Trial};
use m2_dispatch::{Call, Error, Registers, dispatch, in_rax};
use std::process::ExitCode;
use std::sync::Mutex;

const CHECKS: &[Check] = &[
    Check { name: "answers", body: answers },
    Check { name: "known-calls", body: known_calls },
    Check { name: "unknown-numbers", body: unknown_numbers },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

const ERRORS: [Error; 4] =
    [Error::BadDescriptor, Error::BadAddress, Error::Invalid, Error::NoSuchCall];

/// How an error must stand in RAX.
fn negative(error: Error) -> u64 {
    -i64::from(error as u8) as u64
}

fn answers(trial: &mut Trial) -> Checked {
    for _ in 0..50 {
        trial.round();
        let result = trial.random.bits() >> trial.random.within(1..=63);
        trial.given("answer", format_args!("Ok({result:#x})"));
        trial.equal_hex("a result stands in RAX as it is", in_rax(Ok(result)), result)?;
    }
    for error in ERRORS {
        trial.round();
        trial.given("answer", format_args!("Err({error:?}), number {}", error as u8));
        let (got, expected) = (in_rax(Err(error)), negative(error));
        let message = if got == u64::from(error as u8) {
            "the error's number is positive: it looks like a result"
        } else if got == expected & u64::from(u32::MAX) {
            "the error is a positive number of 64 bits: only its low 32 bits are negative"
        } else if got == !u64::from(error as u8) {
            "all bits are inverted, but 1 is not added: it is one too low"
        } else {
            "an error stands in RAX as the negative of its number"
        };
        trial.equal_hex(message, got, expected)?;
    }
    Ok(())
}

/// What a call was made with: its place in the table, and the registers.
static MADE: Mutex<Vec<(usize, Registers)>> = Mutex::new(Vec::new());

fn make(place: usize, registers: &Registers) -> Result<u64, Error> {
    MADE.lock().unwrap_or_else(|error| error.into_inner()).push((place, *registers));
    answer(registers)
}

/// What every call answers.
fn answer(registers: &Registers) -> Result<u64, Error> {
    match registers.rsi % 3 {
        0 => Err(ERRORS[registers.rsi as usize / 3 % 3]),
        _ => Ok(registers.rdi ^ registers.rdx),
    }
}

const FUNCTIONS: [Call; 6] = [
    |registers| make(0, registers),
    |registers| make(1, registers),
    |registers| make(2, registers),
    |registers| make(3, registers),
    |registers| make(4, registers),
    |registers| make(5, registers),
];

/// A table with at least one call and one empty place.
fn table(random: &mut Random) -> Vec<Option<Call>> {
    let length = random.within(2..=6) as usize;
    let mut table: Vec<_> = FUNCTIONS[..length].iter().copied().map(Some).collect();
    let empty = random.index(length);
    table[empty] = None;
    table
}

/// Serves one call; returns the registers before and after, and the calls made.
fn serve(
    trial: &mut Trial,
    calls: &[Option<Call>],
    number: u64,
) -> (Registers, Registers, Vec<(usize, Registers)>) {
    let mut bits = || trial.random.bits() >> 8;
    let before = Registers { rax: number, rdi: bits(), rsi: bits(), rdx: bits() };
    let places: Vec<_> =
        calls.iter().enumerate().filter_map(|(place, call)| call.map(|_| place)).collect();
    trial.given("rax", format_args!("{number:#x}"));
    trial.given("table", format_args!("length {}, calls at {places:?}", calls.len()));
    MADE.lock().unwrap_or_else(|error| error.into_inner()).clear();
    let mut after = before;
    dispatch(&mut after, calls);
    let made = std::mem::take(&mut *MADE.lock().unwrap_or_else(|error| error.into_inner()));
    (before, after, made)
}

fn known_calls(trial: &mut Trial) -> Checked {
    for _ in 0..100 {
        trial.round();
        let calls = table(&mut trial.random);
        let number = loop {
            let number = trial.random.index(calls.len());
            if calls[number].is_some() {
                break number;
            }
        };
        let (before, after, made) = serve(trial, &calls, number as u64);
        let [(place, seen)] = made[..] else {
            trial.compared("one call", format_args!("{} calls", made.len()));
            return trial.fail("the call must be made once");
        };
        trial.equal("the number is the index of the call", place, number)?;
        trial.equal("the call must see the registers as the program left them", seen, before)?;
        let expected = in_rax(answer(&before));
        let message = "RAX must hold the call's answer, as `in_rax` gives it";
        trial.equal_hex(message, after.rax, expected)?;
        let untouched = Registers { rax: after.rax, ..before };
        trial.equal("only RAX may change", after, untouched)?;
    }
    Ok(())
}

fn unknown_numbers(trial: &mut Trial) -> Checked {
    for round in 0..120 {
        trial.round();
        let calls = table(&mut trial.random);
        let length = calls.len() as u64;
        let empty = calls.iter().position(Option::is_none).unwrap_or(0) as u64;
        let known = calls.iter().position(Option::is_some).unwrap_or(0) as u64;
        // The first rounds meet every kind.
        let number = match round % 6 {
            0 => known | 1 << trial.random.within(32..=63),
            1 => empty,
            2 => length,
            3 => length + trial.random.below(1000),
            4 => u64::MAX - trial.random.below(40),
            _ => trial.random.bits() | 1 << 40,
        };
        let (before, after, made) = serve(trial, &calls, number);
        if !made.is_empty() {
            let cut = number >> 32 != 0;
            return trial.fail(if cut {
                "a call was made: the number's upper 32 bits were cut off"
            } else {
                "a call was made for a number that has none"
            });
        }
        let expected = in_rax(Err(Error::NoSuchCall));
        let message = if after.rax == number && number != expected {
            "there is no such call, but RAX still holds the number: it must be ENOSYS, -38"
        } else if number == empty {
            "the table's place is empty: that is ENOSYS, -38"
        } else {
            "the number is beyond the table: that is ENOSYS, -38"
        };
        trial.equal_hex(message, after.rax, expected)?;
        let untouched = Registers { rax: after.rax, ..before };
        trial.equal("only RAX may change", after, untouched)?;
    }
    Ok(())
}
