//! Exercise: the two 8259A interrupt controllers.
//!
//! You write the functions that move the lines to vectors of your choice, and that end
//! an interrupt. README.md beside this folder has the picture and the words.

#![no_std]

/// The CPU's I/O ports. On the machine these are the instructions IN and OUT.
pub trait Ports {
    /// Reads a byte from `port`.
    fn read(&mut self, port: u16) -> u8;
    /// Writes a byte to `port`.
    fn write(&mut self, port: u16, value: u8);
}

/// Ports of the first controller, lines 0 to 7.
pub const COMMAND_1: u16 = 0x20;
/// Its data port: the rest of the initialization, then the mask.
pub const DATA_1: u16 = 0x21;
/// Ports of the second controller, lines 8 to 15.
pub const COMMAND_2: u16 = 0xa0;
/// Its data port.
pub const DATA_2: u16 = 0xa1;

/// The first line of the second controller.
pub const SECOND: u8 = 8;
/// The first controller's line that the second one is plugged into.
pub const CASCADE_LINE: u8 = 2;

/// "Initialization begins" (bit 4), "ICW4 will come" (bit 0); lines are edge-triggered
/// (bit 3 clear) and there are two controllers (bit 1 clear).
pub const ICW1: u8 = 0b0001_0001;
/// "8086 mode" (bit 0); the end of an interrupt is told by software (bit 1 clear).
pub const ICW4: u8 = 0b0000_0001;
/// The most urgent line in service is done.
pub const END_OF_INTERRUPT: u8 = 0x20;

/// Makes line 0 raise `first_vector`, line 1 the next one, and so on to line 15. The
/// masks stay as they are. `first_vector` is a multiple of 8.
///
/// Call it with interrupts off.
pub fn remap(ports: &mut impl Ports, first_vector: u8) {
    let masks = (ports.read(DATA_1), ports.read(DATA_2));
    let first = [first_vector, 1 << CASCADE_LINE, ICW4];
    let second = [first_vector + SECOND, CASCADE_LINE, ICW4];
    ports.write(COMMAND_1, ICW1);
    first.into_iter().for_each(|word| ports.write(DATA_1, word));
    ports.write(COMMAND_2, ICW1);
    second.into_iter().for_each(|word| ports.write(DATA_2, word));
    ports.write(DATA_1, masks.0);
    ports.write(DATA_2, masks.1);
}

/// Tells the controllers that the interrupt of `line`, 0 to 15, has been handled.
pub fn end_of_interrupt(ports: &mut impl Ports, line: u8) {
    if line >= SECOND {
        ports.write(COMMAND_2, END_OF_INTERRUPT);
    }
    ports.write(COMMAND_1, END_OF_INTERRUPT);
}
