//! Exercise: setting up a serial port.
//!
//! After power-on, or after the firmware, a UART's registers hold anything. You write the
//! function that brings COM1 into a known state, and the one that finds the divisor for a
//! baud rate. README.md beside this folder shows the registers.

#![no_std]

/// The registers of a UART, by their offset from its first I/O port. The checks give you
/// one that is simulated, and then COM1.
pub trait Registers {
    /// Reads the register at `offset`.
    fn read(&mut self, offset: u16) -> u8;
    /// Writes the register at `offset`.
    fn write(&mut self, offset: u16, value: u8);
}

/// What the registers are for, and where (PC16550D data sheet, 8.0 "Registers").
pub mod offset {
    /// DLL, the divisor's low byte, while DLAB is 1; else the byte to be sent.
    pub const DIVISOR_LOW: u16 = 0;
    /// DLM, the divisor's high byte, while DLAB is 1.
    pub const DIVISOR_HIGH: u16 = 1;
    /// IER, which events interrupt, while DLAB is 0.
    pub const INTERRUPT_ENABLE: u16 = 1;
    /// FCR, the FIFOs; can only be written.
    pub const FIFO_CONTROL: u16 = 2;
    /// LCR, the format of a frame, and DLAB.
    pub const LINE_CONTROL: u16 = 3;
    /// MCR, the lines to the other side.
    pub const MODEM_CONTROL: u16 = 4;
}

/// LCR bits 0 and 1: 8 data bits (8.1 "Line Control Register").
pub const EIGHT_DATA_BITS: u8 = 0b11;
/// LCR bit 7, DLAB: offsets 0 and 1 are the divisor.
pub const DIVISOR_ACCESS: u8 = 1 << 7;

/// FCR bit 0: FIFOs on (8.5 "FIFO Control Register").
pub const FIFO_ENABLE: u8 = 1 << 0;
/// FCR bit 1: empty the receiver's FIFO.
pub const CLEAR_RECEIVER: u8 = 1 << 1;
/// FCR bit 2: empty the transmitter's FIFO.
pub const CLEAR_TRANSMITTER: u8 = 1 << 2;

/// MCR bit 0, DTR: we are here (8.8 "Modem Control Register").
pub const TERMINAL_READY: u8 = 1 << 0;
/// MCR bit 1, RTS: we can take bytes.
pub const REQUEST_TO_SEND: u8 = 1 << 1;

/// The highest baud rate, which divisor 1 gives: the PC's clock of 1.8432 MHz by 16.
pub const BAUD_MAX: u32 = 115_200;

/// The divisor that makes exactly `baud`, or `None` if there is none: it is a whole
/// number of 16 bits, and not 0.
pub fn divisor(baud: u32) -> Option<u16> {
    if baud == 0 || !BAUD_MAX.is_multiple_of(baud) {
        return None;
    }
    u16::try_from(BAUD_MAX / baud).ok()
}

/// Brings the UART into a known state, whatever it was in: no interrupts, `divisor` in
/// effect, 8 data bits, no parity, 1 stop bit, FIFOs on and empty, DTR and RTS on.
pub fn init(uart: &mut impl Registers, divisor: u16) {
    let [low, high] = divisor.to_le_bytes();
    uart.write(offset::LINE_CONTROL, DIVISOR_ACCESS);
    uart.write(offset::DIVISOR_LOW, low);
    uart.write(offset::DIVISOR_HIGH, high);
    uart.write(offset::LINE_CONTROL, EIGHT_DATA_BITS);
    uart.write(offset::INTERRUPT_ENABLE, 0);
    uart.write(offset::FIFO_CONTROL, FIFO_ENABLE | CLEAR_RECEIVER | CLEAR_TRANSMITTER);
    uart.write(offset::MODEM_CONTROL, TERMINAL_READY | REQUEST_TO_SEND);
}
