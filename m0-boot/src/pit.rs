//! The tick: channel 0 of the 8254 timer, 100 times a second.
//!
//! Mode 2, "rate generator": the output pulses each time the counter has run
//! through (8254 data sheet, "Mode 2: Rate Generator"), which the first 8259A
//! sees on line 0.

use crate::clock::PIT_HZ;
use crate::irq::{self, Line};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use x86_64::instructions::interrupts::without_interrupts;
use x86_64::instructions::port::Port;

/// Ticks per second.
pub const TICK_HZ: u64 = 100;

const CHANNEL_0: u16 = 0x40;
const CONTROL: u16 = 0x43;
/// Channel 0 (bits 7:6 = 00), low byte then high byte (5:4 = 11), mode 2 (3:1 =
/// 010), binary (0).
const CHANNEL_0_MODE_2: u8 = 0b0011_0100;

/// What the counter starts from, rounded to the nearest rate.
const DIVISOR: u16 = ((PIT_HZ + TICK_HZ / 2) / TICK_HZ) as u16;
const _: () = assert!(DIVISOR == 11_932);

static TICKS: AtomicU64 = AtomicU64::new(0);

/// Starts the tick. It arrives once interrupts are on.
pub fn init() {
    without_interrupts(|| {
        let (mut control, mut data) = (Port::<u8>::new(CONTROL), Port::<u8>::new(CHANNEL_0));
        let [low, high] = DIVISOR.to_le_bytes();
        // SAFETY: channel 0 is ours; nothing else uses it once the firmware's
        // boot services have ended.
        unsafe {
            control.write(CHANNEL_0_MODE_2);
            data.write(low);
            data.write(high);
        }
    });
    irq::enable(Line::TIMER, |_| count());
}

/// Counts a tick. For the handler of [`Line::TIMER`], which has to do so first if
/// it is not [`init`]'s.
pub fn count() {
    TICKS.fetch_add(1, Relaxed);
}

/// Ticks since [`init`].
#[inline]
pub fn ticks() -> u64 {
    TICKS.load(Relaxed)
}
