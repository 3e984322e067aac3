//! COM1: the text that people read.
//!
//! The UART (16550, PC16550D data sheet, "8.0 Registers") is driven by the
//! `uart_16550` crate; the exercise `m0-uart-init` does it by hand. This module
//! adds the lock, so that a line printed by an interrupt handler never lands
//! inside another line, and a way round the lock for reports of faults.

use core::fmt::{self, Write};
use spin::Mutex;
use uart_16550::backend::PioBackend;
use uart_16550::{BaudRate, Config, Uart16550Tty, Uart16550TtyError};
use x86_64::instructions::interrupts::without_interrupts;

/// COM1's first I/O port (IBM PC/AT convention; ACPI names it too).
const COM1: u16 = 0x3f8;

static PORT: Mutex<Option<Uart16550Tty<PioBackend>>> = Mutex::new(None);

/// Prepares COM1: 115200 baud, 8 data bits, no parity, 1 stop bit, FIFOs on.
///
/// # Errors
/// There is no UART at COM1's address, or its loop-back test fails.
pub fn init() -> Result<(), Uart16550TtyError> {
    let config = Config { baud_rate: BaudRate::Baud115200, ..Config::DEFAULT };
    // SAFETY: COM1's eight ports belong to the UART, and `PORT` is the only
    // place that drives it once the kernel runs.
    let uart = unsafe { Uart16550Tty::new_port(COM1, config) }?;
    without_interrupts(|| *PORT.lock() = Some(uart));
    Ok(())
}

/// Writes formatted text; what `print!` expands to. Lost if there is no UART.
pub fn write(arguments: fmt::Arguments) {
    without_interrupts(|| {
        if let Some(uart) = PORT.lock().as_mut() {
            // The UART's writer never fails; a failing `Display` of an
            // argument leaves a short line, which is what one wants to see.
            let _ = uart.write_fmt(arguments);
        }
    });
}

/// Takes the port away from whoever holds it, for the last words of a kernel
/// that will not continue.
///
/// # Safety
/// The code that holds the lock must never run again: the caller stops the
/// kernel after its report, on the only CPU.
pub unsafe fn seize() {
    if PORT.is_locked() {
        // SAFETY: the holder never resumes (this function's contract).
        unsafe { PORT.force_unlock() };
    }
}

/// Prints to COM1.
#[macro_export]
macro_rules! print {
    ($($argument:tt)*) => { $crate::serial::write(format_args!($($argument)*)) };
}

/// Prints a line to COM1.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($argument:tt)*) => {
        $crate::serial::write(format_args!("{}\n", format_args!($($argument)*)))
    };
}
