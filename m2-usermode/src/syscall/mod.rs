//! System calls: what a program may ask the kernel for.
//!
//! | RAX | call | RDI | RSI | RDX | returns |
//! | --- | --- | --- | --- | --- | --- |
//! | 0 | `exit` | exit code | | | never |
//! | 1 | `write` | 1: console | address | bytes | bytes written |
//!
//! The result comes in RAX; a negative one is an error from [`Error`]. Every
//! other register keeps its value, but for RCX and R11, which SYSCALL itself
//! overwrites. [`entry`] is the way in and out.

pub mod entry;

use crate::process;
use crate::user_memory::{UserSlice, copy_from_user};
use core::fmt;
use entry::SyscallFrame;
use m0_boot::print;

/// Why a call was refused. The numbers are those of Linux, so that names and
/// values look familiar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i64)]
pub enum Error {
    /// Not a descriptor that can be written to.
    BadDescriptor = 9,
    /// The buffer is not all readable memory of the program.
    BadAddress = 14,
    /// There is no call with that number.
    NoSuchCall = 38,
}

impl Error {
    /// The conventional name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadDescriptor => "EBADF",
            Self::BadAddress => "EFAULT",
            Self::NoSuchCall => "ENOSYS",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The number of `exit`.
pub const EXIT: u64 = 0;
/// The number of `write`.
pub const WRITE: u64 = 1;

/// The only descriptor there is: the console.
pub const CONSOLE: u64 = 1;

/// Serves one call; the result goes into the frame's RAX.
pub(crate) fn dispatch(frame: &mut SyscallFrame) {
    let number = frame.rax;
    process::count_call();
    let result = match number {
        EXIT => exit(frame.rdi),
        WRITE => {
            let (descriptor, address, bytes) = (frame.rdi, frame.rsi, frame.rdx);
            log::info!("1 write(descriptor {descriptor}, {address:#x}, {bytes} bytes)");
            write(descriptor, address, bytes)
        }
        _ => {
            log::info!("{number} is no system call");
            Err(Error::NoSuchCall)
        }
    };
    frame.rax = match result {
        Ok(value) => value,
        Err(error) => {
            log::info!("{number} refused: {error}");
            (-(error as i64)) as u64
        }
    };
}

fn exit(code: u64) -> ! {
    // The program's `int`: the low 32 bits, signed.
    let code = code as i32;
    log::info!("0 exit({code})");
    process::end_current(process::ExitStatus::Exited(code))
}

/// Copies the program's bytes to the console in bounded pieces. If a later piece
/// cannot be read, what was written before counts.
fn write(descriptor: u64, address: u64, bytes: u64) -> Result<u64, Error> {
    const PIECE_BYTES: u64 = 256;
    if descriptor != CONSOLE {
        return Err(Error::BadDescriptor);
    }
    let slice = UserSlice::new(address, bytes).ok_or(Error::BadAddress)?;
    let mut buffer = [0; PIECE_BYTES as usize];
    let mut written = 0;
    while written < slice.bytes() {
        let count = PIECE_BYTES.min(slice.bytes() - written);
        let piece = &mut buffer[..count as usize];
        match copy_from_user(slice.part(written, count), piece) {
            Ok(()) => print_bytes(piece),
            Err(_) if written > 0 => break,
            Err(_) => return Err(Error::BadAddress),
        }
        written += count;
    }
    Ok(written)
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
