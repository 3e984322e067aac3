//! The calls, in three acts: single frames, runs, and memory that is full of holes.
//!
//! What is said of a step is checked as far as it names frames: a story that the allocator
//! does not tell is an error of the build.

use super::machine::Machine;
use super::map::{END, at, frame};
use super::runs;
use anyhow::{Error, Result, ensure};
use m1_memory::frames::{FrameError, Purpose, chunk::FRAMES};
use m1_memory::layout::PAGE_BYTES;

/// Frames of a chunk.
pub const CHUNK: u64 = FRAMES as u64;
/// The first frame of the only chunk that is RAM from end to end.
pub const WHOLE: u64 = CHUNK;
/// The first frame of the highest chunk.
pub const HIGH: u64 = 2 * CHUNK;
/// The last two frames: the allocator's own tables.
const TABLES: u64 = END - 2;

/// The whole story.
///
/// # Errors
/// If the allocator tells another one.
pub fn tell(machine: &mut Machine) -> Result<()> {
    beginning(machine)?;
    single_frames(machine)?;
    refusals(machine)?;
    runs::large(machine)?;
    runs::short(machine)?;
    below_a_limit(machine)?;
    until_nothing_is_left(machine)?;
    runs::holes(machine)
}

fn beginning(machine: &mut Machine) -> Result<()> {
    let bytes = machine.table_bytes;
    machine.note(
        "ChunkFrames::new(plan, storage)",
        Ok(format!("tables of {bytes} bytes")),
        "The loader's map has RAM in three chunks of 2 MiB. Each gets a record. No frame is \
         managed yet: to the allocator all of them are foreign.",
    );
    let low = machine.frames.manage(at(0x1), at(0x9f));
    machine.note(
        "manage(0x1000, 0x9f000)",
        low.map(|count| format!("{count} frames are new")),
        "The first usable region comes in. Its frames are free. The chunk holds more than this \
         region, so it is a broken one: some of its frames cannot be had.",
    );
    let high = machine.frames.manage(at(WHOLE), at(END));
    machine.note(
        "manage(0x200000, 0x440000)",
        high.map(|count| format!("{count} frames are new")),
        "The second one fills a chunk from end to end, so this chunk is whole. The rest is the \
         beginning of a third chunk.",
    );
    let pages = machine.table_bytes.div_ceil(PAGE_BYTES);
    ensure!(pages == END - TABLES, "the tables need {pages} frames");
    machine.frames.reserve(at(TABLES), at(END)).map_err(Error::msg)?;
    machine.note(
        "reserve(0x43e000, 0x440000)",
        Ok("done".into()),
        "The allocator's own tables lie in this RAM too, at its very end. Their frames are set \
         aside: they are never given out.",
    );
    Ok(())
}

fn single_frames(machine: &mut Machine) -> Result<()> {
    machine.take(
        Purpose::PageTables,
        HIGH,
        "No chunk is in hand. Broken chunks come before whole ones, and high ones before low ones: \
         the chunk at 0x400000 is taken into the hand. Its first frame goes out.",
    )?;
    let second = machine.take(
        Purpose::PageTables,
        HIGH + 1,
        "The same chunk again: the next frame of its chain. This is the usual way of a request, \
         and it touches one record.",
    )?;
    machine.take_many(
        Purpose::Stacks,
        4,
        "A kernel stack. Single frames need not be neighbours, page tables put them in a row. \
         Here they happen to be.",
    )?;
    machine.take_many(Purpose::Heap, 16, "The heap grows by 16 pages: one frame for each.")?;
    machine.free(
        second,
        Ok(()),
        "The frame becomes the head of its chunk's chain of free frames. Nothing is searched or \
         moved.",
    )?;
    machine.take(
        Purpose::User,
        HIGH + 1,
        "The head of the chain goes out first. So the frame that came back last is the next to \
         be used.",
    )?;
    Ok(())
}

fn refusals(machine: &mut Machine) -> Result<()> {
    let used = frame(HIGH + 1);
    machine.free(used, Ok(()), "The program ends, and its frame comes back.")?;
    machine.free(
        used,
        Err(FrameError::DoubleFree(used)),
        "Freed twice: refused. Were it taken, the frame would be in the chain twice and would go \
         out to two owners.",
    )?;
    let hole = frame(0xa0);
    machine.free(
        hole,
        Err(FrameError::Foreign(hole)),
        "An address where the machine has no RAM of ours: refused. The frame is not managed.",
    )?;
    let tables = frame(TABLES);
    machine.free(
        tables,
        Err(FrameError::Reserved(tables)),
        "A frame of the allocator's tables: refused, because it is reserved. A refused call \
         changes nothing.",
    )
}

fn below_a_limit(machine: &mut Machine) -> Result<()> {
    let got = machine.frames.allocate_below(at(0x100), 1, Purpose::Dma).map_err(Error::msg)?;
    ensure!(got == frame(1), "below 1 MiB is {got:?}");
    machine.note(
        "allocate_below(0x100000, 1, Dma)",
        Ok("frame 0x1000".into()),
        "A device that reaches no further than 1 MiB. The lowest broken chunk serves it. It \
         has frames left because all other requests prefer high chunks.",
    );
    let new = machine.frames.manage(at(0x13c), at(0x200));
    machine.note(
        "manage(0x13c000, 0x200000)",
        new.map(|count| format!("{count} frames are new")),
        "The kernel has left the loader's page tables and stack behind. Their memory comes in, \
         like any other region.",
    );
    Ok(())
}

fn until_nothing_is_left(machine: &mut Machine) -> Result<()> {
    machine.take_many(
        Purpose::User,
        80,
        "A program is loaded. The chunk in hand runs out on the way, and the next broken one \
         takes its place. The whole chunk is still untouched.",
    )?;
    let low = (0..CHUNK).filter(|&number| is_free(machine, number)).count() as u64;
    ensure!(low > 0 && machine.frames.census().runs_of_order(CHUNK.ilog2()) == 1);
    machine.take_many(
        Purpose::User,
        low,
        "More programs, until no broken chunk has a free frame. 2 MiB in a row can still be had.",
    )?;
    machine.take_many(Purpose::User, CHUNK, "Now single frames come from the whole chunk too.")?;
    let outcome = machine.frames.allocate_for(Purpose::User);
    ensure!(outcome == Err(FrameError::OutOfMemory), "after the last frame: {outcome:?}");
    machine.note(
        "allocate_for(User)",
        Err(FrameError::OutOfMemory),
        "Nothing is left. This is an answer, not a panic: the caller may free something, or refuse \
         its own caller.",
    );
    Ok(())
}

fn is_free(machine: &Machine, number: u64) -> bool {
    machine.frames.usage(frame(number)) == m1_memory::frames::Usage::Free
}
