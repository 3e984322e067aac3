//! Two controllers that are only played, and keep a log.

use harness::{Check, Checked, Layout, Trial};
use m0_pic_remap::{
    COMMAND_1, COMMAND_2, DATA_1, DATA_2, ICW1, ICW4, Ports, end_of_interrupt, remap,
};
use std::process::ExitCode;

const CHECKS: &[Check] = &[
    Check { name: "order", body: order },
    Check { name: "cascade", body: cascade },
    Check { name: "masks", body: masks },
    Check { name: "end", body: end },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

/// Where the second controller is plugged in.
const CASCADE: u8 = 2;
/// What old software writes to when it wants to wait a little.
const DELAY: u16 = 0x80;
const ROUNDS: u32 = 50;
const EIGHT_LINES: Layout = Layout::new(8, &[]);

/// One controller (Intel 8259A data sheet).
#[derive(Default)]
struct Controller {
    /// The words of the last initialization.
    words: Vec<u8>,
    /// How many initializations began.
    begun: u32,
    mask: u8,
    /// Masks that were written in operation.
    masks_written: u32,
    in_service: u8,
    /// Commands in operation.
    ends: u32,
    /// The first thing that no initialization or operation of the course would do.
    odd: Option<String>,
}

impl Controller {
    /// Waits for a word of its initialization.
    fn initializing(&self) -> bool {
        (1..4).contains(&self.words.len())
    }

    fn command(&mut self, value: u8) {
        /// Bits that tell the three command words apart: ICW1 has bit 4, OCW3 bit 3.
        const IS_ICW1: u8 = 1 << 4;
        const IS_OCW3: u8 = 1 << 3;
        /// OCW2's commands: "non-specific" and "specific end of interrupt".
        const END: u8 = 0b001;
        const END_OF_LINE: u8 = 0b011;
        if value & IS_ICW1 != 0 {
            if self.initializing() {
                self.odd("ICW1 came again in the middle of the initialization".to_owned());
            }
            if value != ICW1 {
                self.odd(format!("ICW1 is {ICW1:#04x}, not {value:#04x}"));
            }
            self.words = vec![value];
            self.begun += 1;
            (self.mask, self.in_service) = (0, 0);
        } else if value & IS_OCW3 != 0 {
            // Selects what the next read shows, and changes nothing.
        } else if value >> 5 == END {
            self.ends += 1;
            self.in_service &= self.in_service.wrapping_sub(1);
        } else if value >> 5 == END_OF_LINE {
            self.ends += 1;
            self.in_service &= !(1 << (value & 7));
        } else {
            self.odd(format!("command {value:#04x} is neither ICW1 nor the end of an interrupt"));
        }
    }

    fn data(&mut self, value: u8) {
        if self.initializing() {
            self.words.push(value);
        } else {
            self.mask = value;
            self.masks_written += 1;
        }
    }

    fn odd(&mut self, what: String) {
        self.odd.get_or_insert(what);
    }
}

/// Both.
#[derive(Default)]
struct Pair {
    controllers: [Controller; 2],
    log: Vec<String>,
    elsewhere: Option<u16>,
}

impl Ports for Pair {
    fn read(&mut self, port: u16) -> u8 {
        let value = match port {
            DATA_1 => self.controllers[0].mask,
            DATA_2 => self.controllers[1].mask,
            COMMAND_1 => self.controllers[0].in_service,
            COMMAND_2 => self.controllers[1].in_service,
            _ => {
                self.elsewhere = Some(port);
                0xff
            }
        };
        self.log.push(format!("{port:x}->{value:x}"));
        value
    }

    fn write(&mut self, port: u16, value: u8) {
        self.log.push(format!("{port:x}<-{value:x}"));
        match port {
            COMMAND_1 => self.controllers[0].command(value),
            COMMAND_2 => self.controllers[1].command(value),
            DATA_1 => self.controllers[0].data(value),
            DATA_2 => self.controllers[1].data(value),
            DELAY => {}
            _ => self.elsewhere = Some(port),
        }
    }
}

const NAMES: [&str; 2] = ["first", "second"];

/// Remaps a pair of controllers with random masks. Fails if they are not both
/// initialized by four words.
fn remapped(trial: &mut Trial) -> Result<(Pair, u8, [u8; 2]), harness::Failed> {
    trial.round();
    // 16 vectors from a multiple of 8 on, none of them an exception's.
    let first_vector = trial.random.within(4..=30) as u8 * 8;
    // Different from each other, and not what ICW1 leaves.
    let masks = [trial.random.within(1..=127) as u8, trial.random.within(128..=255) as u8];
    trial.given("first_vector", format_args!("{first_vector:#x}"));
    trial.given("masks", format_args!("{:#04x} {:#04x}", masks[0], masks[1]));
    let mut pair = Pair::default();
    for (controller, mask) in pair.controllers.iter_mut().zip(masks) {
        controller.mask = mask;
    }
    remap(&mut pair, first_vector);
    trial.given("log", pair.log.join(" "));
    if let Some(port) = pair.elsewhere {
        trial.fail(format_args!("port {port:#x} is none of the controllers'"))?;
    }
    for (controller, name) in pair.controllers.iter_mut().zip(NAMES) {
        if let Some(odd) = controller.odd.take() {
            trial.fail(format_args!("the {name} controller: {odd}"))?;
        }
        let waiting = match controller.words.len() {
            0 if controller.masks_written > 0 => Some("bytes on its data port, but no ICW1 before"),
            0 => Some("nothing: ICW1 begins, on its command port"),
            1 => Some("only ICW1: it still waits for ICW2, the vector"),
            2 => Some("two words: it still waits for ICW3, the cascade"),
            3 => Some("three words: it still waits for ICW4"),
            _ => None,
        };
        if let Some(waiting) = waiting {
            trial.fail(format_args!("the {name} controller got {waiting}"))?;
        }
        trial.equal(
            format_args!("the {name} controller must be initialized once"),
            controller.begun,
            1,
        )?;
    }
    Ok((pair, first_vector, masks))
}

/// ICW2, and ICW4 at its place.
fn order(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let (pair, first_vector, _) = remapped(trial)?;
        for (index, (controller, name)) in pair.controllers.iter().zip(NAMES).enumerate() {
            let vector = first_vector + 8 * index as u8;
            let (got, last) = (controller.words[1], controller.words[3]);
            let message = if [1 << CASCADE, CASCADE, ICW4].contains(&got) {
                "the word behind ICW1 is ICW2, the vector"
            } else if index == 1 && got == first_vector {
                "line 8 would raise the same vector as line 0; its base is 8 higher than the first one's"
            } else {
                "ICW2 is the vector of the controller's first line"
            };
            trial.equal_hex(format_args!("the {name} controller: {message}"), got, vector)?;
            let message = if [1 << CASCADE, CASCADE].contains(&last) && last != ICW4 {
                "the word behind ICW2 is ICW3, the cascade; ICW4 comes last"
            } else {
                "ICW4 asks for the 8086 mode and nothing else"
            };
            trial.equal_hex(format_args!("the {name} controller: {message}"), last, ICW4)?;
        }
    }
    Ok(())
}

