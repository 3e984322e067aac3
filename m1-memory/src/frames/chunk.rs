//! The record of one chunk: 512 frames, 2 MiB, what one large page maps.
//!
//! A record has one slot per frame. The slots of free frames make a chain, so
//! taking a frame unhooks the first of the chain and freeing hooks it in again:
//! a handful of instructions, and nothing is ever searched.
//!
//! ```text
//! number       0     1     2     3     4     5     6    …
//!           +-----+-----+-----+-----+-----+-----+-----+--
//! slots     |  T  |  4  |  6  |  T  | END |  F  |  1  | …
//!           +-----+-----+-----+-----+-----+-----+-----+--
//! head = 2              2 ----------------------> 6
//!                 1 <---------------------------- 6
//!                 1 --------------> 4, the last one
//!
//! T: taken, with its purpose      F: foreign, not RAM of ours
//! ```
//!
//! For a run of all 512 frames one state stands for the slots, which keep their
//! chain meanwhile: taking and freeing a run touches no slot. The same holds for
//! a chunk of which all frames came back: its chain has them all.
//!
//! A record counts the frames that are not free. When a free brings that to
//! zero, the chunk is whole again and someone has to be told: the count is also
//! the bell. A chunk that has nothing left to give sets its count to one, so
//! that the very next free rings too.

use super::purpose::{Purpose, Usage};
use core::ops::Range;

/// Frames of a chunk.
pub const FRAMES: usize = 512;

/// What a slot holds; 0 to 511 is a free frame's link to the next free one.
mod mark {
    /// Free: the chain ends here.
    pub const END: u16 = 512;
    pub const RESERVED: u16 = 0x4000;
    pub const FOREIGN: u16 = 0x4001;
    /// Taken, with the purpose's number in the low byte.
    pub const TAKEN: u16 = 0x8000;
    const _: () = assert!(END as usize == super::FRAMES);
}

/// The slots of a chunk whose frames are all free: a chain in their order.
const ALL_FREE: [u16; FRAMES] = {
    let mut slots = [mark::END; FRAMES];
    let mut slot = 0;
    while slot + 1 < FRAMES {
        slots[slot] = slot as u16 + 1;
        slot += 1;
    }
    slots
};

/// Where a chunk stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All 512 frames are free; in the set of whole chunks.
    Whole,
    /// Some frames are free; in the set of broken chunks.
    Broken,
    /// None is free; in no set.
    Exhausted,
    /// Single frames are being taken from it; in no set, whatever is free.
    InHand,
    /// Given out whole, for this purpose; in no set, its slots unused.
    Run(Purpose),
}

/// What a free did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freed {
    /// The frame is free, and that is all.
    Quietly,
    /// The frame is free, and the bell rang: see [`Chunk::settle`].
    Ringing,
    /// Nothing: the slot is not marked as taken.
    Refused,
}

/// The record; see the module's picture.
#[derive(Debug)]
#[repr(C, align(8))]
pub struct Chunk {
    slots: [u16; FRAMES],
    head: u16,
    bell: u16,
    state: State,
}

const _: () = assert!(size_of::<Chunk>() == 2 * FRAMES + 8, "a record is 1032 bytes for 2 MiB");

impl Chunk {
    /// A chunk of which no frame is managed.
    pub fn foreign() -> Self {
        let slots = [mark::FOREIGN; FRAMES];
        Self { slots, head: mark::END, bell: 1, state: State::Exhausted }
    }

    /// A chunk of which all frames are free.
    pub fn whole() -> Self {
        Self { slots: ALL_FREE, head: 0, bell: 0, state: State::Whole }
    }

    /// Where it stands.
    #[inline]
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes one frame; `None` if there is none.
    #[inline(always)]
    pub fn take(&mut self, purpose: Purpose) -> Option<usize> {
        let slot = usize::from(self.head);
        let first = self.slots.get_mut(slot)?;
        self.head = *first;
        *first = mark::TAKEN | purpose as u16;
        self.bell += 1;
        Some(slot)
    }

    /// Frees one frame that is marked as taken.
    #[inline(always)]
    pub fn free(&mut self, slot: usize) -> Freed {
        let slot = slot % FRAMES;
        if self.slots[slot] < mark::TAKEN {
            return Freed::Refused;
        }
        self.slots[slot] = self.head;
        self.head = slot as u16;
        self.bell -= 1;
        if self.bell == 0 { Freed::Ringing } else { Freed::Quietly }
    }

    /// What is known about one frame.
    pub fn usage(&self, slot: usize) -> Usage {
        match (self.state, self.slots[slot % FRAMES]) {
            (State::Run(purpose), _) => Usage::Taken(purpose),
            (_, mark::FOREIGN) => Usage::Foreign,
            (_, mark::RESERVED) => Usage::Reserved,
            (_, ..=mark::END) => Usage::Free,
            (_, taken) => {
                let number = usize::from(taken & 0xff);
                Usage::Taken(Purpose::ALL.get(number).copied().unwrap_or_default())
            }
        }
    }

