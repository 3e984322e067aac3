//! Reading the CMOS clock (MC146818A data sheet, "Register A" and "Program
//! Access").

use loader::date::CmosTime;
use x86_64::instructions::port::Port;

const INDEX: u16 = 0x70;
const DATA: u16 = 0x71;

const STATUS_A: u8 = 0x0a;
const STATUS_B: u8 = 0x0b;
const CENTURY: u8 = 0x32;

/// Register A: the clock is about to change.
const UPDATING: u8 = 1 << 7;

/// Tries before a clock that never settles is given up.
const PATIENCE: u32 = 100_000;

/// The time, once two readings agree; `None` if they never do.
pub fn read() -> Option<CmosTime> {
    let mut last = None;
    for _ in 0..PATIENCE {
        if register(STATUS_A) & UPDATING != 0 {
            last = None;
            continue;
        }
        let now = CmosTime {
            second: register(0x00),
            minute: register(0x02),
            hour: register(0x04),
            day: register(0x07),
            month: register(0x08),
            year: register(0x09),
            century: register(CENTURY),
            status_b: register(STATUS_B),
        };
        if last == Some(now) {
            return last;
        }
        last = Some(now);
    }
    None
}

fn register(index: u8) -> u8 {
    // SAFETY: the CMOS clock is at these ports on every PC; reading it changes
    // nothing, and the loader is the only program running.
    unsafe {
        Port::new(INDEX).write(index);
        Port::new(DATA).read()
    }
}
