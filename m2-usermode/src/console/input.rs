//! Receiving on COM1: the half of the UART that `m0_boot::serial` leaves alone.
//!
//! Bytes come by interrupt and wait in a ring until somebody asks for them:
//!
//! ```text
//!   UART, 16 bytes --- line 4 ---> ring, 256 bytes --- next() ---> the console
//! ```
//!
//! While the ring is full the interrupt is off and bytes stay in the UART. An
//! emulated one then lets its host wait, so nothing is lost however fast it comes;
//! a real one would drop bytes after another 16, and nobody types that fast.
//!
//! Registers: PC16550D data sheet, "8.0 Registers", Table II.

use crate::{thread, user_memory};
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::Relaxed};
use m0_boot::irq::{self, Line};
use m0_boot::trap_frame::TrapFrame;
use m0_boot::vector::Vector;
use x86_64::instructions::interrupts;
use x86_64::instructions::port::Port;

const COM1: u16 = 0x3f8;
/// RBR: the oldest byte received.
const RECEIVE_BUFFER: u16 = COM1;
/// IER: which events interrupt.
const INTERRUPT_ENABLE: u16 = COM1 + 1;
/// MCR: what goes out on the modem's lines.
const MODEM_CONTROL: u16 = COM1 + 4;
/// LSR.
const LINE_STATUS: u16 = COM1 + 5;

/// IER bit 0: "Enable Received Data Available Interrupt".
const RECEIVED: u8 = 1 << 0;
/// MCR bit 3, OUT2: on a PC it connects the UART to its interrupt line.
const OUT2: u8 = 1 << 3;
/// LSR bit 0: "Data Ready".
const DATA_READY: u8 = 1 << 0;

/// COM1 interrupts on line 4 (IBM PC/AT convention).
const VECTOR: Vector = Vector(Vector::EXCEPTIONS + 4);

/// Bytes that wait.
const RING_BYTES: usize = 256;

/// A queue that its one writer, the interrupt handler, and its one reader never
/// have to lock: each moves its own end.
struct Ring {
    bytes: [AtomicU8; RING_BYTES],
    written: AtomicUsize,
    read: AtomicUsize,
}

static RING: Ring = Ring {
    bytes: [const { AtomicU8::new(0) }; RING_BYTES],
    written: AtomicUsize::new(0),
    read: AtomicUsize::new(0),
};

/// The ring was full and the interrupt is off.
static PAUSED: AtomicBool = AtomicBool::new(false);

impl Ring {
    fn is_full(&self) -> bool {
        self.written.load(Relaxed) - self.read.load(Relaxed) == RING_BYTES
    }

    fn is_empty(&self) -> bool {
        self.written.load(Relaxed) == self.read.load(Relaxed)
    }

    fn push(&self, byte: u8) {
        let at = self.written.load(Relaxed);
        self.bytes[at % RING_BYTES].store(byte, Relaxed);
        self.written.store(at + 1, Relaxed);
    }

    fn pop(&self) -> Option<u8> {
        if self.is_empty() {
            return None;
        }
        let at = self.read.load(Relaxed);
        let byte = self.bytes[at % RING_BYTES].load(Relaxed);
        self.read.store(at + 1, Relaxed);
        Some(byte)
    }
}

/// Starts to receive. `m0_boot::serial::init` has set the UART up.
pub fn init() {
    if let Some(line) = Line::from_vector(VECTOR) {
        irq::enable(line, on_interrupt);
    }
    let mut modem = Port::<u8>::new(MODEM_CONTROL);
    // SAFETY: the handler is in place; sending does not use this line.
    unsafe {
        let lines = modem.read();
        modem.write(lines | OUT2);
    }
    allow(true);
}

/// The next byte. Others run meanwhile, or the CPU halts.
pub fn next() -> u8 {
    loop {
        if let Some(byte) = RING.pop() {
            interrupts::without_interrupts(|| {
                if PAUSED.swap(false, Relaxed) {
                    allow(true);
                }
            });
            return byte;
        }
        thread::yield_now();
        // A byte between the look and HLT would be slept through, so interrupts are
        // off in between (Intel SDM Vol. 2B, "STI").
        interrupts::disable();
        if RING.is_empty() {
            interrupts::enable_and_hlt();
        } else {
            interrupts::enable();
        }
    }
}

fn on_interrupt(_: &mut TrapFrame) {
    user_memory::close();
    let (mut status, mut buffer) = (Port::<u8>::new(LINE_STATUS), Port::<u8>::new(RECEIVE_BUFFER));
    // SAFETY: reading the status changes nothing that sending looks at, and only
    // this function reads the buffer.
    while unsafe { status.read() } & DATA_READY != 0 {
        if RING.is_full() {
            PAUSED.store(true, Relaxed);
            allow(false);
            return;
        }
        // SAFETY: as above.
        RING.push(unsafe { buffer.read() });
    }
}

/// Lets received bytes interrupt, or not.
fn allow(received: bool) {
    let events = if received { RECEIVED } else { 0 };
    // SAFETY: sending polls, and needs no interrupt of its own.
    unsafe { Port::<u8>::new(INTERRUPT_ENABLE).write(events) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_order_and_the_ring_knows_when_it_is_full() {
        for round in 0..3u8 {
            (0..RING_BYTES).for_each(|at| {
                assert!(!RING.is_full());
                RING.push(round.wrapping_add(at as u8));
            });
            assert!(RING.is_full());
            for at in 0..RING_BYTES {
                assert_eq!(RING.pop(), Some(round.wrapping_add(at as u8)));
            }
            assert_eq!(RING.pop(), None);
        }
    }
}
