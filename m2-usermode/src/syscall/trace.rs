//! Tracing: each call and its result as a line, as `strace` does it.
//!
//! ```text
//! [call] hello(1) write(1, 0x10043, 19) = 19
//! [call] hello(1) exit(99)
//! ```

use super::entry::SyscallFrame;
use super::table::{CALLS, Call, EXIT, Kind};
use super::{attention, errno::Error};
use crate::process;
use core::fmt;
use m0_boot::println;

/// Turns tracing on or off.
pub fn set(on: bool) {
    attention::set(attention::TRACE, on);
}

/// Serves a call and prints it.
pub(super) fn serve(frame: &mut SyscallFrame) {
    let shown = Shown { frame, call: CALLS.get(frame.rax as usize) };
    let (program, id) = (process::current_program(), process::current());
    let number = id.map_or(0, |id| id.get());
    if frame.rax == EXIT {
        println!("[call] {program}({number}) {shown}");
        super::perform(frame);
        return;
    }
    // The line comes after the call: until then others may print.
    let before = *frame;
    super::perform(frame);
    let shown = Shown { frame: &before, call: CALLS.get(before.rax as usize) };
    let result = frame.rax;
    match Error::ALL.iter().find(|error| error.in_rax() == result) {
        Some(error) => println!("[call] {program}({number}) {shown} = -{error}"),
        None => println!("[call] {program}({number}) {shown} = {result}"),
    }
}

struct Shown<'a> {
    frame: &'a SyscallFrame,
    call: Option<&'a Call>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(call) = self.call else { return write!(f, "({})", self.frame.rax) };
        write!(f, "{}(", call.name)?;
        let values = [self.frame.rdi, self.frame.rsi, self.frame.rdx];
        for (index, (argument, value)) in call.arguments.iter().zip(values).enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            match argument.kind {
                Kind::Int => write!(f, "{}", value as i32)?,
                Kind::Number => write!(f, "{value}")?,
                Kind::Address => write!(f, "{value:#x}")?,
            }
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(rax: u64, [rdi, rsi, rdx]: [u64; 3]) -> SyscallFrame {
        SyscallFrame { rax, rdi, rsi, rdx, r9: 0, r8: 0, r10: 0, rip: 0, rflags: 0, rsp: 0 }
    }

    #[test]
    fn calls_are_shown_by_their_arguments_kinds() {
        let shown = |frame: SyscallFrame| {
            Shown { frame: &frame, call: CALLS.get(frame.rax as usize) }.to_string()
        };
        assert_eq!(shown(frame(0, [u64::MAX, 0, 0])), "exit(-1)");
        assert_eq!(shown(frame(1, [1, 0x1_0040, 19])), "write(1, 0x10040, 19)");
        assert_eq!(shown(frame(2, [7, 7, 7])), "yield()");
        assert_eq!(shown(frame(4711, [1, 2, 3])), "(4711)");
    }
}
