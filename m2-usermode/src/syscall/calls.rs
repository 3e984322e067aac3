//! What each system call does.
//!
//! Each gets the caller's registers and gives the result or the reason why not.
//! Interrupts are on. Numbers and rules stand in [`super::table`].

use super::entry::SyscallFrame;
use super::errno::Error;
use crate::process::{self, ExitStatus, ProcessError, WaitError};
use crate::process_id::ProcessId;
use crate::program;
use crate::user_memory::{UserSlice, copy_from_user, copy_to_user};
use crate::{thread, watchdog};
use core::mem::MaybeUninit;
use m0_boot::{clock, pit, print};
use m1_memory::layout;
use m1_memory::physical::DirectMap;

/// The descriptor of the console.
pub const CONSOLE: u64 = 1;
/// The descriptor of the sink: it takes everything and keeps nothing.
pub const SINK: u64 = 3;

/// The longest sleep, an hour.
pub const LONGEST_SLEEP_NS: u64 = 3_600 * 1_000_000_000;

/// The longest name that `spawn` reads.
pub const LONGEST_NAME_BYTES: u64 = 32;

type Answer = Result<u64, Error>;

pub(super) fn exit(frame: &SyscallFrame) -> Answer {
    process::end_current(ExitStatus::Exited(frame.rdi as i32))
}

/// Copies the program's bytes in bounded pieces, each of which goes out at once.
/// So if memory ends half way, what comes before it has been written.
pub(super) fn write(frame: &SyscallFrame) -> Answer {
    const PIECE_BYTES: u64 = 256;
    let (descriptor, address, bytes) = (frame.rdi, frame.rsi, frame.rdx);
    if descriptor != CONSOLE && descriptor != SINK {
        return Err(Error::BadDescriptor);
    }
    let slice = UserSlice::new(address, bytes).ok_or(Error::BadAddress)?;
    let mut buffer = [MaybeUninit::uninit(); PIECE_BYTES as usize];
    let mut written = 0;
    while written < bytes {
        let piece = copy_in(slice.part(written, PIECE_BYTES), &mut buffer)?;
        let whole = if descriptor == SINK { piece.len() } else { whole_characters(piece) };
        if descriptor == CONSOLE {
            print_bytes(&piece[..whole]);
        }
        written += whole as u64;
        // A long text takes long; others are waiting.
        watchdog::end_if_out_of_time(frame.rip);
    }
    Ok(written)
}

/// The program's bytes in `buffer`, as many as the shorter of the two has.
fn copy_in(from: UserSlice, buffer: &mut [MaybeUninit<u8>]) -> Result<&[u8], Error> {
    let count = buffer.len().min(from.bytes() as usize);
    let buffer = &mut buffer[..count];
    copy_from_user(from, buffer).map_err(|_| Error::BadAddress)?;
    // SAFETY: the copy has written all of it.
    Ok(unsafe { &*(&raw const *buffer as *const [u8]) })
}

/// How many of `bytes` to print now, so that the next piece does not begin in the
/// middle of a character.
fn whole_characters(bytes: &[u8]) -> usize {
    match core::str::from_utf8(bytes) {
        // Only the last character may be incomplete, and not be all there is.
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => error.valid_up_to(),
        _ => bytes.len(),
    }
}

/// Prints what a program wrote. Control characters could take over the reader's
/// terminal, so all but line ends and tabs become a dot, like broken UTF-8.
fn print_bytes(bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        let harmless = |c: char| if c.is_control() && c != '\n' && c != '\t' { '.' } else { c };
        for character in chunk.valid().chars() {
            print!("{}", harmless(character));
        }
        for _ in chunk.invalid() {
            print!(".");
        }
    }
}

pub(super) fn yield_now(_: &SyscallFrame) -> Answer {
    thread::yield_now();
    Ok(0)
}

pub(super) fn getpid(_: &SyscallFrame) -> Answer {
    Ok(process::current().map_or(0, |id| u64::from(id.get())))
}

