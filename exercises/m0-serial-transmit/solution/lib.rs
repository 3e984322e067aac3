//! Exercise: sending text through a serial port.
//!
//! The UART takes one byte at a time and says when it can take the next. You write the
//! function that waits and sends, and the one that sends text with it. README.md beside
//! this folder shows the registers.

#![no_std]

/// The registers of a UART, by their offset from its first I/O port. The checks give you
/// one that is simulated, and then COM1.
pub trait Registers {
    /// Reads the register at `offset`.
    fn read(&mut self, offset: u16) -> u8;
    /// Writes the register at `offset`.
    fn write(&mut self, offset: u16, value: u8);
}

/// THR, the transmitter holding register: what is written here is sent (PC16550D data
/// sheet, 8.0 "Registers", Table 1).
pub const TRANSMIT: u16 = 0;
/// LSR, the line status register (8.4 "Line Status Register").
pub const LINE_STATUS: u16 = 5;

/// LSR bit 5, THRE: the transmitter holding register is empty.
pub const HOLDING_EMPTY: u8 = 1 << 5;

/// Waits until the UART can take a byte, and gives it `byte`.
pub fn send_byte(uart: &mut impl Registers, byte: u8) {
    while uart.read(LINE_STATUS) & HOLDING_EMPTY == 0 {
        core::hint::spin_loop();
    }
    uart.write(TRANSMIT, byte);
}

/// Sends all bytes of `text`. A line end, `\n`, is sent as `\r\n`: terminals go to the
/// left margin by the former and to the next line by the latter.
pub fn send_text(uart: &mut impl Registers, text: &str) {
    for byte in text.bytes() {
        if byte == b'\n' {
            send_byte(uart, b'\r');
        }
        send_byte(uart, byte);
    }
}
