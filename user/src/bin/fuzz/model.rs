//! What the kernel may answer, from what the program knows about itself.
//!
//! Where the rules leave one answer, it must be that one; where they leave several
//! (which of two mistakes is found first), any of those.

use crate::pool::{Call, REFUSED_GROWTH_BYTES, REFUSED_SLEEP_NS};
use core::cell::UnsafeCell;
use core::ops::Range;
use user::syscall::{self, number};
use user::{Error, Pid, Status};

/// Where programs may have memory.
const USER_START: u64 = 0x1_0000;
const USER_END: u64 = 0x0000_7fff_ffff_f000;
const PAGE_BYTES: u64 = 4096;
/// The longest name that is read.
const NAME_BYTES: u64 = 32;
/// What `wait` writes.
const STATUS_BYTES: u64 = 8;

/// Most children that are kept in mind: as many as can exist.
const CHILDREN: usize = 64;

/// Memory that the kernel may write to, and nobody reads.
pub struct Scratch(UnsafeCell<[u8; SCRATCH_BYTES]>);

const SCRATCH_BYTES: usize = 512;

// SAFETY: this program has one thread, and only the kernel uses the bytes.
unsafe impl Sync for Scratch {}

pub static SCRATCH: Scratch = Scratch(UnsafeCell::new([0; SCRATCH_BYTES]));

impl Scratch {
    fn start(&self) -> u64 {
        self.0.get() as u64
    }

    fn end(&self) -> u64 {
        self.start() + SCRATCH_BYTES as u64
    }

    /// Where a status fits; what lies behind is not the kernel's to write to.
    pub fn targets(&self) -> Range<u64> {
        self.start()..self.end() - STATUS_BYTES + 1
    }
}

/// What is known about a range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Memory {
    /// Not one byte of it can be had.
    Foreign,
    /// It begins in memory of ours, and does not end there.
    InPart,
    /// All of it is ours to read and write.
    Own,
    /// It may be readable.
    Unknown,
}

/// What the program has and knows.
pub struct Model {
    heap: (u64, u64),
    pid: u64,
    uptime: u64,
    children: [u64; CHILDREN],
    count: usize,
}

/// What was expected instead.
type Verdict = Result<(), &'static str>;

fn ensure(holds: bool, expected: &'static str) -> Verdict {
    if holds { Ok(()) } else { Err(expected) }
}

impl Model {
    /// With a heap from `start` to `end`.
    pub fn new(start: u64, end: u64) -> Self {
        let pid = syscall::getpid();
        Self { heap: (start, end), pid, uptime: 0, children: [0; CHILDREN], count: 0 }
    }

    pub fn heap(&self) -> (u64, u64) {
        self.heap
    }

    pub fn heap_bytes(&self) -> u64 {
        self.heap.1 - self.heap.0
    }

    pub fn own_pid(&self) -> u64 {
        self.pid
    }

    /// The child that was started last, or a number that is none's.
    pub fn some_child(&self) -> u64 {
        self.children[..self.count].last().copied().unwrap_or(0x7fff_fffe)
    }

    /// To be called before the call is made: notes when a sleep begins.
    pub fn prepare(&mut self, call: &Call) {
        if call.number == number::SLEEP {
            self.read_clock();
        }
    }

    fn read_clock(&mut self) -> u64 {
        self.uptime = syscall::uptime().map_or(0, |uptime| uptime.as_nanos() as u64);
        self.uptime
    }

    /// Whether `result` is an answer that `call` may have.
    pub fn judge(&mut self, call: &Call, result: u64) -> Verdict {
        let [first, second, third] = call.arguments;
        let answer = Error::check(result);
        match call.number {
            number::WRITE => self.write(first, second, third, answer),
            number::YIELD => ensure(answer == Ok(0), "0"),
            number::GETPID => ensure(answer == Ok(self.pid), "its own number"),
            number::UPTIME => self.uptime(answer),
            number::SLEEP if first > REFUSED_SLEEP_NS => {
                ensure(answer == Err(Error::Invalid), "EINVAL")
            }
            number::SLEEP => self.sleep(first, answer),
            number::GROW => self.grow(first, answer),
            number::SPAWN => self.spawn(call, answer),
            number::WAIT => self.wait(first, second, answer),
            _ => ensure(answer == Err(Error::NoSuchCall), "ENOSYS"),
        }
    }

    fn write(&self, descriptor: u64, address: u64, bytes: u64, answer: Answer) -> Verdict {
        if descriptor != 1 && descriptor != 3 {
            return ensure(answer == Err(Error::BadDescriptor), "EBADF");
        }
        let some = |count| 1 <= count && count <= bytes;
        match self.memory(address, bytes) {
            _ if bytes == 0 => {
                ensure(matches!(answer, Ok(0) | Err(Error::BadAddress)), "0 or EFAULT")
            }
            Memory::Foreign => ensure(answer == Err(Error::BadAddress), "EFAULT"),
            Memory::Own => ensure(answer.is_ok_and(some), "a count"),
            // What was there before the end may have been taken.
            Memory::InPart => ensure(
                answer == Err(Error::BadAddress)
                    || answer.is_ok_and(|count| some(count) && count < bytes),
                "a short count, or EFAULT",
            ),
            Memory::Unknown => ensure(
                answer == Err(Error::BadAddress) || answer.is_ok_and(some),
                "a count, or EFAULT",
            ),
        }
    }

