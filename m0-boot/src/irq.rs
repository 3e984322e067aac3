//! Device interrupts: two 8259A controllers in cascade, 15 lines.
//!
//! The firmware left the lines on vectors that collide with CPU exceptions, or
//! masked; [`init`] moves them to 32 to 47 (through the `pic8259` crate; the
//! exercise `m0-pic-remap` does it by hand) and keeps all masked until a driver
//! claims its line with [`enable`].
//!
//! A line that drops before the CPU acknowledges it shows up as line 7 (or 15)
//! with no bit in the in-service register (8259A data sheet, "Interrupt
//! Sequence", step 6). Such a spurious interrupt is counted, not handled.

use crate::trap_frame::TrapFrame;
use crate::vector::Vector;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use pic8259::ChainedPics;
use spin::Mutex;
use x86_64::instructions::interrupts::without_interrupts;
use x86_64::instructions::port::Port;

/// Vector of line 0; the first one that is not an exception's.
const FIRST_VECTOR: u8 = Vector::EXCEPTIONS;
/// Lines 8 to 15 come from the second controller.
const SECOND: u8 = 8;
/// The first controller's line that carries the second one.
const CASCADE: u8 = 2;
const LINES: usize = 16;

/// Command ports of the two controllers.
const COMMAND_1: u16 = 0x20;
const COMMAND_2: u16 = 0xa0;
/// OCW3: "read the in-service register next".
const READ_ISR: u8 = 0x0b;
/// OCW2: "non-specific end of interrupt".
const END_OF_INTERRUPT: u8 = 0x20;

/// An interrupt line, 0 to 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line(u8);

impl Line {
    /// The 8254's channel 0.
    pub const TIMER: Self = Self(0);

    /// The line behind a vector, if it is one of the controllers'.
    pub fn from_vector(vector: Vector) -> Option<Self> {
        let number = vector.0.checked_sub(FIRST_VECTOR)?;
        (usize::from(number) < LINES).then_some(Self(number))
    }

    /// The vector this line raises.
    pub fn vector(self) -> Vector {
        Vector(FIRST_VECTOR + self.0)
    }

    /// The last line of each controller, where spurious interrupts show up.
    fn may_be_spurious(self) -> bool {
        self.0 % SECOND == SECOND - 1
    }
}

// SAFETY: the vectors are above the exceptions', and this is the only driver of
// the controllers.
static PICS: Mutex<ChainedPics> = Mutex::new(unsafe { ChainedPics::new_contiguous(FIRST_VECTOR) });
/// What a driver does when its line interrupts. It sees the interrupted code's
/// registers, as a profiler would want to, and what it changes there is what that
/// code continues with.
pub type Handler = fn(&mut TrapFrame);

static HANDLERS: [Mutex<Option<Handler>>; LINES] = [const { Mutex::new(None) }; LINES];
static SPURIOUS: AtomicU64 = AtomicU64::new(0);
/// A driver's handler is running.
static IN_HANDLER: AtomicBool = AtomicBool::new(false);

/// Moves the lines to vectors 32 to 47 and masks all of them.
pub fn init() {
    without_interrupts(|| {
        let mut pics = PICS.lock();
        // SAFETY: no line is unmasked while the controllers are set up, and
        // the IDT has a stub for each of the vectors.
        unsafe {
            pics.initialize();
            pics.disable();
        }
    });
}

/// Lets `line` interrupt the CPU and calls `handler` each time, with interrupts
/// off.
pub fn enable(line: Line, handler: Handler) {
    without_interrupts(|| {
        *HANDLERS[usize::from(line.0)].lock() = Some(handler);
        let mut pics = PICS.lock();
        // SAFETY: the handler is in place before the line is unmasked.
        unsafe {
            let masks = u16::from_le_bytes(pics.read_masks());
            let cascade = if line.0 >= SECOND { 1 << CASCADE } else { 0 };
            let [first, second] = (masks & !(1 << line.0 | cascade)).to_le_bytes();
            pics.write_masks(first, second);
        }
    });
}

/// Spurious interrupts seen since boot.
pub fn spurious_count() -> u64 {
    SPURIOUS.load(Relaxed)
}

/// Whether the running code is a driver's handler, or called by one: it may have
/// interrupted any other code in the middle of anything.
#[inline(always)]
pub fn in_handler() -> bool {
    IN_HANDLER.load(Relaxed)
}

/// An interrupt of `line` arrived; interrupts are off.
pub(crate) fn arrived(line: Line, frame: &mut TrapFrame) {
    if line.may_be_spurious() && !in_service(line) {
        SPURIOUS.fetch_add(1, Relaxed);
        if line.0 >= SECOND {
            // The first controller did see its cascade line raised.
            // SAFETY: acknowledges exactly that line.
            unsafe { Port::new(COMMAND_1).write(END_OF_INTERRUPT) };
        }
        return;
    }
    let handler = *HANDLERS[usize::from(line.0)].lock();
    match handler {
        Some(handler) => {
            // Handlers run with interrupts off, so they do not nest.
            IN_HANDLER.store(true, Relaxed);
            handler(frame);
            IN_HANDLER.store(false, Relaxed);
        }
        None => log::warn!("line {} interrupted without a handler", line.0),
    }
    // SAFETY: the interrupt being acknowledged is the one in service.
    unsafe { PICS.lock().notify_end_of_interrupt(line.vector().0) };
}

/// Whether the controller itself says that `line` is being served.
fn in_service(line: Line) -> bool {
    let (port, bit) =
        if line.0 < SECOND { (COMMAND_1, line.0) } else { (COMMAND_2, line.0 - SECOND) };
    let mut command = Port::<u8>::new(port);
    // SAFETY: OCW3 selects which register the next read returns and changes
    // nothing else.
    let in_service = unsafe {
        command.write(READ_ISR);
        command.read()
    };
    in_service & (1 << bit) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_vectors_match() {
        assert_eq!(Line::from_vector(Vector(31)), None);
        assert_eq!(Line::from_vector(Vector(32)), Some(Line::TIMER));
        assert_eq!(Line::from_vector(Vector(47)), Some(Line(15)));
        assert_eq!(Line::from_vector(Vector(48)), None);
        assert_eq!(Line(12).vector(), Vector(44));
    }

    #[test]
    fn spurious_interrupts_show_up_on_the_last_lines() {
        let suspects: Vec<u8> = (0..16).filter(|&n| Line(n).may_be_spurious()).collect();
        assert_eq!(suspects, [7, 15]);
    }
}
