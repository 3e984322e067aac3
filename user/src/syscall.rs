//! The nine system calls.
//!
//! The number goes into RAX, arguments into RDI, RSI and RDX; the result comes
//! back in RAX. SYSCALL itself overwrites RCX (with the return address) and R11
//! (with RFLAGS); the kernel gives back all other registers as they were (Intel
//! SDM Vol. 2B, "SYSCALL").

use crate::error::Error;
use core::arch::asm;
use core::fmt;
use core::num::NonZeroU32;
use core::ptr::NonNull;
use core::time::Duration;

/// The calls' numbers.
pub mod number {
    /// `exit(code)`.
    pub const EXIT: u64 = 0;
    /// `write(descriptor, address, bytes)`.
    pub const WRITE: u64 = 1;
    /// `yield()`.
    pub const YIELD: u64 = 2;
    /// `getpid()`.
    pub const GETPID: u64 = 3;
    /// `uptime()`.
    pub const UPTIME: u64 = 4;
    /// `sleep(nanoseconds)`.
    pub const SLEEP: u64 = 5;
    /// `grow(bytes)`.
    pub const GROW: u64 = 6;
    /// `spawn(name address, name bytes, argument)`.
    pub const SPAWN: u64 = 7;
    /// `wait(pid or 0, status address or 0)`.
    pub const WAIT: u64 = 8;
}

/// Where `write` can write to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Descriptor {
    /// What people read.
    Console = 1,
    /// Takes everything and keeps nothing.
    Sink = 3,
}

/// A process, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pid(NonZeroU32);

impl Pid {
    /// The process with that number; none has 0.
    pub fn new(number: u64) -> Option<Self> {
        u32::try_from(number).ok().and_then(NonZeroU32::new).map(Self)
    }

    /// The number.
    pub fn get(self) -> u64 {
        u64::from(self.0.get())
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It called `exit`, or returned.
    Exited(i32),
    /// It raised a CPU exception.
    Killed {
        /// The exception's vector.
        vector: u8,
    },
    /// The kernel ended it for another reason.
    Ended,
    /// A word that the kernel is not documented to write.
    Undocumented(u64),
}

/// The upper half of a status word says how to read the lower.
const EXITED: u64 = 0;
const KILLED: u64 = 1;
const ENDED: u64 = 2;

impl Status {
    /// What the word that `wait` writes means.
    pub fn from_word(word: u64) -> Self {
        let low = word as u32;
        match (word >> 32, u8::try_from(low)) {
            (EXITED, _) => Self::Exited(low as i32),
            (KILLED, Ok(vector)) => Self::Killed { vector },
            (ENDED, Ok(0)) => Self::Ended,
            _ => Self::Undocumented(word),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited with code {code}"),
            Self::Killed { vector } => write!(f, "was killed by exception {vector}"),
            Self::Ended => write!(f, "was ended by the kernel"),
            Self::Undocumented(word) => write!(f, "has the status {word:#x}"),
        }
    }
}

/// Any call, with any arguments; what comes back is what the kernel left in RAX.
///
/// # Safety
/// The call must not write to memory that Rust relies on: `wait` writes eight
/// bytes where its second argument points to, and that is all there is.
pub unsafe fn raw(number: u64, arguments: [u64; 3]) -> u64 {
    let [first, second, third] = arguments;
    let result;
    // SAFETY: the kernel keeps all registers but these, and the program's stack.
    // What it writes to memory is the caller's affair.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") first,
            in("rsi") second,
            in("rdx") third,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// A call that writes nothing to memory.
fn call(number: u64, arguments: [u64; 3]) -> Result<u64, Error> {
    debug_assert!(number != number::WAIT);
    // SAFETY: no call but `wait` writes to the program's memory.
    Error::check(unsafe { raw(number, arguments) })
}

/// Ends this process.
pub fn exit(code: i32) -> ! {
    loop {
        // The low 32 bits count; the kernel does not come back from here.
        let _ = call(number::EXIT, [code as u32 as u64, 0, 0]);
    }
}

/// Writes bytes; returns how many were taken.
///
/// # Errors
/// [`Error::BadDescriptor`], or [`Error::BadAddress`].
pub fn write(descriptor: Descriptor, bytes: &[u8]) -> Result<usize, Error> {
    let address = bytes.as_ptr() as u64;
    let count = call(number::WRITE, [descriptor as u64, address, bytes.len() as u64])?;
    Ok(count as usize)
}

/// Lets other processes run.
///
/// # Errors
/// Only from a kernel that does not have the call.
pub fn yield_now() -> Result<(), Error> {
    call(number::YIELD, [0; 3]).map(drop)
}

/// This process's own number; 0 from a kernel that does not tell.
pub fn getpid() -> u64 {
    call(number::GETPID, [0; 3]).unwrap_or(0)
}

/// How long the machine has been up.
///
/// # Errors
/// Only from a kernel that does not have the call.
pub fn uptime() -> Result<Duration, Error> {
    call(number::UPTIME, [0; 3]).map(Duration::from_nanos)
}

/// Sleeps for at least that long.
///
/// # Errors
/// [`Error::Invalid`] for more than an hour.
pub fn sleep(duration: Duration) -> Result<(), Error> {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    call(number::SLEEP, [nanoseconds, 0, 0]).map(drop)
}

/// Makes the heap longer, by whole pages; returns where the new, zeroed memory
/// begins. Growing by 0 bytes tells the heap's end.
///
/// # Errors
/// [`Error::NoMemory`].
pub fn grow(bytes: usize) -> Result<NonNull<u8>, Error> {
    let start = call(number::GROW, [bytes as u64, 0, 0])?;
    NonNull::new(start as *mut u8).ok_or(Error::BadAddress)
}

/// Starts the program called `name` as a child of this process.
///
/// # Errors
/// [`Error::NoSuchProgram`], [`Error::NameTooLong`], [`Error::TooManyProcesses`],
/// or [`Error::NoMemory`].
pub fn spawn(name: &str, argument: u64) -> Result<Pid, Error> {
    let pid = call(number::SPAWN, [name.as_ptr() as u64, name.len() as u64, argument])?;
    Pid::new(pid).ok_or(Error::NoSuchChild)
}

/// Waits until a child has ended, or any of them, and tells how it did.
///
/// # Errors
/// [`Error::NoSuchChild`].
pub fn wait(child: Option<Pid>) -> Result<(Pid, Status), Error> {
    let mut word = 0_u64;
    let child = child.map_or(0, Pid::get);
    // SAFETY: `wait` writes one word to where the second argument points: `word`.
    let result = unsafe { raw(number::WAIT, [child, &raw mut word as u64, 0]) };
    let pid = Pid::new(Error::check(result)?).ok_or(Error::NoSuchChild)?;
    Ok((pid, Status::from_word(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_words_are_read_as_documented() {
        assert_eq!(Status::from_word(99), Status::Exited(99));
        assert_eq!(Status::from_word(0xffff_fff9), Status::Exited(-7));
        assert_eq!(Status::from_word(1 << 32 | 14), Status::Killed { vector: 14 });
        assert_eq!(Status::from_word(2 << 32), Status::Ended);
        for word in [1 << 32 | 256, 2 << 32 | 1, 3 << 32, u64::MAX] {
            assert_eq!(Status::from_word(word), Status::Undocumented(word));
        }
    }

    #[test]
    fn no_process_has_number_0() {
        assert_eq!(Pid::new(0), None);
        assert_eq!(Pid::new(1 << 32), None);
        assert_eq!(Pid::new(7).map(Pid::get), Some(7));
    }
}
