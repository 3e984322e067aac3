//! Which record belongs to which chunk of the physical address space.
//!
//! ```text
//! chunk number   0    1    2    3    4    5   …
//! directory    [ |  ][ |  ][ |  ][ |  ][ |  ]
//!                |    |    |    |    |
//!                v    v    +----+----+--> nobody's record: every slot foreign
//!              record record
//! ```
//!
//! A pointer for every 2 MiB up to the highest RAM, and a record only where
//! there is RAM: a hole of many gigabytes costs 4 KiB per gigabyte. Holes share
//! one record that is never changed, so a look-up has no case for them: a frame
//! in a hole is refused for its slot, like any other foreign frame.

use super::chunk::Chunk;
use super::storage::Storage;
use core::mem::{self, MaybeUninit};
use core::ptr::NonNull;

/// The directory; see the module's picture.
///
/// Invariant: every entry points to a record within the storage that this
/// directory has for itself for `'m`, initialised; only entries equal to
/// `nobody` are shared.
#[derive(Debug)]
pub struct Directory<'m> {
    entries: &'m mut [NonNull<Chunk>],
    nobody: NonNull<Chunk>,
    spare: &'m mut [MaybeUninit<Chunk>],
}

// SAFETY: the pointers lead only to storage that the directory has for itself,
// as a `&mut` would; records hold plain numbers.
unsafe impl Send for Directory<'_> {}

impl<'m> Directory<'m> {
    /// Words of storage for chunks below `limit`, `records` of which hold RAM.
    pub fn words_for(limit: usize, records: usize) -> usize {
        limit + (records + 1) * size_of::<Chunk>() / size_of::<u64>()
    }

    /// A directory of chunks below `limit`, none of them managed. All that is
    /// left of `storage` becomes records. `None` if it is too small.
    pub fn new(limit: usize, storage: &mut Storage<'m>) -> Option<Self> {
        let nobody = storage.take(1)?.first_mut()?.write(Chunk::foreign());
        let nobody = NonNull::from(nobody);
        let entries = storage.take_filled(limit, nobody)?;
        Some(Self { entries, nobody, spare: storage.take_rest()? })
    }

    /// The record of a chunk, to look at.
    #[inline]
    pub fn get(&self, number: usize) -> Option<&Chunk> {
        // SAFETY: the entry points to an initialised record of ours (the
        // invariant), and `&self` keeps every `&mut` to one away.
        self.entries.get(number).map(|entry| unsafe { entry.as_ref() })
    }

    /// The record of a chunk, to change. In a hole it is nobody's, every slot
    /// of which is foreign: taking and freeing leave it as it is.
    #[inline(always)]
    pub fn get_mut(&mut self, number: usize) -> Option<&mut Chunk> {
        // SAFETY: as in `get`; shared entries cannot make two references,
        // because the one borrows all of `self`.
        self.entries.get_mut(number).map(|entry| unsafe { entry.as_mut() })
    }

    /// Whether a chunk has a record of its own.
    pub fn is_managed(&self, number: usize) -> bool {
        self.entries.get(number).is_some_and(|&entry| entry != self.nobody)
    }

    /// All records with their chunks' numbers, lowest first.
    pub fn records(&self) -> impl Iterator<Item = (usize, &Chunk)> {
        let numbers = (0..self.entries.len()).filter(|&number| self.is_managed(number));
        numbers.filter_map(|number| Some((number, self.get(number)?)))
    }

    /// Gives a chunk a record of its own, if it has none yet, and hands it out.
    /// `None` beyond the limit, or when all records are given out.
    pub fn get_or_add(&mut self, number: usize, new: fn() -> Chunk) -> Option<&mut Chunk> {
        let entry = self.entries.get_mut(number)?;
        if *entry == self.nobody {
            let (record, rest) = mem::take(&mut self.spare).split_first_mut()?;
            self.spare = rest;
            *entry = NonNull::from(record.write(new()));
        }
        self.get_mut(number)
    }
}
