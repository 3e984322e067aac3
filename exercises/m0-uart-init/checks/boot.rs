//! The set-up of COM1 itself. The kernel's log shares the port: it is silent meanwhile,
//! and gets the port back in order.

#![cfg_attr(target_os = "none", no_std, no_main)]

use harness::{Check, Checked, Layout, Trial};
use m0_uart_init::{Registers, divisor, init};
use x86_64::instructions::port::Port;

shared::host_main!("cargo xtask check m0-uart-init");

const CHECKS: &[Check] = &[Check { name: "com1", body: com1 }];

/// The loader jumps here.
#[cfg_attr(target_os = "none", unsafe(no_mangle))]
pub extern "C" fn kernel_entry() -> ! {
    harness::boot::m0(CHECKS)
}

/// COM1's first I/O port (IBM PC/AT convention).
const COM1: u16 = 0x3f8;

// Registers by their offsets (PC16550D data sheet, 8.0 "Registers").
const DATA: u16 = 0;
const DLL: u16 = 0;
const DLM: u16 = 1;
const IER: u16 = 1;
const FCR: u16 = 2;
/// Read where FCR is written (8.6 "Interrupt Identification Register").
const IIR: u16 = 2;
const LCR: u16 = 3;
const MCR: u16 = 4;
const LSR: u16 = 5;

const DLAB: u8 = 1 << 7;
const EIGHT_DATA_BITS: u8 = 0b11;
const LOOP: u8 = 1 << 4;
const DTR_AND_RTS: u8 = 0b11;
const FIFO_ENABLE: u8 = 1 << 0;
/// IIR bits 7 and 6: the FIFOs are on.
const FIFOS_ON: u8 = 0b11 << 6;
const DATA_READY: u8 = 1 << 0;
const TRANSMITTER_EMPTY: u8 = 1 << 6;

/// 8.1 "Line Control Register".
const LCR_LAYOUT: Layout = Layout::new(
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

/// How often a bit of LSR is waited for before the UART is given up.
const LOOKS_MAX: u32 = 1_000_000;

/// The real registers.
struct Com1;

impl Registers for Com1 {
    fn read(&mut self, offset: u16) -> u8 {
        // SAFETY: the ports are COM1's (see `port`), which nothing else uses meanwhile;
        // interrupts are off.
        unsafe { port(offset).read() }
    }

    fn write(&mut self, offset: u16, value: u8) {
        // SAFETY: as for reading.
        unsafe { port(offset).write(value) }
    }
}

/// One of COM1's eight ports; the UART itself ignores the higher bits of an offset.
fn port(offset: u16) -> Port<u8> {
    const OFFSETS: u16 = 0b111;
    Port::new(COM1 + (offset & OFFSETS))
}

impl Com1 {
    /// Waits, but not for ever.
    fn wait_for(&mut self, bit: u8) -> bool {
        (0..LOOKS_MAX).any(|_| self.read(LSR) & bit != 0)
    }

    /// Leaves bytes in the receiver, and all registers in disorder.
    fn disorder(&mut self, trial: &mut Trial, dlab: bool) {
        self.wait_for(TRANSMITTER_EMPTY);
        self.write(FCR, FIFO_ENABLE);
        self.write(MCR, LOOP);
        for _ in 0..3 {
            self.write(DATA, trial.random.bits() as u8);
            self.wait_for(DATA_READY);
        }
        self.write(IER, 1);
        let format = trial.random.bits() as u8 & !DLAB | if dlab { DLAB } else { 0 };
        self.write(LCR, format | DLAB);
        self.write(DLL, trial.random.bits() as u8);
        self.write(DLM, trial.random.bits() as u8);
        self.write(LCR, format);
        trial.given("LCR_before", format_args!("{format:#010b}"));
    }

    /// Sends a byte in loopback mode and returns what is received.
    fn echo(&mut self, byte: u8) -> Option<u8> {
        let lines = self.read(MCR);
        self.write(MCR, lines | LOOP);
        self.write(DATA, byte);
        let received = self.wait_for(DATA_READY).then(|| self.read(DATA));
        self.write(MCR, lines);
        received
    }
}

/// COM1 in disorder, set up, read back, tried.
fn com1(trial: &mut Trial) -> Checked {
    let result = (0..10).try_for_each(|round| {
        trial.round();
        one_set_up(trial, round % 2 == 1)
    });
    // The log gets its port back.
    if let Err(error) = m0_boot::serial::init() {
        return trial.fail(format_args!("COM1 cannot be used any more: {error}"));
    }
    result
}

fn one_set_up(trial: &mut Trial, dlab: bool) -> Checked {
    let baud = trial.random.pick(&[115_200, 57_600, 9600, 300, 50]);
    trial.given("baud", baud);
    let mut com1 = Com1;
    let Some(divisor) = divisor(baud) else {
        return trial.fail("`divisor` finds none for this rate");
    };
    com1.disorder(trial, dlab);
    init(&mut com1, divisor);

    let format = com1.read(LCR);
    let message = "LCR holds 8 data bits, no parity, 1 stop bit";
    trial.bits(message, LCR_LAYOUT, format.into(), EIGHT_DATA_BITS.into())?;
    let stale = com1.read(LSR) & DATA_READY != 0;
    trial.holds(!stale, "the receiver still holds a byte from before `init`")?;
    trial.equal("IER, so that nothing interrupts", com1.read(IER), 0)?;
    let fifos = com1.read(IIR) & FIFOS_ON;
    trial.equal("bits 7 and 6 of IIR are 1 if the FIFOs are on", fifos, FIFOS_ON)?;
    let lines = com1.read(MCR) & (LOOP | DTR_AND_RTS);
    trial.equal("MCR: DTR and RTS on, loopback off", lines, DTR_AND_RTS)?;

    com1.write(LCR, format | DLAB);
    let latch = u16::from_le_bytes([com1.read(DLL), com1.read(DLM)]);
    com1.write(LCR, format);
    trial.equal("the divisor that COM1 runs with", latch, divisor)?;

    let byte = trial.random.bits() as u8;
    let message = "the byte that COM1 receives when it sends to itself";
    trial.equal(message, com1.echo(byte), Some(byte))
}
