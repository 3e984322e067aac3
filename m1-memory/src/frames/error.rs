//! Why frames were not given out, taken back, or set aside.

use core::fmt;
use x86_64::structures::paging::PhysFrame;

/// What the frame allocator refuses. A refused call changes nothing, except
/// where its own description says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// No free frame, or no free run of that length, where it may lie.
    OutOfMemory,
    /// A run's length is no power of two, or its start not aligned to it.
    BadRun {
        /// The length asked for.
        count: u64,
    },
    /// The frame is free already, or was never given out.
    DoubleFree(PhysFrame),
    /// The frame is not RAM of this allocator.
    Foreign(PhysFrame),
    /// The frame is in use, so it cannot be reserved.
    Taken(PhysFrame),
    /// The frame is reserved: it can be neither freed nor reserved again.
    Reserved(PhysFrame),
    /// The allocator has no record left for the RAM that begins at this frame:
    /// it was not in the [`Plan`](super::Plan) that the records were counted by.
    NoRecord(PhysFrame),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |frame: &PhysFrame| frame.start_address().as_u64();
        match self {
            Self::OutOfMemory => write!(f, "out of physical memory"),
            Self::BadRun { count } => write!(f, "{count} frames do not make an aligned run"),
            Self::DoubleFree(frame) => write!(f, "frame {:#x} is free already", at(frame)),
            Self::Foreign(frame) => {
                write!(f, "frame {:#x} does not belong to the allocator", at(frame))
            }
            Self::Taken(frame) => write!(f, "frame {:#x} is in use", at(frame)),
            Self::Reserved(frame) => write!(f, "frame {:#x} is reserved", at(frame)),
            Self::NoRecord(frame) => {
                write!(f, "no record left for the RAM at {:#x}", at(frame))
            }
        }
    }
}
