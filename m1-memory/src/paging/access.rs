//! Who may do what with a page.
//!
//! [`Access`] has no value for "writable and executable": W^X holds by
//! construction for everything that is mapped through it. [`Rights`] is what
//! the CPU makes of the entries it finds, whoever wrote them.

use super::entry::{Entry, Flags};
use core::fmt;

/// What may be done with the bytes of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Read only.
    Read,
    /// Read and write, never execute.
    ReadWrite,
    /// Read and execute, never write.
    ReadExecute,
}

/// Which rings may use a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Ring 0 only. Mapped the same in every address space, hence global.
    Kernel,
    /// Ring 3 too.
    User,
}

/// The access a mapping is to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// What may be done.
    pub usage: Use,
    /// By whom.
    pub owner: Owner,
}

impl Access {
    /// Kernel text.
    pub const KERNEL_CODE: Self = Self { usage: Use::ReadExecute, owner: Owner::Kernel };
    /// Kernel constants.
    pub const KERNEL_CONSTANTS: Self = Self { usage: Use::Read, owner: Owner::Kernel };
    /// Kernel data, stacks, heap.
    pub const KERNEL_DATA: Self = Self { usage: Use::ReadWrite, owner: Owner::Kernel };
    /// A user program's text.
    pub const USER_CODE: Self = Self { usage: Use::ReadExecute, owner: Owner::User };
    /// A user program's stack and data.
    pub const USER_DATA: Self = Self { usage: Use::ReadWrite, owner: Owner::User };

    /// The flags of the leaf entry.
    #[inline]
    pub fn leaf_flags(self) -> Flags {
        let usage = match self.usage {
            Use::Read => Flags::NO_EXECUTE,
            Use::ReadWrite => Flags::WRITABLE | Flags::NO_EXECUTE,
            Use::ReadExecute => Flags::empty(),
        };
        let owner = match self.owner {
            Owner::Kernel => Flags::GLOBAL,
            Owner::User => Flags::USER,
        };
        Flags::PRESENT | usage | owner
    }

    /// The rights that a page mapped with it has.
    pub fn rights(self) -> Rights {
        Rights::ALL.through(self.table_flags()).through(self.leaf_flags())
    }

    /// The flags of the entries above: as open as the tables below may need,
    /// but U=1 only on the way to user pages.
    #[inline]
    pub fn table_flags(self) -> Flags {
        let owner = match self.owner {
            Owner::Kernel => Flags::empty(),
            Owner::User => Flags::USER,
        };
        Flags::PRESENT | Flags::WRITABLE | owner
    }
}

/// What the CPU permits for an address: the conjunction of all four levels
/// (Intel SDM Vol. 3A, 5.6 "Access Rights").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// Writes are allowed.
    pub write: bool,
    /// Instruction fetches are allowed.
    pub execute: bool,
    /// Ring 3 is allowed.
    pub user: bool,
    /// The leaf is global.
    pub global: bool,
}

impl Rights {
    /// Before any entry was looked at.
    pub const ALL: Self = Self { write: true, execute: true, user: true, global: false };

    /// The rights that remain below an entry.
    #[must_use]
    pub fn through(self, flags: Flags) -> Self {
        Self {
            write: self.write && flags.contains(Flags::WRITABLE),
            execute: self.execute && !flags.contains(Flags::NO_EXECUTE),
            user: self.user && flags.contains(Flags::USER),
            global: flags.contains(Flags::GLOBAL),
        }
    }
}

/// What a chain of entries permits, as one word: [`Rights`] before they are
/// taken apart.
///
/// In an entry W and U permit and NX forbids. With NX turned round every bit
/// permits, and "the conjunction of all levels" is a bitwise AND. G means
/// something in the leaf alone, so tables pass it.
#[derive(Clone, Copy)]
pub(super) struct Permits(u64);

impl Permits {
    pub(super) const ALL: Self = Self(u64::MAX);

    /// What remains below the table that `entry` points to.
    #[inline]
    pub(super) fn through_table(self, entry: Entry) -> Self {
        Self(self.0 & ((entry.bits() ^ Flags::NO_EXECUTE.bits()) | Flags::GLOBAL.bits()))
    }

    /// What remains in the page of `leaf`.
    #[inline]
    pub(super) fn through_leaf(self, leaf: Entry) -> Self {
        Self(self.0 & (leaf.bits() ^ Flags::NO_EXECUTE.bits()))
    }

    /// Whether these are the flags of tables as open as `access` needs them.
    #[inline]
    pub(super) fn lead_to(self, access: Access) -> bool {
        let needed = access.table_flags().bits() | Flags::NO_EXECUTE.bits();
        self.0 & needed == needed
    }

    /// The rights, after [`through_leaf`](Self::through_leaf).
    #[inline]
    pub(super) fn rights(self) -> Rights {
        Rights {
            write: self.0 & Flags::WRITABLE.bits() != 0,
            execute: self.0 & Flags::NO_EXECUTE.bits() != 0,
            user: self.0 & Flags::USER.bits() != 0,
            global: self.0 & Flags::GLOBAL.bits() != 0,
        }
    }
}

impl PartialEq for Permits {
    fn eq(&self, other: &Self) -> bool {
        self.rights() == other.rights() // the other bits are no rights
    }
}

impl Eq for Permits {}

impl fmt::Debug for Permits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rights().fmt(f)
    }
}

impl fmt::Display for Rights {
    /// `rwxug`, a dash for what is not given.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("r")?;
        let letters =
            [(self.write, "w"), (self.execute, "x"), (self.user, "u"), (self.global, "g")];
        letters
            .into_iter()
            .try_for_each(|(given, letter)| f.write_str(if given { letter } else { "-" }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_access_is_writable_and_executable() {
        for usage in [Use::Read, Use::ReadWrite, Use::ReadExecute] {
            for owner in [Owner::Kernel, Owner::User] {
                let access = Access { usage, owner };
                let rights = Rights::ALL.through(access.table_flags()).through(access.leaf_flags());
                assert!(!(rights.write && rights.execute), "{access:?}");
                assert_eq!(rights.user, owner == Owner::User, "{access:?}");
            }
        }
    }

    #[test]
    fn one_word_holds_the_same_rights() {
        let words: Vec<Flags> = (0..16u64)
            .map(|bits| {
                let nx = (bits >> 3) << 63;
                Flags::from_bits_retain(1 | ((bits & 3) << 1) | ((bits & 4) << 6) | nx)
            })
            .collect();
        for &table in &words {
            for &leaf in &words {
                let entry = Entry::from_bits(leaf.bits());
                let table_entry = Entry::from_bits(table.bits());
                let word = Permits::ALL.through_table(table_entry).through_leaf(entry);
                assert_eq!(word.rights(), Rights::ALL.through(table).through(leaf));
            }
        }
    }

    #[test]
    fn one_closed_level_closes_the_page() {
        let closed = Rights::ALL.through(Flags::PRESENT | Flags::NO_EXECUTE);
        let rights = closed.through(Flags::PRESENT | Flags::WRITABLE | Flags::USER);
        assert_eq!(rights.to_string(), "r----");
    }
}
