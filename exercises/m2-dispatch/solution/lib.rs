//! Exercise: system calls by number.
//!
//! A program puts a number into RAX and executes `syscall`. You write what happens next:
//! find the call of that number, make it, and put its answer into RAX. README.md beside
//! this folder has the rules.

#![no_std]

/// The caller's registers. What stands in `rax` at the end is what the program gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// The number of the call, and then its result.
    pub rax: u64,
    /// First argument.
    pub rdi: u64,
    /// Second argument.
    pub rsi: u64,
    /// Third argument.
    pub rdx: u64,
}

/// Why a call was refused. The numbers are those of Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Error {
    /// EBADF: not an open descriptor.
    BadDescriptor = 9,
    /// EFAULT: an address that is not the program's.
    BadAddress = 14,
    /// EINVAL: an argument beyond the call's limit.
    Invalid = 22,
    /// ENOSYS: there is no call with that number.
    NoSuchCall = 38,
}

/// A system call: looks at the registers, and gives a result or an error.
pub type Call = fn(&Registers) -> Result<u64, Error>;

/// An answer as it stands in RAX: a result as it is, an error as the negative of its
/// number, in all 64 bits.
pub fn in_rax(answer: Result<u64, Error>) -> u64 {
    match answer {
        Ok(result) => result,
        Err(error) => (error as u64).wrapping_neg(),
    }
}

/// Serves the call whose number is in `registers.rax`. The index into `calls` is the
/// number; `None` is a number that was given up.
pub fn dispatch(registers: &mut Registers, calls: &[Option<Call>]) {
    let number = usize::try_from(registers.rax).unwrap_or(usize::MAX);
    let answer = match calls.get(number) {
        Some(Some(call)) => call(registers),
        Some(None) | None => Err(Error::NoSuchCall),
    };
    registers.rax = in_rax(answer);
}
