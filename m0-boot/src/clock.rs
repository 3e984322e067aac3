//! Time since boot, from the time-stamp counter (TSC).
//!
//! The TSC counts at a constant rate that no register tells reliably (Intel SDM
//! Vol. 3B, 19.17 "Time-Stamp Counter"), so it is measured once against the
//! 8254 timer's channel 2, whose 1.193182 MHz every PC shares and which can be
//! watched without interrupts (8254 data sheet, "Mode 0: Interrupt on terminal
//! count"; port 61h bit 5 shows the channel's output).

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use x86_64::instructions::port::Port;

/// The 8254's input clock.
pub const PIT_HZ: u64 = 1_193_182;

/// How long one measurement takes.
const CALIBRATION_US: u64 = 1_000;

/// Most that are made. Whatever disturbs one, such as a busy host, makes it longer,
/// so the shortest is the best; once two of them agree, it is good.
const CALIBRATIONS: u32 = 16;

/// Two measurements agree if they differ by no more than a 512th: the 8254 itself
/// is read to a 1193rd.
const AGREEMENT: u64 = 512;

/// Polls of port 61h after which the timer counts as dead. One poll takes at
/// least some 100 ns on real hardware, so this is far beyond the 2 ms.
const POLL_LIMIT: u32 = 10_000_000;

/// Channel 2's data port, and the 8254's control port.
const CHANNEL_2: u16 = 0x42;
const CONTROL: u16 = 0x43;
/// Channel 2 (bits 7:6 = 10), low byte then high byte (5:4 = 11), mode 0 (3:1),
/// binary (0).
const CHANNEL_2_MODE_0: u8 = 0b1011_0000;

/// "NMI status and control" port: bit 0 gates channel 2, bit 1 connects the
/// speaker, bit 5 is channel 2's output.
const GATE_PORT: u16 = 0x61;
const GATE: u8 = 1 << 0;
const SPEAKER: u8 = 1 << 1;
const OUTPUT: u8 = 1 << 5;

static START_TSC: AtomicU64 = AtomicU64::new(0);
static TSC_PER_MS: AtomicU64 = AtomicU64::new(0);

/// The 8254 never reached its terminal count: there is no timer to measure with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimerSilent;

impl core::fmt::Display for TimerSilent {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "8254 timer channel 2 never finished counting; no clock to calibrate with")
    }
}

/// Starts the clock at zero and measures its rate. Takes 2 ms if nothing disturbs.
///
/// # Errors
/// [`TimerSilent`] if the machine has no working 8254.
pub fn init() -> Result<(), TimerSilent> {
    let start = read_tsc();
    START_TSC.store(start, Relaxed);
    let mut cycles = measure_tsc()?;
    for _ in 1..CALIBRATIONS {
        let another = measure_tsc()?;
        let agree = cycles.abs_diff(another) <= cycles / AGREEMENT;
        cycles = cycles.min(another);
        if agree {
            break;
        }
    }
    TSC_PER_MS.store((cycles * 1_000 / CALIBRATION_US).max(1), Relaxed);
    Ok(())
}

/// Nanoseconds since [`init`]; zero before it has finished.
pub fn now_ns() -> u64 {
    let rate = TSC_PER_MS.load(Relaxed);
    if rate == 0 {
        return 0;
    }
    let cycles = read_tsc().wrapping_sub(START_TSC.load(Relaxed));
    // 128 bits, because cycles × 10⁶ overflows 64 after a few hours.
    (u128::from(cycles) * 1_000_000 / u128::from(rate)) as u64
}

/// Reads the time-stamp counter.
pub fn read_tsc() -> u64 {
    // SAFETY: RDTSC only reads; CR4.TSD does not forbid it to ring 0.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// TSC cycles that pass in [`CALIBRATION_US`].
fn measure_tsc() -> Result<u64, TimerSilent> {
    let count = (PIT_HZ * CALIBRATION_US / 1_000_000) as u16;
    let (mut gate, mut control, mut data) =
        (Port::<u8>::new(GATE_PORT), Port::<u8>::new(CONTROL), Port::<u8>::new(CHANNEL_2));
    // SAFETY: channel 2 drives nothing but the speaker, which stays off; no
    // other code uses it.
    unsafe {
        let saved = gate.read();
        gate.write((saved & !SPEAKER) | GATE);
        control.write(CHANNEL_2_MODE_0);
        data.write(count as u8);
        let from = read_tsc();
        data.write((count >> 8) as u8); // the channel starts to count
        let polls = (0..POLL_LIMIT).position(|_| gate.read() & OUTPUT != 0);
        let cycles = read_tsc().wrapping_sub(from);
        gate.write(saved);
        polls.map(|_| cycles).ok_or(TimerSilent)
    }
}
