//! Exercise: the 8254 timer's tick.
//!
//! You write the functions that make it interrupt at a given rate. README.md beside this
//! folder has the picture of the command byte.

#![no_std]

/// The CPU's I/O ports. On the machine this is the instruction OUT.
pub trait Ports {
    /// Writes a byte to `port`.
    fn write(&mut self, port: u16, value: u8);
}

/// The timer's clock, in cycles per second.
pub const CLOCK_HZ: u32 = 1_193_182;
/// The smallest number that mode 2 counts from.
pub const COUNT_MIN: u32 = 2;
/// The largest: 16 bits, with 0 for the number that they can't hold.
pub const COUNT_MAX: u32 = 1 << 16;

/// The port of counter 0, which is behind interrupt line 0.
pub const COUNTER_0: u16 = 0x40;
/// The port for command bytes.
pub const CONTROL: u16 = 0x43;

/// What to count from for `hz` ticks per second: the nearest number. `None` if that is
/// not from [`COUNT_MIN`] to [`COUNT_MAX`], or `hz` is 0.
pub fn count_for(hz: u32) -> Option<u32> {
    todo!("divide the clock by `hz`, to the nearest number")
}

/// The command byte: counter 0, low byte then high byte, mode 2, binary.
pub fn command() -> u8 {
    todo!("put each of the four fields to its place")
}

/// Starts the tick, counting from `count`, which [`count_for`] gave.
pub fn start(ports: &mut impl Ports, count: u32) {
    todo!("write the command, then the two bytes of `count`")
}