/// ICW3.
fn cascade(trial: &mut Trial) -> Checked {
    let (pair, ..) = remapped(trial)?;
    let [first, second] = pair.controllers.each_ref().map(|controller| controller.words[2]);
    let message = match first {
        CASCADE => {
            "the first controller: ICW3 is a mask with the cascade's bit set, not its number"
        }
        _ => "the first controller: ICW3 has one bit set, that of the cascade's line",
    };
    trial.bits(message, EIGHT_LINES, first.into(), 1 << CASCADE)?;
    let message = match second == 1 << CASCADE {
        true => "the second controller: ICW3 is the number of the cascade's line, not a mask",
        false => "the second controller: ICW3 is the number of the line it is plugged into",
    };
    trial.bits(message, EIGHT_LINES, second.into(), CASCADE.into())
}

/// Masks are as before.
fn masks(trial: &mut Trial) -> Checked {
    for _ in 0..ROUNDS {
        let (pair, _, masks) = remapped(trial)?;
        let got = pair.controllers.each_ref().map(|controller| controller.mask);
        for index in 0..2 {
            let message = if got[index] == 0 {
                "the mask is empty: ICW1 clears it, so it has to be read before and written after"
            } else if got[index] == masks[1 - index] {
                "that is the other controller's mask"
            } else if got[index] == 0xff {
                "all its lines are masked, but some were open before"
            } else {
                "the mask is not what it was before"
            };
            let message = format_args!("the {} controller: {message}", NAMES[index]);
            trial.bits(message, EIGHT_LINES, got[index].into(), masks[index].into())?;
        }
    }
    Ok(())
}

/// Every line in service alone, and with a less urgent one behind it.
fn end(trial: &mut Trial) -> Checked {
    for line in 0..16_u8 {
        if line == CASCADE {
            continue;
        }
        trial.round();
        trial.given("line", line);
        let mut pair = Pair::default();
        // Line 15 was being handled when a more urgent one came between, or itself came.
        let behind = if line < CASCADE { 1 << 7 } else { 0 };
        let [first, second] = match line {
            0..8 => [1 << line | u8::from(line < CASCADE) << CASCADE, behind],
            _ => [1 << CASCADE, 1 << (line - 8)],
        };
        (pair.controllers[0].in_service, pair.controllers[1].in_service) = (first, second);
        let left = match line {
            0..8 => [first & !(1 << line), behind],
            _ => [0, 0],
        };
        end_of_interrupt(&mut pair, line);
        trial.given("log", pair.log.join(" "));
        if let Some(port) = pair.elsewhere {
            return trial.fail(format_args!("port {port:#x} is none of the controllers'"));
        }
        for (controller, name) in pair.controllers.iter_mut().zip(NAMES) {
            if let Some(odd) = controller.odd.take() {
                return trial.fail(format_args!("the {name} controller: {odd}"));
            }
        }
        let ends = pair.controllers.each_ref().map(|controller| controller.ends);
        let wanted = [1, u32::from(line >= 8)];
        let message = match (ends, line) {
            (ends, _) if ends == wanted => "the end is about another line than this",
            ([_, 0], 8..) => {
                "the second controller was told nothing: it holds back this line and those behind it"
            }
            ([0, _], 8..) => {
                "the first controller was told nothing: line 2, the cascade, is still in service"
            }
            ([0, _], _) => "the first controller was told nothing: the line is still in service",
            ([_, told], ..8) if told > 0 => {
                "the second controller has no part in lines 0 to 7: this ends somebody else's interrupt"
            }
            _ => "each end counts: one is told more than once",
        };
        trial.given("ends", format_args!("{}, {}", ends[0], ends[1]));
        for (index, controller) in pair.controllers.iter().enumerate() {
            let got = controller.in_service;
            trial.bits(message, EIGHT_LINES, got.into(), left[index].into())?;
        }
        trial.holds(ends == wanted, message)?;
    }
    Ok(())
}
