//! The calls that are about runs of frames, and what keeps them from being had.

use super::machine::Machine;
use super::map::{END, frame};
use super::story::{CHUNK, HIGH, WHOLE};
use anyhow::{Error, Result, ensure};
use m1_memory::frames::{FrameError, Purpose};

/// A run of 2 MiB: taken, split, and made whole again.
///
/// # Errors
/// If the allocator tells another story.
pub fn large(machine: &mut Machine) -> Result<()> {
    machine.take_run(
        CHUNK,
        Purpose::Heap,
        WHOLE,
        "A run of 512 frames, 2 MiB, for one large page: the whole chunk. One word of its record \
         changes, and no slot.",
    )?;
    machine.refuse_run(
        CHUNK,
        FrameError::OutOfMemory,
        "Once more. Many frames are free, but there is no whole chunk: refused.",
    )?;
    let middle = frame(WHOLE + 160);
    machine.free(
        middle,
        Ok(()),
        "One frame in the middle of the run comes back. The run is split into 512 single frames \
         first; one of them is then free.",
    )?;
    let outcome = machine.frames.free_run(frame(WHOLE), CHUNK);
    ensure!(outcome == Err(FrameError::DoubleFree(middle)), "free_run: {outcome:?}");
    machine.note(
        "free_run(0x200000, 512)",
        outcome.map(|()| String::new()),
        "Now all of the run at once: refused, because one frame of it is free already. All are \
         looked at before the first is freed, so nothing has changed.",
    );
    machine.free_all(
        WHOLE..HIGH,
        |_| true,
        "The other 511 frames, one by one. With the last one the bell of the chunk rings: it is \
         whole again, and can be given out as 2 MiB.",
    )
}

/// Short runs, and how they stand in the way of long ones.
///
/// # Errors
/// If the allocator tells another story.
pub fn short(machine: &mut Machine) -> Result<()> {
    let runs = [
        machine.take_run(
            16,
            Purpose::Stacks,
            WHOLE,
            "A run of 16 frames. No chunk has served such runs yet, so a whole one does: now it is \
             broken.",
        )?,
        machine.take_run(
            8,
            Purpose::Dma,
            WHOLE + 16,
            "A buffer of 8 frames for a device that knows no page tables. Short runs stay in one \
             chunk, for the sake of the others.",
        )?,
        machine.take_run(
            16,
            Purpose::Stacks,
            WHOLE + 32,
            "A run begins at a multiple of its length. So the 8 frames before this one stay \
             free: single frames and short runs can use them.",
        )?,
    ];
    machine.refuse_run(
        3,
        FrameError::BadRun { count: 3 },
        "Three is no power of two. The length decides the alignment, so it must be one.",
    )?;
    machine.refuse_run(
        CHUNK,
        FrameError::OutOfMemory,
        "2 MiB in a row: refused, though far more is free. 40 frames in the wrong place are \
         enough. This is fragmentation.",
    )?;
    for (first, count) in runs.into_iter().zip([16, 8, 16]) {
        machine.frames.free_run(first, count).map_err(Error::msg)?;
    }
    machine.note(
        "free_run, 3 times",
        Ok("40 frames are free".into()),
        "The three runs come back, and with them the whole chunk. Nobody had to join neighbours: \
         the record counts what is not free, and the count is 0.",
    );
    Ok(())
}

/// Memory with much that is free, and nothing in a row.
///
/// # Errors
/// If the allocator tells another story.
pub fn holes(machine: &mut Machine) -> Result<()> {
    machine.free_all(
        WHOLE..HIGH,
        |number| number % 2 == 0,
        "Every other frame of the chunk in the middle comes back: 1 MiB is free, and no two frames \
         are neighbours.",
    )?;
    machine.refuse_run(
        2,
        FrameError::OutOfMemory,
        "Two frames in a row: refused, with 256 free ones. Every single frame could be had. This is \
         why the kernel builds large things by page tables from single frames.",
    )?;
    machine.free_all(
        WHOLE + 448..HIGH,
        |_| true,
        "The frames between the last 32 of these come back too: now 64 in a row are free. Nothing has \
         to be joined, since a run is found by looking at the slots.",
    )?;
    machine.take_run(
        64,
        Purpose::Heap,
        WHOLE + 448,
        "A run of 64 frames: the slots of the chunk are looked through for an aligned row of free \
         ones. Of all requests, only short runs search.",
    )?;
    machine.free_all(
        0..END,
        |_| true,
        "Everything comes back, in the order of addresses. The chunk is whole again. Only the peak \
         remembers what happened, and the allocator's own two frames stay reserved.",
    )?;
    let statistics = machine.frames.statistics();
    ensure!(statistics.used == 2, "{} frames are in use", statistics.used);
    Ok(())
}
