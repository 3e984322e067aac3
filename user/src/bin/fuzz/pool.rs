//! Arguments that have broken kernels before: the ends of ranges, what wraps, what
//! is mapped in part, what is the kernel's.

use crate::model::{Model, SCRATCH};
use core::ops::Range;
use user::syscall::number;

/// One call to make.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub number: u64,
    pub arguments: [u64; 3],
}

/// The program that is spawned: this one, which does nothing without calls.
pub const CHILD: &str = "fuzz";

/// Longest write to the console.
const CONSOLE_BYTES: u64 = 16;
/// Longest sleep, unless it is one that must be refused.
const LONGEST_SLEEP_NS: u64 = 1_000_000;
/// The limit that the kernel has.
pub const REFUSED_SLEEP_NS: u64 = 3_600 * 1_000_000_000;
/// What the heap may grow by in one call, and altogether.
const GROWTH_BYTES: u64 = 16 * 1024;
const HEAP_LIMIT_BYTES: u64 = 512 * 1024;
/// Growth that no address space has room for.
pub const REFUSED_GROWTH_BYTES: u64 = 1 << 31;

/// Addresses that are never this program's.
const FOREIGN: [u64; 16] = [
    0,
    1,
    0xfff,
    0xffff,                // the last before programs begin
    0x007f_ffff,           // the guard below the stack
    0x0080_2000,           // the guard above it
    0x0fff_fffc,           // before the heap
    0x0000_7fff_ffff_effc, // the end of what a program may have
    0x0000_7fff_ffff_f000,
    0x0000_7fff_ffff_ffff,
    0x0000_8000_0000_0000, // not canonical
    0xffff_7fff_ffff_ffff,
    0xffff_8000_0000_0000, // the kernel's half: memory, text, heap
    0xffff_ffff_8000_0000,
    0xffff_ffff_a000_0000,
    0xffff_ffff_ffff_fffc,
];

const LENGTHS: [u64; 14] =
    [0, 1, 4, 7, 8, 31, 32, 33, 4095, 4097, 1 << 32, 1 << 47, 1 << 63, u64::MAX];

/// Numbers that no call has, some of which look like one in their low half.
const NO_CALLS: [u64; 7] = [9, 10, 255, 1 << 31, 1 << 32 | 1, 1 << 63 | 3, u64::MAX];

/// SplitMix64: small, fast, good enough, and the same everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u32) -> Self {
        Self(u64::from(seed))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn pick(&mut self, from: &[u64]) -> u64 {
        let index = self.below(from.len() as u64) as usize;
        from.get(index).copied().unwrap_or_default()
    }
}

/// Chooses calls for what the program has at the moment.
pub struct Pool<'a> {
    pub random: &'a mut Random,
    pub model: &'a Model,
}

impl Pool<'_> {
    /// The next call.
    pub fn call(&mut self) -> Call {
        let number = match self.random.below(16) {
            0..2 => self.random.pick(&NO_CALLS),
            2..6 => number::WRITE,
            6..8 => number::SPAWN,
            8..10 => number::WAIT,
            _ => 2 + self.random.below(5),
        };
        let arguments = match number {
            number::WRITE => self.write(),
            number::SLEEP => [self.sleep(), self.address(), self.length()],
            number::GROW => [self.growth(), self.address(), self.length()],
            number::SPAWN => self.spawn(),
            number::WAIT => [self.pid(), self.address(), self.length()],
            _ => [self.address(), self.length(), self.address()],
        };
        Call { number, arguments }
    }

    fn write(&mut self) -> [u64; 3] {
        let (address, length) = (self.address(), self.length());
        if self.random.one_in(64) {
            return [1, address, length.min(CONSOLE_BYTES)];
        }
        let descriptor = match self.random.below(4) {
            0 => self.random.pick(&[0, 2, 4, 1 << 32 | 1, 1 << 63 | 3, u64::MAX]),
            _ => 3,
        };
        [descriptor, address, length]
    }

    /// Nanoseconds: refused, none, or few.
    fn sleep(&mut self) -> u64 {
        match self.random.below(8) {
            0..4 => REFUSED_SLEEP_NS + 1 + self.random.next() % (u64::MAX - REFUSED_SLEEP_NS - 1),
            4..7 => 0,
            _ => self.random.below(LONGEST_SLEEP_NS),
        }
    }

    fn growth(&mut self) -> u64 {
        match self.random.below(4) {
            0 => 0,
            1 => self.random.next() | REFUSED_GROWTH_BYTES,
            _ if self.model.heap_bytes() < HEAP_LIMIT_BYTES => self.random.below(GROWTH_BYTES),
            _ => u64::MAX - self.random.below(GROWTH_BYTES),
        }
    }

    /// A name's address and length, and an argument. With a good name the argument
    /// asks for no calls.
    fn spawn(&mut self) -> [u64; 3] {
        if self.random.one_in(4) {
            return [CHILD.as_ptr() as u64, CHILD.len() as u64, self.random.next() >> 32];
        }
        [self.address(), self.length(), self.random.next()]
    }

    fn pid(&mut self) -> u64 {
        match self.random.below(8) {
            0..4 => 0,
            4..6 => self.model.some_child(),
            6 => self.model.own_pid(),
            _ => self.random.pick(&[1 << 32, 1 << 32 | self.model.some_child(), 1 << 63, u64::MAX]),
        }
    }

    /// An address of any kind. Of those that can be written to, nothing else uses
    /// what is there.
    fn address(&mut self) -> u64 {
        match self.random.below(8) {
            0..3 => self.foreign(),
            3 => crate::fuzz as *const () as u64, // read-only
            _ => self.own(),
        }
    }

    fn foreign(&mut self) -> u64 {
        match self.random.one_in(4) {
            // Far beyond the heap, and more often than not no address at all.
            true => self.random.next() | 1 << 46,
            false => self.random.pick(&FOREIGN),
        }
    }

    /// The scratch buffer, or the heap with its end.
    fn own(&mut self) -> u64 {
        let (start, end) = self.model.heap();
        match self.random.below(6) {
            0 => start + self.random.below(end - start),
            1 => end - self.random.below(16),
            2 => end,
            _ => {
                let Range { start, end } = SCRATCH.targets();
                start + self.random.below(end - start)
            }
        }
    }

    fn length(&mut self) -> u64 {
        match self.random.below(4) {
            0 => self.random.below(64),
            // From some address to the end of all.
            1 => 0_u64.wrapping_sub(self.random.pick(&FOREIGN)),
            _ => self.random.pick(&LENGTHS),
        }
    }
}
