//! Sending through COM1. In loopback mode the UART receives what it sends, so that
//! nothing of it reaches the kernel's log.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::fmt::{self, Write};
use harness::{Check, Checked, Trial};
use m0_serial_transmit::{LINE_STATUS, Registers, TRANSMIT, send_text};
use x86_64::instructions::port::Port;

shared::host_main!("cargo xtask check m0-serial-transmit");

const CHECKS: &[Check] = &[Check { name: "loopback", body: loopback }];

/// The loader jumps here.
#[cfg_attr(target_os = "none", unsafe(no_mangle))]
pub extern "C" fn kernel_entry() -> ! {
    harness::boot::m0(CHECKS)
}

/// COM1's first I/O port (IBM PC/AT convention).
const COM1: u16 = 0x3f8;
/// RBR, the receiver buffer register, by its offset (PC16550D data sheet, 8.0 "Registers").
const RECEIVE: u16 = 0;
/// MCR, the modem control register (8.8), and its bit 4: the transmitter feeds the
/// receiver.
const MODEM_CONTROL: u16 = 4;
const LOOP: u8 = 1 << 4;
/// Bits of LSR (8.4 "Line Status Register").
const DATA_READY: u8 = 1 << 0;
const HOLDING_EMPTY: u8 = 1 << 5;
const TRANSMITTER_EMPTY: u8 = 1 << 6;

/// How often a bit of LSR is waited for before the UART is given up.
const LOOKS_MAX: u32 = 1_000_000;
/// How many bytes the receiver can hold.
const FIFO_BYTES: usize = 16;
/// More bytes than any round sends.
const BYTES_MAX: usize = 64;

fn read_port(offset: u16) -> u8 {
    // SAFETY: the port is a register of COM1; nothing else in this kernel runs that uses it.
    unsafe { Port::new(COM1 + offset).read() }
}

fn write_port(offset: u16, value: u8) {
    // SAFETY: as in `read_port`; the checks write to no register that could do more than
    // send a byte or switch loopback mode.
    unsafe { Port::new(COM1 + offset).write(value) }
}

/// Waits, but not for ever.
fn wait_for(bit: u8) -> bool {
    (0..LOOKS_MAX).any(|_| read_port(LINE_STATUS) & bit != 0)
}

/// COM1 in loopback mode.
struct Com1 {
    modem_control: u8,
    received: [u8; BYTES_MAX],
    count: usize,
    /// LSR showed THRE since the last byte.
    ready: bool,
    /// A byte was sent without that.
    unasked: bool,
    looks: u32,
}

impl Com1 {
    fn looped() -> Self {
        // What the log has sent must be out, or it would come back.
        wait_for(TRANSMITTER_EMPTY);
        let modem_control = read_port(MODEM_CONTROL);
        write_port(MODEM_CONTROL, modem_control | LOOP);
        for _ in 0..FIFO_BYTES {
            read_port(RECEIVE);
        }
        let received = [0; BYTES_MAX];
        Self { modem_control, received, count: 0, ready: false, unasked: false, looks: 0 }
    }

    /// Ends loopback mode: the log needs the wire.
    fn leave(&self) {
        write_port(MODEM_CONTROL, self.modem_control);
    }

    fn received(&self) -> &str {
        as_text(&self.received[..self.count])
    }
}

impl Registers for Com1 {
    fn read(&mut self, offset: u16) -> u8 {
        if offset != LINE_STATUS {
            return 0;
        }
        self.looks += 1;
        // A driver that waits for the wrong thing shall come to an end.
        let status = if self.looks > LOOKS_MAX { u8::MAX } else { read_port(LINE_STATUS) };
        self.ready = status & HOLDING_EMPTY != 0;
        status
    }

    fn write(&mut self, offset: u16, value: u8) {
        if offset != TRANSMIT {
            return;
        }
        self.unasked |= !self.ready;
        (self.ready, self.looks) = (false, 0);
        write_port(TRANSMIT, value);
        if wait_for(DATA_READY) && self.count < BYTES_MAX {
            self.received[self.count] = read_port(RECEIVE);
            self.count += 1;
        }
    }
}

/// What is sent through COM1 must come back.
fn loopback(trial: &mut Trial) -> Checked {
    for _ in 0..20 {
        trial.round();
        let mut text = [0; BYTES_MAX / 2];
        for byte in &mut text {
            *byte = trial.random.within(0x20..=0x7e) as u8;
        }
        let last = trial.random.index(text.len());
        text[last] = b'\n';
        let mut expected = [0; BYTES_MAX];
        expected[..last].copy_from_slice(&text[..last]);
        expected[last..last + 2].copy_from_slice(b"\r\n");
        let text = as_text(&text[..=last]);
        trial.given("text", format_args!("{:?}", Shown(text)));
        let mut com1 = Com1::looped();
        send_text(&mut com1, text);
        com1.leave();
        let expected = Shown(as_text(&expected[..last + 2]));
        trial.equal("this is what came out of COM1", Shown(com1.received()), expected)?;
        let message = "a byte was sent although LSR had not shown THRE since the one before";
        trial.holds(!com1.unasked, message)?;
    }
    Ok(())
}

fn as_text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap_or("(not ASCII)")
}

/// Text with its line ends in words, to be shown.
#[derive(PartialEq, Eq)]
struct Shown<'a>(&'a str);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '\r' => f.write_str("<CR>")?,
                '\n' => f.write_str("<LF>")?,
                other => f.write_char(other)?,
            }
        }
        f.write_str("\"")
    }
}
