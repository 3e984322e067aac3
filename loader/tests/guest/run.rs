//! Choosing and running a case, and how it ends.

use core::sync::atomic::{AtomicBool, Ordering};

use shared::{
    cmdline::Options,
    events::{self, Event},
    exit::{self, Reason},
};

use crate::{faults, files, firmware, machine, memory, permissions, requests};

/// All cases.
const CASES: &[(&str, fn())] = &[
    ("handshake", firmware::handshake),
    ("firmware-type", firmware::firmware_type),
    ("rsdp", firmware::rsdp),
    ("date-at-boot", firmware::date_at_boot),
    ("framebuffer", firmware::framebuffer),
    ("memory-total", memory::total),
    ("memory-map", memory::map),
    ("direct-map", memory::direct_map),
    ("answers-reclaimable", memory::answers_are_reclaimable),
    ("command-line", files::command_line),
    ("modules", files::modules),
    ("no-modules", files::no_modules),
    ("executable-file", files::executable_file),
    ("executable-address", permissions::executable_address),
    ("segments", permissions::segments),
    ("write-text", permissions::write_text),
    ("write-rodata", permissions::write_rodata),
    ("execute-data", permissions::execute_data),
    ("registers", machine::registers),
    ("control-registers", machine::control_registers),
    ("gdt", machine::gdt),
    ("stack", machine::stack),
    ("interrupts-masked", machine::interrupts_masked),
    ("pat", machine::pat),
    ("entry-point", machine::entry_point),
];

/// Whether a check has failed.
static FAILED: AtomicBool = AtomicBool::new(false);

/// Emits the outcome of a check, with a message for the case that it fails.
macro_rules! check {
    ($name:expr, $holds:expr, $($message:tt)+) => {
        crate::run::record($name, $holds, format_args!($($message)+))
    };
}
pub(crate) use check;

/// Emits and remembers an outcome; see [`check!`].
pub fn record(name: &str, holds: bool, message: core::fmt::Arguments) {
    if !events::check(name, if holds { Ok(()) } else { Err(message) }) {
        FAILED.store(true, Ordering::Relaxed);
    }
}

/// The kernel proper.
pub extern "C" fn main() -> ! {
    faults::init();
    let line = requests::cmdline().unwrap_or_else(|| panic!("no command line"));
    let options =
        Options::parse(line, ["nonce", "test", "extra"]).unwrap_or_else(|error| panic!("{error}"));
    events::emit::<&str>(Event::Boot { kernel: "loader-guest" });
    match options.get("test") {
        Some("list") => {
            for (name, _) in CASES {
                events::emit::<&str>(Event::Case { name });
            }
        }
        Some(name) => match CASES.iter().find(|(case, _)| *case == name) {
            Some((_, run)) => run(),
            None => panic!("no case `{name}`; `test=list` names them"),
        },
        None => panic!("no case chosen; put test=NAME on the command line"),
    }
    if FAILED.load(Ordering::Relaxed) {
        exit::leave(Reason::Failed);
    }
    events::emit::<&str>(Event::Done { nonce: options.get("nonce").unwrap_or("none") });
    exit::leave(Reason::Complete)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    let message = info.message();
    // The file alone tells enough of a test kernel's panic.
    let location = info.location().map_or("unknown", |location| location.file());
    events::emit(Event::Panic { location, message });
    exit::leave(Reason::Failed)
}