    fn uptime(&mut self, answer: Answer) -> Verdict {
        let before = self.uptime;
        self.uptime = answer.unwrap_or(0);
        // A run takes seconds; an hour more is no time but noise.
        let plausible = before..before.saturating_add(REFUSED_SLEEP_NS);
        ensure(before == 0 || plausible.contains(&self.uptime), "a time soon after the last")
    }

    fn sleep(&mut self, nanoseconds: u64, answer: Answer) -> Verdict {
        ensure(answer == Ok(0), "0")?;
        let before = self.uptime;
        let now = self.read_clock();
        ensure(now >= before.saturating_add(nanoseconds), "a sleep that long")
    }

    fn grow(&mut self, bytes: u64, answer: Answer) -> Verdict {
        let (start, end) = self.heap;
        if bytes >= REFUSED_GROWTH_BYTES {
            return ensure(answer == Err(Error::NoMemory), "ENOMEM");
        }
        match answer {
            Ok(at) => {
                self.heap = (start, end + bytes.next_multiple_of(PAGE_BYTES));
                ensure(at == end, "the heap's end")
            }
            Err(error) => ensure(bytes > 0 && error == Error::NoMemory, "an address, or ENOMEM"),
        }
    }

    fn spawn(&mut self, call: &Call, answer: Answer) -> Verdict {
        let [address, bytes, _] = call.arguments;
        let named = address == crate::pool::CHILD.as_ptr() as u64;
        match answer {
            Ok(pid) => {
                let known = self.children[..self.count].contains(&pid);
                ensure(named && Pid::new(pid).is_some() && pid != self.pid && !known, "a refusal")?;
                let slot = self.children.get_mut(self.count).ok_or("EAGAIN")?;
                *slot = pid;
                self.count += 1;
                Ok(())
            }
            Err(Error::TooManyProcesses | Error::NoMemory) => ensure(named, "EFAULT or ENOENT"),
            Err(Error::NameTooLong) => ensure(bytes > NAME_BYTES, "no ENAMETOOLONG"),
            Err(Error::BadAddress) => {
                ensure(self.memory(address, bytes) != Memory::Own, "the name to be read")
            }
            Err(Error::NoSuchProgram) => {
                let readable = bytes == 0 || self.memory(address, bytes) != Memory::Foreign;
                ensure(!named && readable && bytes <= NAME_BYTES, "EFAULT or ENAMETOOLONG")
            }
            Err(_) => Err("an error of `spawn`"),
        }
    }

    fn wait(&mut self, child: u64, address: u64, answer: Answer) -> Verdict {
        let children = &self.children[..self.count];
        let exists = if child == 0 { self.count > 0 } else { children.contains(&child) };
        match answer {
            Err(Error::NoSuchChild) => ensure(!exists, "a child"),
            Err(Error::BadAddress) => {
                let bad = address != 0 && self.memory(address, STATUS_BYTES) != Memory::Own;
                ensure(exists && bad, "the status to be written")
            }
            Err(_) => Err("an error of `wait`"),
            Ok(pid) => {
                let writable = address == 0 || self.memory(address, STATUS_BYTES) == Memory::Own;
                ensure(exists && writable, "ECHILD or EFAULT")?;
                ensure(child == 0 || pid == child, "the child that was waited for")?;
                self.forget(pid)
            }
        }
    }

    fn forget(&mut self, pid: u64) -> Verdict {
        let index = self.children[..self.count].iter().position(|&child| child == pid);
        let index = index.ok_or("a child of its own")?;
        self.count -= 1;
        self.children.swap(index, self.count);
        Ok(())
    }

    /// Waits for all children that are left.
    pub fn reap(&mut self) -> Verdict {
        while self.count > 0 {
            let (pid, status) =
                syscall::wait(None).map_err(|_| "no child, though some are left")?;
            ensure(status == Status::Exited(0), "a child that exits with 0")?;
            self.forget(pid.get())?;
        }
        ensure(syscall::wait(None) == Err(Error::NoSuchChild), "one more child")
    }

    fn memory(&self, address: u64, bytes: u64) -> Memory {
        let Some(end) = address.checked_add(bytes) else { return Memory::Foreign };
        if address < USER_START || end > USER_END {
            return Memory::Foreign;
        }
        let scratch = (SCRATCH.start(), SCRATCH.end());
        for (start, last) in [self.heap, scratch] {
            if start <= address && end <= last {
                return Memory::Own;
            }
        }
        // Nothing comes after the heap, while other variables lie around the buffer.
        match address >= self.heap.1 {
            true => Memory::Foreign,
            false if address >= self.heap.0 => Memory::InPart,
            false => Memory::Unknown,
        }
    }
}

/// What a call gave, or why it was refused.
type Answer = Result<u64, Error>;
