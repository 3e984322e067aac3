//! Sending, watched by a simulated UART that is slow.

use harness::{Check, Checked, Random, Trial};
use m0_serial_transmit::{LINE_STATUS, Registers, TRANSMIT, send_byte, send_text};
use std::fmt::{self, Write};
use std::process::ExitCode;

const CHECKS: &[Check] = &[
    Check { name: "one-byte", body: one_byte },
    Check { name: "every-byte", body: every_byte },
    Check { name: "line-ends", body: line_ends },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

/// Bits of LSR (PC16550D data sheet, 8.4 "Line Status Register").
const DATA_READY: u8 = 1 << 0;
const HOLDING_EMPTY: u8 = 1 << 5;
const TRANSMITTER_EMPTY: u8 = 1 << 6;

/// How many looks at LSR with THRE set go unnoticed.
const LOOKS_ALLOWED: u32 = 2;
/// After how many looks with THRE set it shows values that end any waiting.
const LOOKS_MAX: u32 = 64;
/// They set and clear every bit.
const WAY_OUT: [u8; 5] =
    [u8::MAX, HOLDING_EMPTY, HOLDING_EMPTY | TRANSMITTER_EMPTY, HOLDING_EMPTY | DATA_READY, 0];

/// What the driver did wrong first.
#[derive(Clone, Copy)]
enum Mistake {
    /// Wrote a register that sends nothing.
    Elsewhere { offset: u16 },
    /// Wrote a byte without a look at LSR since the one before.
    Unasked,
    /// Wrote a byte although LSR said no.
    Full { status: u8 },
    /// Went on waiting although LSR said yes.
    TooLong { looks: u32 },
}

/// A UART without FIFO. Time passes for it when LSR is read.
struct Uart {
    random: Random,
    /// Looks at LSR until the holding register is empty, and then the shift register.
    holding: u64,
    shifting: u64,
    /// The last value of LSR since the last byte.
    status: Option<u8>,
    /// Looks at LSR with THRE set since the last byte.
    looks: u32,
    sent: Vec<u8>,
    mistake: Option<(usize, Mistake)>,
}

impl Uart {
    /// One that still sends the last byte of somebody else.
    fn busy(trial: &mut Trial) -> Self {
        let mut random = Random::new(trial.random.bits(), "UART");
        let (holding, shifting) = (random.within(1..=12), random.within(6..=12));
        Self { random, holding, shifting, status: None, looks: 0, sent: vec![], mistake: None }
    }

    fn note(&mut self, mistake: Mistake) {
        self.mistake.get_or_insert((self.sent.len(), mistake));
    }

    /// Fails if the driver did anything wrong.
    fn judge(&self, trial: &mut Trial) -> Checked {
        let Some((index, mistake)) = self.mistake else { return Ok(()) };
        let number = index + 1;
        match mistake {
            Mistake::Elsewhere { offset } => {
                trial.given("offset", offset);
                trial.fail("only the register at offset 0 sends; another one was written")
            }
            Mistake::Unasked if index == 0 => {
                trial.fail("the first byte was written before LSR was read: wait first, then write")
            }
            Mistake::Unasked => trial.fail(format_args!(
                "byte {number} was written without a look at LSR since the byte before it"
            )),
            Mistake::Full { status } => {
                trial.given("LSR", format_args!("{status:#010b}"));
                trial.fail(format_args!(
                    "byte {number} was written while THRE, bit 5 of LSR, was 0: it overwrote a \
                     byte that was not yet sent"
                ))
            }
            Mistake::TooLong { looks } => trial.fail(format_args!(
                "THRE, bit 5 of LSR, was 1 for {looks} looks before byte {number} was written: \
                 wait for this bit alone"
            )),
        }
    }
}

impl Registers for Uart {
    fn read(&mut self, offset: u16) -> u8 {
        if offset != LINE_STATUS {
            return 0;
        }
        let mut status = if self.random.flip() { DATA_READY } else { 0 };
        if self.holding > 0 {
            self.holding -= 1;
        } else {
            status |= HOLDING_EMPTY;
            self.looks += 1;
            match self.shifting {
                0 => status |= TRANSMITTER_EMPTY,
                _ => self.shifting -= 1,
            }
        }
        if self.looks > LOOKS_MAX {
            self.note(Mistake::TooLong { looks: self.looks });
            status = self.random.pick(&WAY_OUT);
        }
        self.status = Some(status);
        status
    }

    fn write(&mut self, offset: u16, value: u8) {
        if offset != TRANSMIT {
            self.note(Mistake::Elsewhere { offset });
            return;
        }
        match self.status {
            None => self.note(Mistake::Unasked),
            Some(status) if status & HOLDING_EMPTY == 0 => self.note(Mistake::Full { status }),
            Some(_) if self.looks > LOOKS_ALLOWED => {
                self.note(Mistake::TooLong { looks: self.looks })
            }
            Some(_) => {}
        }
        self.sent.push(value);
        (self.status, self.looks) = (None, 0);
        (self.holding, self.shifting) = (self.random.within(1..=12), self.random.within(6..=12));
    }
}

/// A single byte, any value.
fn one_byte(trial: &mut Trial) -> Checked {
    for _ in 0..50 {
        trial.round();
        let byte = trial.random.bits() as u8;
        trial.given("byte", format_args!("{byte:#04x}"));
        let mut uart = Uart::busy(trial);
        send_byte(&mut uart, byte);
        uart.judge(trial)?;
        let sent = uart.sent.as_slice();
        trial.holds(!sent.is_empty(), "`send_byte` returned without sending the byte")?;
        trial.equal("`send_byte` must send the byte once, as it is", sent, &[byte])?;
    }
    Ok(())
}

/// Words with bytes beyond ASCII, without line ends.
const WORDS: [&str; 8] = ["Myria", "kernel", "naïve", "µs", "–", "π", "0x3f8", "Grüße"];

/// A few words.
fn words(trial: &mut Trial) -> String {
    let count = trial.random.within(2..=5);
    let words: Vec<&str> = (0..count).map(|_| trial.random.pick(&WORDS)).collect();
    words.join(" ")
}

/// Sends `text` and returns what came out.
fn sent(trial: &mut Trial, text: &str) -> (Uart, Vec<u8>) {
    trial.round();
    trial.given("text", format_args!("{:?}", Shown(text)));
    let mut uart = Uart::busy(trial);
    send_text(&mut uart, text);
    let sent = std::mem::take(&mut uart.sent);
    (uart, sent)
}

/// Text without line ends.
fn every_byte(trial: &mut Trial) -> Checked {
    for _ in 0..50 {
        let text = words(trial);
        let (uart, sent) = sent(trial, &text);
        uart.judge(trial)?;
        let message = if sent.len() == text.chars().count() && sent.len() < text.len() {
            "one byte was sent for each character, but some characters have several bytes"
        } else {
            "the bytes of the text must be sent as they are, in order"
        };
        let sent = String::from_utf8_lossy(&sent);
        trial.equal(message, Shown(&sent), Shown(&text))?;
    }
    Ok(())
}

/// Text with line ends, also at its start, its end, and side by side.
fn line_ends(trial: &mut Trial) -> Checked {
    for _ in 0..50 {
        let mut text = String::new();
        for _ in 0..trial.random.within(2..=4) {
            text.push_str(trial.random.pick(&["", "a", "bc", "def"]));
            text.push('\n');
        }
        text.push_str(trial.random.pick(&["", "g"]));
        let (uart, sent) = sent(trial, &text);
        uart.judge(trial)?;
        let sent = String::from_utf8_lossy(&sent);
        let expected = text.replace('\n', "\r\n");
        let message = if sent == text {
            "a line end was sent as LF alone: the next line would begin below its end"
        } else if sent == text.replace('\n', "\n\r") {
            "the carriage return (CR) comes before the line feed (LF), not after it"
        } else if sent == text.replace('\n', "\r") {
            "LF is missing: CR alone lets lines overwrite each other"
        } else {
            "each line end is sent as CR and LF, everything else as it is"
        };
        trial.equal(message, Shown(&sent), Shown(&expected))?;
    }
    Ok(())
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
