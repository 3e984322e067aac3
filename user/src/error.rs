//! Why the kernel refuses a call.

use core::fmt;

/// An error that the kernel answers with. The numbers are Linux's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// ENOENT: there is no program of that name.
    NoSuchProgram,
    /// EBADF: not a descriptor that can be written to.
    BadDescriptor,
    /// ECHILD: no such child.
    NoSuchChild,
    /// EAGAIN: as many processes as there can be at a time.
    TooManyProcesses,
    /// ENOMEM: no memory, or no room for it.
    NoMemory,
    /// EFAULT: a buffer is not all memory of the program that can be so used.
    BadAddress,
    /// EINVAL: a value that the call does not take.
    Invalid,
    /// ENAMETOOLONG: no program's name is that long.
    NameTooLong,
    /// ENOSYS: there is no such call.
    NoSuchCall,
    /// A number that is not among those the kernel is documented to answer with.
    Undocumented(u16),
}

/// The largest number that an error can have: results beyond are values.
const MAX_NUMBER: u64 = 4095;

/// Numbers, names and meanings.
const KNOWN: [(u16, &str, Error); 9] = [
    (2, "ENOENT", Error::NoSuchProgram),
    (9, "EBADF", Error::BadDescriptor),
    (10, "ECHILD", Error::NoSuchChild),
    (11, "EAGAIN", Error::TooManyProcesses),
    (12, "ENOMEM", Error::NoMemory),
    (14, "EFAULT", Error::BadAddress),
    (22, "EINVAL", Error::Invalid),
    (36, "ENAMETOOLONG", Error::NameTooLong),
    (38, "ENOSYS", Error::NoSuchCall),
];

impl Error {
    /// What the kernel left in RAX: a value, or the negative of an error's number.
    ///
    /// # Errors
    /// The error, if it is one.
    pub fn check(result: u64) -> Result<u64, Self> {
        let negated = result.wrapping_neg();
        match u16::try_from(negated) {
            Ok(number) if (1..=MAX_NUMBER).contains(&negated) => Err(Self::from_number(number)),
            _ => Ok(result),
        }
    }

    fn from_number(number: u16) -> Self {
        let known = KNOWN.iter().find(|(known, ..)| *known == number);
        known.map_or(Self::Undocumented(number), |(.., error)| *error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match KNOWN.iter().find(|(.., error)| error == self) {
            Some((_, name, _)) => f.write_str(name),
            None => write!(f, "{self:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_negative_numbers_are_errors_and_nothing_else_is() {
        assert_eq!(Error::check(0), Ok(0));
        assert_eq!(Error::check(u64::MAX - MAX_NUMBER), Ok(u64::MAX - MAX_NUMBER));
        assert_eq!(Error::check(-14_i64 as u64), Err(Error::BadAddress));
        assert_eq!(Error::check(-4095_i64 as u64), Err(Error::Undocumented(4095)));
        assert_eq!(Error::check(i64::MIN as u64), Ok(1 << 63));
    }

    #[test]
    fn errors_go_by_their_conventional_names() {
        assert_eq!(Error::NameTooLong.to_string(), "ENAMETOOLONG");
        assert_eq!(Error::Undocumented(7).to_string(), "Undocumented(7)");
    }
}
