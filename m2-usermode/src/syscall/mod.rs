//! System calls: what a program may ask the kernel for.
//!
//! ANCHOR: calls
//! | RAX | call | RDI | RSI | RDX | returns | errors |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | 0 | `exit` | code | | | never | |
//! | 1 | `write` | descriptor | address | bytes | bytes written | EBADF, EFAULT |
//! | 2 | `yield` | | | | 0 | |
//! | 3 | `getpid` | | | | the caller's number | |
//! | 4 | `uptime` | | | | nanoseconds since the boot | |
//! | 5 | `sleep` | nanoseconds | | | 0, no earlier | EINVAL |
//! | 6 | `grow` | bytes | | | where the new memory begins | ENOMEM |
//! | 7 | `spawn` | name | name bytes | argument | the child's number | ENOENT, EAGAIN, ENOMEM, EFAULT, ENAMETOOLONG |
//! | 8 | `wait` | child, or 0 | status, or 0 | | the number of the child that ended | ECHILD, EFAULT |
//! ANCHOR_END: calls
//!
//! The result comes in RAX; a negative one is an error from [`Error`], and any
//! other number in RAX is ENOSYS. Every other register keeps its value, but for RCX
//! and R11, which SYSCALL itself overwrites.
//!
//! - [`entry`]: the way in and out
//! - [`table`]: the calls by number, as data
//! - [`calls`]: what each does
//! - [`errno`]: how they refuse
//! - [`trace`]: each call and its result as a line
//! - `attention`: when a call has to leave the fast path

pub(crate) mod attention;
pub mod calls;
pub mod entry;
pub mod errno;
pub mod table;
pub mod trace;

pub use self::calls::{CONSOLE, SINK};
pub use self::errno::Error;

use self::entry::SyscallFrame;
use self::table::CALLS;
use crate::{process, watchdog};

/// Serves one call; the result goes into the frame's RAX.
#[inline]
pub(crate) fn dispatch(frame: &mut SyscallFrame) {
    process::count_call();
    match attention::bits() {
        0 => perform(frame),
        _ => dispatch_slowly(frame),
    }
}

#[inline]
fn perform(frame: &mut SyscallFrame) {
    frame.rax = match CALLS.get(frame.rax as usize) {
        Some(call) => (call.serve)(frame),
        None => Error::NoSuchCall.in_rax(),
    };
}

#[cold]
fn dispatch_slowly(frame: &mut SyscallFrame) {
    watchdog::end_if_out_of_time(frame.rip);
    if attention::bits() & attention::TRACE != 0 {
        trace::serve(frame);
    } else {
        perform(frame);
    }
}
