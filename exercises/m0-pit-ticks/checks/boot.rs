//! The machine's timer: what it says of itself, and its ticks.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::hint::spin_loop;
use core::sync::atomic::{AtomicU32, Ordering::SeqCst};
use harness::{Check, Checked, Layout, Trial};
use m0_boot::irq::{self, Line};
use m0_boot::{clock, traps};
use m0_pit_ticks::{CONTROL, COUNTER_0, Ports, count_for, start};
use x86_64::instructions::interrupts;
use x86_64::instructions::port::Port;

shared::host_main!("cargo xtask check m0-pit-ticks");

const CHECKS: &[Check] = &[
    Check { name: "counter-reloads", body: counter_reloads },
    Check { name: "ticks-come", body: ticks_come },
];

/// The loader jumps here.
#[cfg_attr(target_os = "none", unsafe(no_mangle))]
pub extern "C" fn kernel_entry() -> ! {
    harness::boot::m0_with(traps::halt, CHECKS)
}

/// OUT.
struct Hardware;

impl Ports for Hardware {
    fn write(&mut self, port: u16, value: u8) {
        // SAFETY: no device of this kernel's can write to memory by itself.
        unsafe { Port::new(port).write(value) }
    }
}

fn read(port: u16) -> u8 {
    // SAFETY: reads only the timer's counter.
    unsafe { Port::new(port).read() }
}

/// What a counter says of itself (Intel 8254 data sheet, "Read-Back Command").
struct Answer {
    status: u8,
    count: u32,
}

/// Asks counter 0. It goes on counting.
fn read_back() -> Answer {
    /// Read-back (bits 7:6), of count and status (bits 5:4 clear), of counter 0 (bit 1).
    const READ_BACK_0: u8 = 0b1100_0010;
    Hardware.write(CONTROL, READ_BACK_0);
    let status = read(COUNTER_0);
    let count = u16::from_le_bytes([read(COUNTER_0), read(COUNTER_0)]);
    // 0 stands for the number that 16 bits can't hold.
    Answer { status, count: if count == 0 { 1 << 16 } else { count.into() } }
}

/// The status byte; its low six bits are those of the command.
const STATUS: Layout = Layout::new(
    8,
    &[("OUT", 7, 7), ("null", 6, 6), ("access", 5, 4), ("mode", 3, 1), ("BCD", 0, 0)],
);
const OF_COMMAND: u8 = 0b0011_1111;
/// Low byte then high byte, mode 2, binary.
const RATE_GENERATOR: u8 = 0b0011_0100;

/// Puts the timer into another state than the one it will get: mode 0, from 65536.
fn spoil() {
    /// Counter 0, low byte then high byte, mode 0, binary.
    const ONCE: u8 = 0b0011_0000;
    Hardware.write(CONTROL, ONCE);
    Hardware.write(COUNTER_0, 0);
    Hardware.write(COUNTER_0, 0);
}

/// A rate between 50 and 500 Hz whose number is quite another one with its bytes
/// exchanged.
fn rate(trial: &mut Trial) -> u32 {
    let usable = |hz: u32| {
        let number = (clock::PIT_HZ as u32 / hz) as u16;
        let [low, _] = number.to_le_bytes();
        low >= 4 && number.abs_diff(number.swap_bytes()) > number / 8
    };
    let drawn = (0..100).map(|_| trial.random.within(50..=500) as u32).find(|hz| usable(*hz));
    let hz = drawn.unwrap_or(100);
    trial.given("hz", hz);
    hz
}

/// What the counter starts from, watched while it runs. The timer's own clock is the
/// only one that takes part: a machine that stands still in between changes nothing.
fn counter_reloads(trial: &mut Trial) -> Checked {
    /// So often the counter must start again before it is decided what it starts from:
    /// at each start the highest number that was read comes nearer to that.
    const STARTS: u32 = 64;
    /// Enough if the number was seen to within 1 %.
    const STARTS_ENOUGH: u32 = 4;
    /// Each read takes about a microsecond, so that this is a second at least.
    const READS: u32 = 1_000_000;
    let hz = rate(trial);
    let Some(count) = count_for(hz) else {
        return trial.fail("`count_for` gives no number for this rate");
    };
    trial.given("count", count);
    // What `count_for` should have given; its own check says more.
    let expected = clock::PIT_HZ as u32 / hz;
    interrupts::disable();
    spoil();
    start(&mut Hardware, count);
    let mut last = read_back();
    let status = last.status & OF_COMMAND;
    let message = "the timer was set up in another way: it tells the command's fields back";
    trial.bits(message, STATUS, status.into(), RATE_GENERATOR.into())?;
    let (mut highest, mut starts) = (last.count, 0);
    for _ in 0..READS {
        let now = read_back();
        starts += u32::from(now.count > last.count);
        highest = highest.max(now.count);
        let seen = highest >= expected - expected / 100;
        if starts >= STARTS || seen && starts >= STARTS_ENOUGH || highest > 2 * expected {
            break;
        }
        last = now;
    }
    if highest.abs_diff(expected) <= expected / 100 && starts > 0 {
        return Ok(());
    }
    trial.compared(
        format_args!("it starts from about {expected}: {hz} Hz"),
        format_args!("{highest} was read, after {starts} starts"),
    );
    let swapped = u32::from((count as u16).swap_bytes());
    let exchanged =
        highest.abs_diff(swapped) <= swapped / 50 || highest > 2 * expected && swapped >= highest;
    let message = if exchanged {
        "the timer counts from the number with its bytes exchanged: the low one goes first"
    } else if starts == 0 {
        "the timer does not start again"
    } else if highest > expected {
        "the timer ticks too slowly: it starts from a larger number"
    } else {
        "the timer ticks too often: it starts from a smaller number"
    };
    trial.fail(message)
}

static TICKS: AtomicU32 = AtomicU32::new(0);

/// Several interrupts.
fn ticks_come(trial: &mut Trial) -> Checked {
    const WANTED: u32 = 5;
    /// So long by the clock, and so often looked: a busy host may stop the machine for
    /// longer than that, but then it does not look.
    const PATIENCE_NS: u64 = 2_000_000_000;
    const LOOKS: u64 = 1_000_000;
    let hz = rate(trial);
    let Some(count) = count_for(hz) else {
        return trial.fail("`count_for` gives no number for this rate");
    };
    interrupts::disable();
    spoil();
    irq::init();
    start(&mut Hardware, count);
    irq::enable(Line::TIMER, |_| {
        TICKS.fetch_add(1, SeqCst);
    });
    let give_up = clock::now_ns() + PATIENCE_NS;
    interrupts::enable();
    let mut looks = 0;
    while TICKS.load(SeqCst) < WANTED && (looks < LOOKS || clock::now_ns() < give_up) {
        looks += 1;
        spin_loop();
    }
    interrupts::disable();
    let message = match TICKS.load(SeqCst) {
        0 => "no tick came within 2 s",
        1 => "one tick came, and then no other one: is that the mode which starts again?",
        _ => "ticks came, but fewer than five in 2 s",
    };
    trial.holds(TICKS.load(SeqCst) >= WANTED, message)
}
