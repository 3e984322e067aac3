//! The controllers of the machine: the timer and the clock raise their lines.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::hint::spin_loop;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::SeqCst};
use harness::{Check, Checked, Failed, Layout, Trial};
use m0_boot::clock::{self, PIT_HZ};
use m0_boot::fault::Fault;
use m0_boot::trap_frame::TrapFrame;
use m0_boot::traps::{self, Resolution};
use m0_pic_remap::{
    COMMAND_1, COMMAND_2, DATA_1, DATA_2, END_OF_INTERRUPT, Ports, SECOND, end_of_interrupt, remap,
};
use x86_64::instructions::interrupts;
use x86_64::instructions::port::Port;
use x86_64::registers::rflags::RFlags;

shared::host_main!("cargo xtask check m0-pic-remap");

const CHECKS: &[Check] = &[
    Check { name: "timer-arrives", body: timer_arrives },
    Check { name: "timer-goes-on", body: timer_goes_on },
    Check { name: "second-controller", body: second_controller },
];

/// The loader jumps here.
#[cfg_attr(target_os = "none", unsafe(no_mangle))]
pub extern "C" fn kernel_entry() -> ! {
    harness::boot::m0_with(on_trap, CHECKS)
}

const TIMER: u8 = 0;
/// The MC146818 clock's line.
const CLOCK: u8 = 8;
const CASCADE: u8 = 2;
const ALL: u8 = 0xff;
const EIGHT_LINES: Layout = Layout::new(8, &[]);

/// IN and OUT.
struct Hardware;

impl Ports for Hardware {
    fn read(&mut self, port: u16) -> u8 {
        // SAFETY: this kernel uses no device but the controllers, timer and clock, and
        // a byte that is read from any port of a PC harms no memory.
        unsafe { Port::new(port).read() }
    }

    fn write(&mut self, port: u16, value: u8) {
        // SAFETY: no device here can write to memory by itself.
        unsafe { Port::new(port).write(value) }
    }
}

/// The line that is open, and the vector that it shall raise.
static LINE: AtomicU8 = AtomicU8::new(0);
static VECTOR: AtomicU8 = AtomicU8::new(0);
/// How often it did.
static ARRIVED: AtomicU32 = AtomicU32::new(0);
/// Whether the handler calls the code under test; else it ends the interrupt itself.
static LEARNERS_END: AtomicBool = AtomicBool::new(false);
/// What both controllers had in service after the first end of an interrupt.
static STILL_IN_SERVICE: AtomicU64 = AtomicU64::new(0);
/// The code that waits is running: no exception of its own can come.
static WAITING: AtomicBool = AtomicBool::new(false);
/// A vector that came instead, plus one.
static STRAY: AtomicU64 = AtomicU64::new(0);

/// Counts what was expected. Another vector while the machine waits is noted, and
/// nothing more is let in.
fn on_trap(frame: &mut TrapFrame, fault: &Fault) -> Resolution {
    if !WAITING.swap(false, SeqCst) {
        return traps::halt(frame, fault);
    }
    let vector = frame.vector().0;
    if vector != VECTOR.load(SeqCst) {
        if frame.vector().has_error_code() {
            // The stub counts on an error code that no controller pushes: the frame is
            // shifted by a word, and there is no way back.
            let line = LINE.load(SeqCst);
            panic!("line {line} came as vector {vector}, an exception's: ICW1, then ICW2 move it");
        }
        STRAY.store(u64::from(vector) + 1, SeqCst);
        frame.rflags &= !RFlags::INTERRUPT_FLAG.bits();
        return Resolution::Resume;
    }
    let line = LINE.load(SeqCst);
    if line == CLOCK {
        acknowledge_clock();
    }
    let ports = &mut Hardware;
    if LEARNERS_END.load(SeqCst) {
        end_of_interrupt(ports, line);
    } else {
        ports.write(COMMAND_2, END_OF_INTERRUPT);
        ports.write(COMMAND_1, END_OF_INTERRUPT);
    }
    if ARRIVED.fetch_add(1, SeqCst) == 0 {
        STILL_IN_SERVICE.store(in_service(), SeqCst);
    }
    WAITING.store(true, SeqCst);
    Resolution::Resume
}

/// Both controllers' registers: lines 0 to 7 in the low byte, 8 to 15 above.
fn in_service() -> u64 {
    /// OCW3: "read the in-service register next".
    const READ_IN_SERVICE: u8 = 0b0000_1011;
    let [first, second] = [COMMAND_1, COMMAND_2].map(|port| {
        Hardware.write(port, READ_IN_SERVICE);
        u64::from(Hardware.read(port))
    });
    first | second << 8
}

/// Moves the lines, with only `line` open before. Interrupts are off, and nothing is in
/// service or waiting from before. Returns the masks as they were, and are now.
fn remapped(trial: &mut Trial, line: u8) -> [u64; 2] {
    interrupts::disable();
    let open = if line < SECOND { 1 << line } else { 1_u16 << line | 1 << CASCADE };
    let masks = (!open).to_le_bytes();
    // Vectors that the course's own driver of the controllers does not know.
    let first_vector = trial.random.within(8..=29) as u8 * 8;
    trial.given("first_vector", format_args!("{first_vector:#x}"));
    trial.given("line", line);
    let ports = &mut Hardware;
    ports.write(DATA_1, masks[0]);
    ports.write(DATA_2, masks[1]);
    remap(ports, first_vector);
    let after = u16::from_le_bytes([ports.read(DATA_1), ports.read(DATA_2)]);
    // What `remap` does to the masks is told once; the rest goes on with the right ones.
    ports.write(DATA_1, masks[0]);
    ports.write(DATA_2, masks[1]);
    LINE.store(line, SeqCst);
    VECTOR.store(first_vector + line, SeqCst);
    ARRIVED.store(0, SeqCst);
    STRAY.store(0, SeqCst);
    [u64::from(!open), u64::from(after)]
}

