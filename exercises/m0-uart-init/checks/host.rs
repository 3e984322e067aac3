//! The set-up of a simulated UART that somebody left in disorder.

use harness::{Check, Checked, Layout, Random, Trial};
use m0_uart_init::{Registers, divisor, init};
use std::process::ExitCode;

const CHECKS: &[Check] = &[
    Check { name: "baud-divisor", body: baud_divisor },
    Check { name: "divisor-latch", body: divisor_latch },
    Check { name: "frame-format", body: frame_format },
    Check { name: "interrupts-and-lines", body: interrupts_and_lines },
    Check { name: "fifos", body: fifos },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

/// PC16550D data sheet, 8.1 "Line Control Register".
const LCR: Layout = Layout::new(
    8,
    &[
        ("DLAB", 7, 7),
        ("break", 6, 6),
        ("stick", 5, 5),
        ("even", 4, 4),
        ("parity", 3, 3),
        ("stop", 2, 2),
        ("length", 1, 0),
    ],
);
/// 8.8 "Modem Control Register".
const MCR: Layout =
    Layout::new(8, &[("loop", 4, 4), ("OUT2", 3, 3), ("OUT1", 2, 2), ("RTS", 1, 1), ("DTR", 0, 0)]);
/// 8.7 "Interrupt Enable Register".
const IER: Layout =
    Layout::new(8, &[("modem", 3, 3), ("line", 2, 2), ("sent", 1, 1), ("received", 0, 0)]);

const DLAB: u8 = 1 << 7;
const LENGTH: u8 = 0b11;
const LOOP: u8 = 1 << 4;
const DTR_AND_RTS: u8 = 0b11;
const MCR_BITS: u8 = 0b1_1111;
const IER_BITS: u8 = 0b1111;
const FIFO_ENABLE: u8 = 1 << 0;
const CLEAR_RECEIVER: u8 = 1 << 1;
const CLEAR_TRANSMITTER: u8 = 1 << 2;
/// THRE and TEMT: the transmitter is idle (8.4 "Line Status Register").
const IDLE: u8 = 0b11 << 5;

/// What lies behind the offsets.
struct Uart {
    dll: u8,
    dlm: u8,
    ier: u8,
    lcr: u8,
    mcr: u8,
    fifo: bool,
    /// The FIFOs hold what the firmware left there.
    receiver_stale: bool,
    transmitter_stale: bool,
    /// FCR was written without bit 0, but with others.
    fcr_ignored: bool,
    /// Bytes that went out on the wire.
    sent: Vec<u8>,
    /// What came to DLM by a write to offset 1 while DLAB was 1.
    dlm_writes: Vec<u8>,
}

impl Uart {
    /// As the firmware may leave it.
    fn left_over(random: &mut Random) -> Self {
        let mut byte = || random.bits() as u8;
        Self {
            dll: byte(),
            dlm: byte(),
            ier: byte() & IER_BITS | 1,
            lcr: byte(),
            mcr: byte() & MCR_BITS,
            fifo: true,
            receiver_stale: true,
            transmitter_stale: true,
            fcr_ignored: false,
            sent: Vec::new(),
            dlm_writes: Vec::new(),
        }
    }

    fn dlab(&self) -> bool {
        self.lcr & DLAB != 0
    }

    fn divisor(&self) -> u16 {
        u16::from_le_bytes([self.dll, self.dlm])
    }
}

impl Registers for Uart {
    fn read(&mut self, offset: u16) -> u8 {
        match (offset, self.dlab()) {
            (0, true) => self.dll,
            (1, true) => self.dlm,
            (1, false) => self.ier,
            (3, _) => self.lcr,
            (4, _) => self.mcr,
            (5, _) => IDLE,
            _ => 0,
        }
    }

    fn write(&mut self, offset: u16, value: u8) {
        match (offset, self.dlab()) {
            (0, true) => self.dll = value,
            (0, false) => self.sent.push(value),
            (1, true) => {
                self.dlm = value;
                self.dlm_writes.push(value);
            }
            (1, false) => self.ier = value & IER_BITS,
            (2, _) => {
                self.fifo = value & FIFO_ENABLE != 0;
                self.receiver_stale &= !self.fifo || value & CLEAR_RECEIVER == 0;
                self.transmitter_stale &= !self.fifo || value & CLEAR_TRANSMITTER == 0;
                self.fcr_ignored |= !self.fifo && value != 0;
            }
            (3, _) => self.lcr = value,
            (4, _) => self.mcr = value,
            _ => {}
        }
    }
}

/// Rates that can be made, and rates that cannot.
fn baud_divisor(trial: &mut Trial) -> Checked {
    const BAUD_MAX: u32 = 115_200;
    const GOOD: [u32; 10] = [115_200, 57_600, 38_400, 19_200, 9600, 4800, 2400, 1200, 300, 50];
    const TOO_SLOW: u32 = 1;
    let odd = trial.random.within(57_601..=115_199) as u32;
    let fast = trial.random.within(115_201..=4_000_000) as u32;
    let mut rates = GOOD.to_vec();
    trial.random.shuffle(&mut rates);
    rates.extend([odd, fast, 31_250, TOO_SLOW, 0, u32::MAX]);
    for baud in rates {
        trial.round();
        trial.given("baud", baud);
        if baud == 0 {
            // Shown by a panic where it is divided by.
            trial.equal("no divisor makes 0 baud", divisor(baud), None)?;
            continue;
        }
        let exact = BAUD_MAX.is_multiple_of(baud);
        let expected = u16::try_from(BAUD_MAX / baud).ok().filter(|_| exact);
        let message = match baud {
            TOO_SLOW => "the divisor of so slow a rate does not fit into 16 bits",
            _ if baud > BAUD_MAX => "a rate above the maximum has no divisor",
            _ if !exact => "a rate that leaves a remainder cannot be made exactly",
            _ => "the divisor is the maximum by the rate",
        };
        trial.equal(message, divisor(baud), expected)?;
    }
    Ok(())
}

/// A round: a UART in disorder after `init`.
fn set_up(trial: &mut Trial) -> (Uart, u16) {
    trial.round();
    // Both bytes differ from each other and from 0.
    let [low, high] = [trial.random.within(1..=0x7f), trial.random.within(0x80..=0xff)];
    let divisor = (high << 8 | low) as u16;
    let mut uart = Uart::left_over(&mut trial.random);
    trial.given("divisor", format_args!("{divisor:#x}"));
    trial.given("LCR_before", format_args!("{:#010b}", uart.lcr));
    init(&mut uart, divisor);
    (uart, divisor)
}

fn divisor_latch(trial: &mut Trial) -> Checked {
    for _ in 0..50 {
        let (uart, divisor) = set_up(trial);
        if let Some(byte) = uart.sent.first() {
            return trial.fail(format_args!(
                "offset 0 was written while DLAB was 0: {byte:#04x} went out on the wire, not \
                 into the divisor"
            ));
        }
        let message = "DLAB is still 1: each byte sent would change the divisor instead";
        trial.holds(!uart.dlab(), message)?;
        let [_, high] = divisor.to_le_bytes();
        let message = if uart.divisor() == divisor.swap_bytes() {
            "the divisor's bytes are swapped: the low one belongs to offset 0"
        } else if uart.dlm_writes.is_empty() && uart.ier == high & IER_BITS {
            "the divisor's high byte went into IER: DLAB was 0 when offset 1 was written"
        } else if uart.dlm_writes.contains(&high) && uart.dlm != high {
            "the divisor's high byte was overwritten: DLAB was 1 at a later write to offset 1"
        } else {
            "the divisor in DLL and DLM"
        };
        trial.equal_hex(message, uart.divisor(), divisor)?;
    }
    Ok(())
}

fn frame_format(trial: &mut Trial) -> Checked {
    for _ in 0..50 {
        let (uart, _) = set_up(trial);
        let got = uart.lcr & !DLAB;
        let message = if got & LENGTH != LENGTH {
            "bits 1 and 0 are 0b11 for 8 data bits"
        } else {
            "for no parity and 1 stop bit, bits 2 to 6 are 0, whatever stood there before"
        };
        trial.bits(message, LCR, got.into(), LENGTH.into())?;
    }
    Ok(())
}

fn interrupts_and_lines(trial: &mut Trial) -> Checked {
    for _ in 0..50 {
        let (uart, _) = set_up(trial);
        let message = if uart.dlm_writes.contains(&0) {
            "the 0 for IER went into the divisor: DLAB was 1 when offset 1 was written"
        } else {
            "interrupts are still on: nobody has written 0 to IER"
        };
        trial.bits(message, IER, uart.ier.into(), 0)?;
        // OUT2 connects the interrupt, OUT1 nothing: either way is right.
        let checked = LOOP | DTR_AND_RTS;
        let got = uart.mcr & checked;
        let message = if got & LOOP != 0 {
            "loopback mode is still on: nothing leaves the UART"
        } else {
            "DTR and RTS, bits 0 and 1 of MCR, tell the other side that we are ready"
        };
        trial.bits(message, MCR, got.into(), DTR_AND_RTS.into())?;
    }
    Ok(())
}

fn fifos(trial: &mut Trial) -> Checked {
    for _ in 0..50 {
        let (uart, _) = set_up(trial);
        let message = if uart.fcr_ignored {
            "the FIFOs are off: a write to FCR without bit 0 turns them off and does nothing else"
        } else {
            "the FIFOs are off: bit 0 of FCR turns them on"
        };
        trial.holds(uart.fifo, message)?;
        let message = "the receiver's FIFO still holds bytes from before: FCR bit 1 empties it";
        trial.holds(!uart.receiver_stale, message)?;
        let message = "the transmitter's FIFO still holds bytes from before: FCR bit 2 empties it";
        trial.holds(!uart.transmitter_stale, message)?;
    }
    Ok(())
}
