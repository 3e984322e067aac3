//! What a system call answers when it refuses, and what `wait` reports.

use core::fmt;

/// Defines the errors: names, numbers and meanings in one table.
macro_rules! errors {
    ($($variant:ident = $number:literal $name:literal $meaning:literal;)+) => {
        /// Why a call was refused. The numbers are those of Linux, so that names
        /// and values look familiar.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Error {
            $(#[doc = $meaning] $variant = $number,)+
        }

        impl Error {
            /// Every error, by number.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The conventional name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What it means.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)+
                }
            }
        }
    };
}

errors! {
    NoSuchProgram = 2 "ENOENT" "There is no program of that name.";
    BadDescriptor = 9 "EBADF" "Not a descriptor that can be written to.";
    NoChild = 10 "ECHILD" "The caller has no such child.";
    TryAgain = 11 "EAGAIN" "The limit of processes at once is reached.";
    OutOfMemory = 12 "ENOMEM" "There is not enough memory, or no room for it.";
    BadAddress = 14 "EFAULT" "The buffer is not all memory of the program's that permits it.";
    Invalid = 22 "EINVAL" "The argument is beyond the call's limit.";
    NameTooLong = 36 "ENAMETOOLONG" "The name is longer than any program's.";
    NoSuchCall = 38 "ENOSYS" "There is no call with that number.";
}

impl Error {
    /// As it stands in RAX.
    pub const fn in_rax(self) -> u64 {
        (self as u64).wrapping_neg()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What stands in the upper half of the word that `wait` stores; the lower half
/// has the details.
pub mod status_word {
    /// The child called `exit`; the lower half is its code.
    pub const EXITED: u64 = 0 << 32;
    /// An exception killed the child; the lower half is the vector.
    pub const KILLED: u64 = 1 << 32;
    /// The kernel ended the child for another reason.
    pub const ENDED_BY_KERNEL: u64 = 2 << 32;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_negative_numbers() {
        assert_eq!(Error::BadAddress.in_rax() as i64, -14);
        assert_eq!(Error::NoSuchCall.in_rax() as i64, -38);
    }

    #[test]
    fn errors_are_listed_by_number() {
        assert!(Error::ALL.is_sorted_by_key(|&error| error as u8));
    }
}