pub(super) fn uptime(_: &SyscallFrame) -> Answer {
    Ok(clock::now_ns())
}

/// Sleeps until the clock says so. Ticks alone would not do: those that came late,
/// because interrupts were off or the host was busy, come close together.
pub(super) fn sleep(frame: &SyscallFrame) -> Answer {
    const TICK_NS: u64 = 1_000_000_000 / pit::TICK_HZ;
    let ns = frame.rdi;
    if ns > LONGEST_SLEEP_NS {
        return Err(Error::Invalid);
    }
    let until = clock::now_ns() + ns;
    thread::yield_now();
    loop {
        match until.saturating_sub(clock::now_ns()) {
            0 => return Ok(0),
            left => thread::sleep(left.div_ceil(TICK_NS)),
        }
    }
}

pub(super) fn grow(frame: &SyscallFrame) -> Answer {
    match process::grow_heap(frame.rdi) {
        Ok(start) => Ok(start.as_u64()),
        Err(error) => {
            log::debug!("grow({}): {error}", frame.rdi);
            Err(Error::OutOfMemory)
        }
    }
}

pub(super) fn spawn(frame: &SyscallFrame) -> Answer {
    let (address, bytes, argument) = (frame.rdi, frame.rsi, frame.rdx);
    if bytes > LONGEST_NAME_BYTES {
        return Err(Error::NameTooLong);
    }
    let slice = UserSlice::new(address, bytes).ok_or(Error::BadAddress)?;
    let mut buffer = [MaybeUninit::uninit(); LONGEST_NAME_BYTES as usize];
    let name = copy_in(slice, &mut buffer)?;
    let name = core::str::from_utf8(name).map_err(|_| Error::NoSuchProgram)?;
    let program = program::find(name).map_err(|_| Error::NoSuchProgram)?;
    // Ring 3 runs on page tables that `kernel::build` made, with the direct map
    // where it belongs.
    let memory = DirectMap::new(layout::DIRECT_MAP).map_err(|_| Error::OutOfMemory)?;
    let child = process::spawn(program, argument, memory).map_err(|error| {
        log::debug!("spawn(\"{name}\"): {error}");
        match error {
            ProcessError::TooMany => Error::TryAgain,
            ProcessError::Space(_) | ProcessError::Thread(_) | ProcessError::Deadlock => {
                Error::OutOfMemory
            }
        }
    })?;
    Ok(u64::from(child.get()))
}

/// The child is only forgotten once its status has reached the caller.
pub(super) fn wait(frame: &SyscallFrame) -> Answer {
    let only = match frame.rdi {
        0 => None,
        number => Some(u32::try_from(number).ok().and_then(ProcessId::new).ok_or(Error::NoChild)?),
    };
    let (child, status) = process::wait(only).map_err(|error| match error {
        WaitError::NoChild | WaitError::Deadlock => Error::NoChild,
    })?;
    if frame.rsi != 0 {
        let word = status.word().to_le_bytes();
        let to = UserSlice::new(frame.rsi, word.len() as u64).ok_or(Error::BadAddress)?;
        copy_to_user(&word, to).map_err(|_| Error::BadAddress)?;
    }
    process::forget(child);
    Ok(u64::from(child.get()))
}

#[cfg(test)]
mod tests {
    use super::whole_characters;

    #[test]
    fn a_piece_ends_with_a_whole_character() {
        assert_eq!(whole_characters("abc".as_bytes()), 3);
        assert_eq!(whole_characters(&"abä".as_bytes()[..3]), 2);
        assert_eq!(whole_characters(&"ab€".as_bytes()[..4]), 2);
        // Broken in the middle, or nothing but a beginning: dots will do.
        assert_eq!(whole_characters(b"a\xffb"), 3);
        assert_eq!(whole_characters(b"\xe2\x82"), 2);
    }
}