/// Opens the CPU for interrupts until `count` have come, or another one, or nothing for
/// too long. Then all lines are silent.
fn wait(count: u32) {
    /// So long by the clock, and so often looked: a busy host may stop the machine for
    /// longer than that, but then it does not look.
    const PATIENCE_NS: u64 = 2_000_000_000;
    const LOOKS: u64 = 1_000_000;
    let give_up = clock::now_ns() + PATIENCE_NS;
    WAITING.store(true, SeqCst);
    interrupts::enable();
    let mut looks = 0;
    while ARRIVED.load(SeqCst) < count && STRAY.load(SeqCst) == 0 {
        looks += 1;
        if looks > LOOKS && clock::now_ns() > give_up {
            break;
        }
        spin_loop();
    }
    interrupts::disable();
    WAITING.store(false, SeqCst);
    Hardware.write(DATA_1, ALL);
    Hardware.write(DATA_2, ALL);
}

/// Starts the timer's channel 0.
fn start_timer() {
    /// Ports of the 8254.
    const CHANNEL_0: u16 = 0x40;
    const CONTROL: u16 = 0x43;
    /// Channel 0, low byte then high byte, mode 2, binary.
    const RATE_GENERATOR: u8 = 0b0011_0100;
    const HZ: u64 = 100;
    let [low, high] = ((PIT_HZ / HZ) as u16).to_le_bytes();
    Hardware.write(CONTROL, RATE_GENERATOR);
    Hardware.write(CHANNEL_0, low);
    Hardware.write(CHANNEL_0, high);
}

/// The MC146818's index and data ports, and its registers.
const CLOCK_INDEX: u16 = 0x70;
const CLOCK_DATA: u16 = 0x71;
const REGISTER_A: u8 = 0x0a;
const REGISTER_B: u8 = 0x0b;
const REGISTER_C: u8 = 0x0c;

/// Starts the clock's periodic interrupt, or stops it.
fn set_clock(on: bool) {
    /// Register A: 32.768 kHz (bits 6:4 = 010), 64 interrupts a second (3:0 = 1010).
    const RATE: u8 = 0b0010_1010;
    /// Register B: periodic interrupt (bit 6), 24 hours (bit 1).
    const PERIODIC: u8 = 1 << 6;
    const HOURS_24: u8 = 1 << 1;
    Hardware.write(CLOCK_INDEX, REGISTER_A);
    Hardware.write(CLOCK_DATA, RATE);
    Hardware.write(CLOCK_INDEX, REGISTER_B);
    Hardware.write(CLOCK_DATA, if on { PERIODIC | HOURS_24 } else { HOURS_24 });
    acknowledge_clock();
}

/// The clock holds its line until register C is read.
fn acknowledge_clock() {
    Hardware.write(CLOCK_INDEX, REGISTER_C);
    Hardware.read(CLOCK_DATA);
}

/// Fails if another vector came than the line's.
fn no_stray(trial: &mut Trial) -> Checked {
    let Some(stray) = STRAY.load(SeqCst).checked_sub(1) else {
        return Ok(());
    };
    let (vector, line) = (VECTOR.load(SeqCst), LINE.load(SeqCst));
    trial.compared(format_args!("vector {vector:#x}"), format_args!("vector {stray:#x}"));
    if line >= SECOND && stray == u64::from(vector - SECOND) {
        return trial.fail(
            "the second controller's lines raise the first one's vectors: its base is 8 higher",
        );
    }
    trial.fail("the line came on another vector: ICW2 of its controller says which")
}

/// The first tick.
fn timer_arrives(trial: &mut Trial) -> Checked {
    LEARNERS_END.store(false, SeqCst);
    let [before, after] = remapped(trial, TIMER);
    trial.bits("the masks are not what they were before", MASKS, after, before)?;
    start_timer();
    wait(1);
    no_stray(trial)?;
    trial.holds(
        ARRIVED.load(SeqCst) > 0,
        "the timer runs and its line is open, but no interrupt came within 2 s",
    )
}

const MASKS: Layout = Layout::new(16, &[("second", 15, 8), ("first", 7, 0)]);

/// The learner's end of an interrupt, and the ticks behind.
fn timer_goes_on(trial: &mut Trial) -> Checked {
    const TICKS: u32 = 4;
    LEARNERS_END.store(true, SeqCst);
    remapped(trial, TIMER);
    start_timer();
    wait(TICKS);
    arrived(trial, TICKS)
}

/// Line 8, through both controllers.
fn second_controller(trial: &mut Trial) -> Checked {
    const TICKS: u32 = 3;
    LEARNERS_END.store(true, SeqCst);
    remapped(trial, CLOCK);
    set_clock(true);
    wait(TICKS);
    set_clock(false);
    arrived(trial, TICKS)
}

/// All must have come, and left nothing in service.
fn arrived(trial: &mut Trial, count: u32) -> Result<(), Failed> {
    no_stray(trial)?;
    let arrived = ARRIVED.load(SeqCst);
    trial.holds(arrived > 0, "the line is open, but no interrupt came within 2 s")?;
    let left = STILL_IN_SERVICE.load(SeqCst);
    let (first, second) = (left & 0xff, left >> 8);
    let message = "the first controller still has a line in service after the end of the interrupt";
    trial.bits(message, EIGHT_LINES, first, 0)?;
    let message =
        "the second controller still has a line in service after the end of the interrupt";
    trial.bits(message, EIGHT_LINES, second, 0)?;
    trial.holds(arrived >= count, "the first interrupt came, and then no other one")
}
