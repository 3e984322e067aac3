//! Kernels that run the checks of an exercise: one boot for all of them.
//!
//! Each function is the body of `kernel_entry` in `checks/boot.rs`. It brings the
//! machine up as that milestone does, by the course's own code, and then runs the
//! checks one after the other. What ends the kernel in between (a panic, a fault, a
//! hang) ends the check that was running; those behind it were not reached.

use crate::{Check, Trial};
use arrayvec::ArrayString;
use m0_boot::handshake::{self, BootInfo};
use m0_boot::{clock, logger, serial};
use shared::cmdline::Options;
use shared::events::{self, Console, Event};
use shared::exit::{self, Reason};

mod m0;
mod m1;
mod m2;
mod memory;
pub mod probe;
pub mod user;

pub use m0::{m0, m0_with};
pub use m1::{m1, m1_with};
pub use m2::{m2, m2_with};

/// Serial, clock and log, and what the loader tells.
fn voice() -> BootInfo {
    serial::init().unwrap_or_else(|error| panic!("serial: {error}"));
    clock::init().unwrap_or_else(|error| panic!("clock: {error}"));
    logger::init();
    handshake::accept().unwrap_or_else(|error| panic!("handshake: {error}"))
}

/// What the grader says on the command line.
struct Instructions {
    nonce: ArrayString<32>,
    seed: u64,
}

impl Instructions {
    /// Reads them.
    ///
    /// # Panics
    /// If they are not there: the grader gives them.
    fn read(boot: &BootInfo) -> Self {
        let options = Options::parse(&boot.command_line, ["nonce", "seed"])
            .unwrap_or_else(|error| panic!("{error}"));
        let nonce = ArrayString::from(options.get("nonce").unwrap_or("-"))
            .unwrap_or_else(|_| panic!("the nonce is too long"));
        let seed = options.get("seed").and_then(|text| text.parse().ok());
        Self { nonce, seed: seed.unwrap_or_else(|| panic!("no seed on the command line")) }
    }

    /// Runs the checks, says that it is done, and leaves the machine.
    fn follow(&self, checks: &[Check]) -> ! {
        for check in checks {
            Trial::run(check, self.seed, &self.nonce, &mut Console);
        }
        events::emit::<&str>(Event::Done { nonce: &self.nonce });
        exit::leave(Reason::Complete)
    }
}
