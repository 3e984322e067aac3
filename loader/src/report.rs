//! How the loader fails: one line on COM1 for people, one event for the host
//! tool, and out of the machine. It never returns and never hangs silently.

use core::{
    fmt::{self, Display, Write},
    panic::PanicInfo,
};

use shared::{
    events::{self, Event},
    exit::{self, Reason},
};
use uart_16550::{Config, Uart16550, backend::PioBackend};

/// COM1's I/O port.
const COM1: u16 = 0x3f8;

/// How often a byte is offered before the line is given up: a PC without a
/// receiver at the other end must not stop the loader from ending.
const PATIENCE: u32 = 1_000_000;

/// Says why no kernel is booted, and ends.
pub fn refuse(reason: impl Display) -> ! {
    let mut serial = Serial::open();
    // The writer never fails, and nobody is left to tell.
    let _ = write!(serial, "loader: error: {reason}");
    serial.end_line();
    events::emit(Event::Refused { reason });
    exit::leave(Reason::LoaderRefused)
}

/// [`refuse`] for a panic: a bug of the loader's.
pub fn panicked(info: &PanicInfo) -> ! {
    match info.location() {
        Some(at) => refuse(format_args!(
            "panic: {} ({}:{}); please report this loader bug",
            info.message(),
            at.file(),
            at.line()
        )),
        None => refuse(format_args!("panic: {}; please report this loader bug", info.message())),
    }
}

/// COM1, if there is one. Line ends and other control characters inside the
/// text become blanks, so that a report is one line whatever it quotes.
struct Serial(Option<Uart16550<PioBackend>>);

impl Serial {
    fn open() -> Self {
        // SAFETY: the port is COM1's on a PC; the loader is the only program
        // running, and no kernel will follow.
        let uart = unsafe { Uart16550::new_port(COM1) };
        Self(uart.ok().and_then(|mut uart| uart.init(Config::default()).ok().map(|()| uart)))
    }

    fn end_line(&mut self) {
        self.send(b'\r');
        self.send(b'\n');
    }

    fn send(&mut self, byte: u8) {
        if let Some(uart) = &mut self.0
            && (0..PATIENCE).all(|_| uart.try_send_byte(byte).is_err())
        {
            self.0 = None;
        }
    }
}

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.send(if byte.is_ascii_control() { b' ' } else { byte });
        }
        Ok(())
    }
}
