//! The report about a program that is killed: who, by what, and what was there.

use crate::process;
use crate::process_id::ProcessId;
use crate::user_memory::{UserSlice, copy_from_user};
use core::mem::MaybeUninit;
use m0_boot::fault::{self, Fault};
use m0_boot::trap_frame::TrapFrame;
use m0_boot::{print, println};
use m1_memory::layout::PAGE_BYTES;

/// Prints the report about a fault from ring 3.
pub fn killed(frame: &TrapFrame, fault: &Fault) {
    let program = process::current_program();
    let number = process::current().map_or(0, ProcessId::get);
    println!("[user] `{program}` (process {number}) is killed:");
    fault::report(frame, fault);
    if let Fault::Page { address, .. } = *fault {
        print_place("at the address", address);
    }
    print_place("at rip", frame.rip);
    print_code(frame.rip);
}

fn print_place(what: &str, address: u64) {
    let _ = process::with_current_space(|space| {
        println!("    {what}: {}", space.describe(address));
    });
}

/// The instruction's bytes, as many as are mapped, read as a program's memory
/// always is.
fn print_code(rip: u64) {
    const LONGEST_INSTRUCTION: u64 = 15;
    let to_page_end = PAGE_BYTES - rip % PAGE_BYTES;
    let mut buffer = [MaybeUninit::uninit(); LONGEST_INSTRUCTION as usize];
    for bytes in [LONGEST_INSTRUCTION, LONGEST_INSTRUCTION.min(to_page_end)] {
        let buffer = &mut buffer[..bytes as usize];
        let Some(slice) = UserSlice::new(rip, bytes) else { continue };
        if copy_from_user(slice, buffer).is_ok() {
            print!("    code:");
            for byte in buffer {
                // SAFETY: the copy has written all of the buffer.
                print!(" {:02x}", unsafe { byte.assume_init() });
            }
            println!();
            return;
        }
    }
    println!("    code: not readable at rip");
}
