//! The console: a person asks the running kernel, over COM1.
//!
//! With `console=on` on the command line the kernel does not leave when its
//! milestone is complete, but serves commands until `quit`. `cargo xtask monitor`
//! talks to it.
//!
//! - [`input`]: bytes of COM1, none of them lost
//! - [`keys`], [`history`], [`editor`]: from bytes to lines
//! - [`command`]: from a line to a command
//! - [`memory`], [`cpu`], [`programs`], [`faults`]: the commands
//!
//! The host follows by events: `prompt` when a line can come, `command` before one
//! is served, `command-failed` if it could not be.

pub mod command;
pub mod cpu;
pub mod editor;
pub mod faults;
pub mod history;
pub mod input;
pub mod keys;
pub mod memory;
pub mod programs;

use crate::settings::Settings;
use command::{COMMANDS, Command};
use core::fmt::{self, Write};
use editor::{Editor, Entered};
use history::LINE_BYTES;
use m0_boot::handshake::BootInfo;
use m0_boot::milestone::Milestone;
use m0_boot::{print, println};
use m1_memory::physical::DirectMap;
use shared::events::{self, Event};
use shared::exit::{self, Reason};

/// A command could not be served; the person and the host have been told why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

/// What stands before each line.
const PROMPT: &str = "m2> ";

/// Ends the milestone; then serves the console, if the command line asks for it and
/// the milestone is complete.
pub fn finish(milestone: Milestone, settings: &Settings, boot: &BootInfo, memory: DirectMap) -> ! {
    let reason = milestone.conclude(settings.nonce);
    if settings.console && reason == Reason::Complete {
        serve(boot, memory);
    }
    exit::leave(reason)
}

/// Serves commands until `quit`.
fn serve(boot: &BootInfo, memory: DirectMap) {
    input::init();
    println!("\nThis is the kernel's console; `help` lists its commands, `quit` leaves.");
    let mut editor = Editor::new();
    for number in 1.. {
        print!("{PROMPT}");
        events::emit::<&str>(Event::Prompt { number });
        let entered = loop {
            // The screen never fails.
            if let Ok(Some(entered)) = editor.feed(input::next(), &mut Screen) {
                break entered;
            }
        };
        match &entered {
            Entered::Line(line) => match Command::parse(line) {
                Ok(None) => {}
                Ok(Some(command)) => {
                    events::emit::<&str>(Event::Command { line: line.trim() });
                    if command == Command::Quit {
                        return;
                    }
                    // Whoever waits for it has been told.
                    let _ = obey(command, boot, memory);
                }
                Err(error) => _ = failed(format_args!("{error}")),
            },
            Entered::TooLong => {
                let limit = format_args!("the line is longer than {LINE_BYTES} letters");
                _ = failed(format_args!("{limit}, and was not obeyed"));
            }
            Entered::Cancelled => {}
        }
    }
}

fn obey(command: Command, boot: &BootInfo, memory: DirectMap) -> Result<(), Failed> {
    match command {
        Command::Help => help(),
        Command::Regions => memory::regions(),
        Command::Walk { address } => return memory::walk(address, memory),
        Command::Peek { address, bytes } => return memory::peek(address, bytes, &boot.memory_map),
        Command::Frames => return memory::frames(),
        Command::Heap => return memory::heap(),
        Command::Threads => programs::threads(),
        Command::Run { program, argument } => return programs::run(program, argument, memory),
        Command::Idt => cpu::idt(),
        Command::Gdt => cpu::gdt(),
        Command::Ticks => cpu::ticks(),
        Command::Fault { raise } => faults::raise(raise),
        Command::Reboot => cpu::reboot(),
        Command::Quit => {} // `serve` has returned
    }
    Ok(())
}

fn help() {
    for usage in &COMMANDS {
        println!("    {:<8}{:<20} {}", usage.name, usage.arguments, usage.does);
    }
    println!("Numbers are decimal, or hexadecimal with 0x. Exceptions for `fault`:");
    for raise in &faults::ALL {
        println!("    {:<28} {}", raise.name, raise.by);
    }
}

/// Tells the person and the host why a command could not be served.
fn failed(why: fmt::Arguments) -> Failed {
    println!("{why}");
    events::emit(Event::CommandFailed { message: why });
    Failed
}

/// COM1 as a terminal.
struct Screen;

impl Write for Screen {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        print!("{text}");
        Ok(())
    }
}
