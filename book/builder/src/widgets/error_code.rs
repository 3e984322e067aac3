//! What lies where, in the words of the fault policies of M1 and M2.

use crate::cases::word;
use m1_memory::{layout, policy};
use m2_usermode::address_space::{CODE, Place, STACK, USER_HEAP};
use serde_json::{Value, json};

/// The address space, part by part.
pub fn data() -> Value {
    json!({ "ranges": ranges() })
}

/// All canonical addresses: first, last, and what is there.
pub fn ranges() -> Value {
    const USER_LAST: u64 = layout::KERNEL_HALF.as_u64() ^ u64::MAX;
    let user = user_half().into_iter().map(|(first, text)| (first, text.to_string()));
    let kernel = [
        layout::DIRECT_MAP,
        layout::DIRECT_MAP_END,
        layout::IMAGE.start,
        layout::HEAP.start,
        layout::STACKS.start,
        layout::STACKS.end,
    ]
    .map(|first| (first.as_u64(), policy::diagnose(first.as_u64()).to_string()));
    let parts: Vec<(u64, String)> = user.chain(kernel).collect();
    let ends = parts.iter().skip(1).map(|(next, _)| match next - 1 {
        before if before > USER_LAST && before < layout::KERNEL_HALF.as_u64() => USER_LAST,
        before => before,
    });
    let ranges = parts.iter().zip(ends.chain([u64::MAX]));
    ranges
        .map(|((first, place), last)| {
            json!({ "first": word(*first), "last": word(last), "place": place })
        })
        .collect()
}

/// Where the parts of the user half begin, and what they are.
fn user_half() -> [(u64, Part); 9] {
    let page = layout::PAGE_BYTES;
    [
        (0, Part::Kernel),
        (page, Part::Program(Place::Null)),
        (CODE.as_u64(), Part::Image),
        (STACK.start.as_u64() - page, Part::Program(Place::GuardBelowStack)),
        (STACK.start.as_u64(), Part::Program(Place::Stack)),
        (STACK.end.as_u64(), Part::Program(Place::GuardAboveStack)),
        (STACK.end.as_u64() + page, Part::Program(Place::Unmapped)),
        (USER_HEAP.start.as_u64(), Part::Program(Place::Heap)),
        (USER_HEAP.end.as_u64(), Part::Program(Place::Unmapped)),
    ]
}

/// A part of the user half.
enum Part {
    /// What M1 says of the first page.
    Kernel,
    /// What M2 says of a program.
    Program(Place),
    /// The program itself, which M2 tells piece by piece.
    Image,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Kernel => f.write_str(&policy::diagnose(0)),
            Self::Program(place) => write!(f, "user half, of a program: {place}"),
            Self::Image => f.write_str("user half, of a program: its image, if it is that long"),
        }
    }
}
