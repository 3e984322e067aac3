//! Real frames: what one owner writes, no other overwrites.

#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

use alloc::vec;
use harness::{Check, Checked, Trial};
use m1_bitmap_frames::Bitmap;
use m1_memory::{frames, layout};

shared::host_main!("cargo xtask check m1-bitmap-frames");

const CHECKS: &[Check] = &[Check { name: "real-memory", body: real_memory }];

/// The loader jumps here.
#[cfg_attr(target_os = "none", unsafe(no_mangle))]
pub extern "C" fn kernel_entry() -> ! {
    harness::boot::m1(CHECKS)
}

/// How many frames the learner's allocator gets.
const COUNT: u64 = 200;
/// Words of a frame.
const WORDS: usize = layout::PAGE_BYTES as usize / 8;

/// Frames of the kernel's own allocator, managed by the learner's: each is filled with its
/// number, and read when all are filled.
fn real_memory(trial: &mut Trial) -> Checked {
    // A run is aligned to its size, a power of two; not all of it is used.
    let Ok(run) = frames::allocate_run(COUNT.next_power_of_two()) else {
        return trial.fail("the kernel has no memory for this check");
    };
    let first = run.start_address().as_u64() / layout::PAGE_BYTES;
    trial.given("first", first);
    trial.given("count", COUNT);
    let mut words = vec![u64::MAX; 4];
    let mut bitmap = Bitmap::new(&mut words, first, COUNT);
    let mut got = vec![];
    while let Some(frame) = bitmap.allocate() {
        if got.len() as u64 == COUNT || !(first..first + COUNT).contains(&frame) {
            trial.given("frame", frame);
            return trial.fail("a frame that the allocator does not have: it is somebody else's");
        }
        words_of(frame).fill(frame);
        got.push(frame);
    }
    trial.equal("frames until there was none", got.len() as u64, COUNT)?;
    for frame in &got {
        if let Some(other) = words_of(*frame).iter().find(|word| *word != frame) {
            trial.given("frame", frame);
            trial.compared(frame, other);
            return trial.fail("two owners had this frame: one overwrote what the other wrote");
        }
    }
    for frame in got {
        trial.equal("giving a frame back", bitmap.free(frame), Ok(()))?;
    }
    trial.equal("free frames in the end", bitmap.free_count(), COUNT)
}

/// A frame of the run, through the direct map.
fn words_of(frame: u64) -> &'static mut [u64] {
    let start = (layout::DIRECT_MAP.as_u64() + frame * layout::PAGE_BYTES) as *mut u64;
    // SAFETY: the caller checked that the frame is of the run, which belongs to this check
    // and is never freed; no two of these slices live at once.
    unsafe { core::slice::from_raw_parts_mut(start, WORDS) }
}
