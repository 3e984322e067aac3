//! Exercise: a heap that keeps a list of its holes.
//!
//! A heap hands out blocks of any size from one piece of memory and takes them back in any
//! order. You write the two functions that keep the list of what is free: it must never
//! lose a byte, and never fall to pieces that are neighbours.

#![no_std]

/// Bytes that are free, and have no free neighbour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hole {
    /// Where it begins, counted from the start of the heap's memory.
    pub start: usize,
    /// How long it is; never 0 in the list.
    pub bytes: usize,
}

impl Hole {
    /// One behind its last byte.
    pub fn end(&self) -> usize {
        self.start + self.bytes
    }
}

/// Holes that a heap can note.
pub const HOLES_MAX: usize = 64;

/// A heap: the list of its holes, lowest first. Between two holes there are blocks.
#[derive(Clone, Debug)]
pub struct Heap {
    holes: [Hole; HOLES_MAX],
    count: usize,
}

impl Heap {
    /// A heap with these holes, lowest first.
    pub fn with_holes(holes: &[Hole]) -> Self {
        let mut heap = Self { holes: [Hole::default(); HOLES_MAX], count: holes.len() };
        heap.holes[..holes.len()].copy_from_slice(holes);
        heap
    }

    /// The holes.
    pub fn holes(&self) -> &[Hole] {
        &self.holes[..self.count]
    }

    /// Takes `bytes` bytes, at least 1, whose start is a multiple of `align`, a power of
    /// two: from the first hole in which they fit, as low as they fit there. What is left
    /// of the hole on either side stays free. Gives the start of the block; `None` if it
    /// fits nowhere.
    pub fn allocate(&mut self, bytes: usize, align: usize) -> Option<usize> {
        for index in 0..self.count {
            let hole = self.holes[index];
            let start = hole.start.next_multiple_of(align);
            let before = start - hole.start;
            let rest = hole.bytes.checked_sub(before);
            let Some(after) = rest.and_then(|rest| rest.checked_sub(bytes)) else {
                continue;
            };
            self.remove(index);
            if after > 0 {
                self.insert(index, Hole { start: start + bytes, bytes: after });
            }
            if before > 0 {
                self.insert(index, Hole { start: hole.start, bytes: before });
            }
            return Some(start);
        }
        None
    }

    /// Takes back the block of `bytes` bytes that `allocate` put at `start`. Where it has
    /// free neighbours, they become one hole with it.
    pub fn free(&mut self, start: usize, bytes: usize) {
        let above = self.holes().iter().position(|hole| hole.start > start);
        let mut index = above.unwrap_or(self.count);
        let mut hole = Hole { start, bytes };
        if index < self.count && self.holes[index].start == hole.end() {
            hole.bytes += self.remove(index).bytes;
        }
        if index > 0 && self.holes[index - 1].end() == start {
            index -= 1;
            let below = self.remove(index);
            hole = Hole { start: below.start, bytes: below.bytes + hole.bytes };
        }
        self.insert(index, hole);
    }

    /// Puts a hole into the list, so that it has this index; those behind move up.
    ///
    /// # Panics
    /// If the list is full, or shorter than `index`.
    fn insert(&mut self, index: usize, hole: Hole) {
        assert!(self.count < HOLES_MAX, "there are more than {HOLES_MAX} holes");
        assert!(index <= self.count, "the list has no place {index}");
        self.holes.copy_within(index..self.count, index + 1);
        self.holes[index] = hole;
        self.count += 1;
    }

    /// Takes the hole with this index out of the list; those behind move down.
    ///
    /// # Panics
    /// If there is none.
    fn remove(&mut self, index: usize) -> Hole {
        assert!(index < self.count, "there is no hole {index}");
        let hole = self.holes[index];
        self.holes.copy_within(index + 1..self.count, index);
        self.count -= 1;
        hole
    }
}
