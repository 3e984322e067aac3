//! The number for a rate, and what is written to the timer's ports.

use harness::{Check, Checked, Layout, Trial};
use m0_pit_ticks::{CLOCK_HZ, CONTROL, COUNTER_0, Ports, command, count_for, start};
use std::process::ExitCode;

const CHECKS: &[Check] = &[
    Check { name: "count", body: count },
    Check { name: "command", body: command_byte },
    Check { name: "bytes", body: bytes },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

/// Intel 8254 data sheet, "Control Word Format".
const COMMAND: Layout =
    Layout::new(8, &[("counter", 7, 6), ("access", 5, 4), ("mode", 3, 1), ("BCD", 0, 0)]);
/// Counter 0, low byte then high byte, mode 2, binary.
const RATE_GENERATOR: u8 = 0b0011_0100;

/// Whether no other number gives a period nearer to that of `hz`.
fn is_nearest(count: u32, hz: u32) -> bool {
    let cycles = u64::from(count) * u64::from(hz);
    2 * cycles.abs_diff(u64::from(CLOCK_HZ)) <= u64::from(hz)
}

/// Rates that can be had, the ends of the range, and beyond.
fn count(trial: &mut Trial) -> Checked {
    for _ in 0..300 {
        trial.round();
        // Up to 1 kHz, where kernels tick, and up to where the number is 2.
        let most = trial.random.pick(&[1_000, 590_000]);
        let hz = trial.random.within(19..=most) as u32;
        trial.given("hz", hz);
        trial.given("quotient", format_args!("{:.3}", f64::from(CLOCK_HZ) / f64::from(hz)));
        let nearest = ((f64::from(CLOCK_HZ) / f64::from(hz)).round()) as u32;
        match count_for(hz) {
            Some(count) if is_nearest(count, hz) => {}
            Some(count) => {
                let message = if count == CLOCK_HZ / hz {
                    "the rest of the division was thrown away: the next number is nearer"
                } else {
                    "that is not the nearest number"
                };
                trial.equal(message, Some(count), Some(nearest))?;
            }
            None => trial.equal("this rate has a number", None, Some(nearest))?,
        }
    }
    // 18 Hz need 66288; 0 Hz would never tick; near the clock's rate the number is 1.
    let low = trial.random.within(1..=18) as u32;
    for hz in [18, low, 0] {
        trial.round();
        trial.given("hz", hz);
        trial.equal(
            "so slow the timer can't tick: 16 bits don't hold the number",
            count_for(hz),
            None,
        )?;
    }
    let fast = trial.random.within(900_000..=2_000_000) as u32;
    let faster = trial.random.within(3_000_000..=u64::from(u32::MAX / 2)) as u32;
    for hz in [fast, faster] {
        trial.round();
        trial.given("hz", hz);
        trial.equal(
            "so fast the timer can't tick: mode 2 counts from 2 at least",
            count_for(hz),
            None,
        )?;
    }
    Ok(())
}

/// The byte, field by field.
fn command_byte(trial: &mut Trial) -> Checked {
    let (got, expected) = (command(), RATE_GENERATOR);
    let differs = got ^ expected;
    let message = if differs >> 6 != 0 {
        "bits 7 and 6 name the counter: 0 is the one behind interrupt line 0"
    } else if differs >> 4 & 3 != 0 {
        "bits 5 and 4 say how the number comes: 3 is low byte, then high byte"
    } else if differs >> 1 & 7 != 0 && got >> 1 & 7 == 0 {
        "mode 0 raises the line once and is done; mode 2 starts again by itself"
    } else if differs >> 1 & 7 != 0 {
        "bits 3 to 1 are the mode: 2 is the rate generator"
    } else {
        "bit 0 makes it count in decimal digits; it should count in binary"
    };
    trial.bits(message, COMMAND, got.into(), expected.into())
}

/// What was written where.
#[derive(Default)]
struct Log(Vec<(u16, u8)>);

impl Ports for Log {
    fn write(&mut self, port: u16, value: u8) {
        self.0.push((port, value));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:#04x}")).collect::<Vec<_>>().join(" ")
}

/// Command, low byte, high byte.
fn bytes(trial: &mut Trial) -> Checked {
    for round in 0..100 {
        trial.round();
        let number = if round == 99 { 1 << 16 } else { trial.random.within(2..=0xffff) as u32 };
        trial.given("count", format_args!("{number} ({number:#x})"));
        let mut log = Log::default();
        start(&mut log, number);
        let written: Vec<String> =
            log.0.iter().map(|(port, value)| format!("{port:x}<-{value:x}")).collect();
        trial.given("log", written.join(" "));
        if let Some((port, _)) = log.0.iter().find(|(port, _)| ![CONTROL, COUNTER_0].contains(port))
        {
            return trial.fail(format_args!("port {port:#x} is neither CONTROL nor COUNTER_0"));
        }
        if log.0.first().is_none_or(|(port, _)| *port != CONTROL) {
            return trial.fail("the command comes first, on the port CONTROL");
        }
        let number_bytes: Vec<u8> = log.0[1..].iter().map(|(_, value)| *value).collect();
        if log.0[1..].iter().any(|(port, _)| *port == CONTROL) {
            return trial.fail("only one byte goes to CONTROL: the number belongs to COUNTER_0");
        }
        let [low, high, ..] = number.to_le_bytes();
        let message = if number_bytes.len() < 2 {
            "the timer still waits: the number comes as two bytes"
        } else if number_bytes.len() > 2 {
            "the number comes as two bytes, not more"
        } else if number_bytes == [high, low] {
            "the high byte came first: the timer takes the first byte for the low one"
        } else {
            "the two bytes make up the number, low byte first"
        };
        if number_bytes != [low, high] {
            trial.compared(format_args!("{low:#04x} {high:#04x}"), hex(&number_bytes));
            return trial.fail(message);
        }
        // What the command byte holds is told by the check before this one.
        trial.equal_hex("the first byte is the command", log.0[0].1, command())?;
    }
    Ok(())
}