    /// What all 512 frames are, where the state alone tells.
    pub fn uniform_usage(&self) -> Option<Usage> {
        match self.state {
            State::Whole => Some(Usage::Free),
            State::Run(purpose) => Some(Usage::Taken(purpose)),
            State::Broken | State::Exhausted | State::InHand => None,
        }
    }

    /// The first slot of `slots` that is not as `wanted`, with what it is.
    pub fn find_other(
        &self,
        slots: Range<usize>,
        wanted: impl Fn(Usage) -> bool,
    ) -> Option<(usize, Usage)> {
        let first = slots.start;
        match self.uniform_usage() {
            Some(usage) => (!wanted(usage)).then_some((first, usage)),
            None => slots.map(|slot| (slot, self.usage(slot))).find(|(_, usage)| !wanted(*usage)),
        }
    }

    /// The lowest `count` free frames in a row below slot `limit`, aligned to
    /// `count`.
    pub fn find_row(&self, count: usize, limit: usize) -> Option<usize> {
        let row_is_free = |row: &[u16]| row.iter().all(|&slot| slot <= mark::END);
        let mut rows = self.slots[..limit.min(FRAMES)].chunks_exact(count);
        let in_use = matches!(self.state, State::Run(_));
        rows.position(|row| !in_use && row_is_free(row)).map(|row| row * count)
    }

    /// Marks frames, whatever they were, and makes the chain anew. Call
    /// [`settle`](Self::settle) when all changes are made. Not for a chunk given
    /// out whole: [`split`](Self::split) it first.
    pub fn mark(&mut self, slots: Range<usize>, usage: Usage) {
        if self.state == State::Whole && usage == Usage::Free {
            return;
        }
        let value = match usage {
            Usage::Free => mark::END,
            Usage::Taken(purpose) => mark::TAKEN | purpose as u16,
            Usage::Reserved => mark::RESERVED,
            Usage::Foreign => mark::FOREIGN,
        };
        if let Some(marked) = self.slots.get_mut(slots) {
            marked.fill(value);
        }
        let mut free = 0;
        self.head = mark::END;
        for (number, slot) in self.slots.iter_mut().enumerate().rev() {
            if *slot <= mark::END {
                *slot = self.head;
                self.head = number as u16;
                free += 1;
            }
        }
        self.bell = FRAMES as u16 - free;
        if self.state == State::Exhausted {
            self.state = State::Broken; // the bell counts all that is not free again
        }
    }

    /// Marks the foreign ones among some frames as free; says how many.
    pub fn adopt(&mut self, slots: Range<usize>) -> u64 {
        if self.uniform_usage().is_some() {
            return 0;
        }
        let mut adopted = 0;
        for slot in self.slots.get_mut(slots).into_iter().flatten() {
            if *slot == mark::FOREIGN {
                *slot = mark::END;
                adopted += 1;
            }
        }
        if adopted > 0 {
            self.mark(0..0, Usage::Free);
        }
        adopted
    }

    /// Turns a run given out whole into 512 frames given out one by one.
    #[cold]
    pub fn split(&mut self) {
        if let State::Run(purpose) = self.state {
            // Four slots at a time: a free of one frame waits for this.
            let four = [mark::TAKEN | purpose as u16; 4];
            self.slots.as_chunks_mut().0.fill(four);
            (self.head, self.bell, self.state) = (mark::END, 1, State::Exhausted);
        }
    }

    /// Gives the whole chunk out.
    pub fn take_whole(&mut self, purpose: Purpose) {
        self.state = State::Run(purpose);
    }

    /// All frames are free from now on.
    pub fn free_whole(&mut self) {
        if let State::Run(_) = self.state {
            self.state = State::Whole;
        } else {
            *self = Self::whole();
        }
    }

    /// Takes a chunk with free frames into the hand.
    pub fn pick_up(&mut self) {
        self.state = State::InHand;
    }

    /// The state that follows from what is free, after a change or a bell.
    pub fn settle(&mut self) -> State {
        let ends = self.head == mark::END;
        self.state = match (self.state, self.bell) {
            (State::Run(purpose), _) => State::Run(purpose),
            // The bell of an exhausted chunk: one frame is free.
            (State::Exhausted, 0) if !ends => {
                self.bell = FRAMES as u16 - 1;
                State::Broken
            }
            (_, 0) => State::Whole,
            _ if ends => {
                self.bell = 1;
                State::Exhausted
            }
            _ => State::Broken,
        };
        self.state
    }
}
