//! The made-up machine's memory, and frames by their numbers.

use m0_boot::memory_map::Kind;
use m1_memory::frames::{Purpose, Usage};
use m1_memory::layout::PAGE_BYTES;
use serde_json::{Value, json};
use std::ops::Range;
use x86_64::{PhysAddr, structures::paging::PhysFrame};

/// What the loader says of memory, by numbers of frames.
pub const MAP: [(Range<u64>, Kind); 6] = [
    (0x000..0x001, Kind::Reserved),
    (0x001..0x09f, Kind::Usable),
    (0x0a0..0x100, Kind::Reserved),
    (0x100..0x13c, Kind::ExecutableAndModules),
    (0x13c..0x200, Kind::BootloaderReclaimable),
    (0x200..0x440, Kind::Usable),
];

/// One past the last frame.
pub const END: u64 = 0x440;

/// The loader's map for the page: first frame, how many, what.
pub fn map() -> Vec<Value> {
    let regions = MAP.into_iter();
    let shown =
        regions.map(|(frames, kind)| json!([frames.start, frames.end - frames.start, kind.name()]));
    shown.collect()
}

/// What a frame can be, in the order of their numbers.
pub fn kinds() -> Vec<String> {
    let taken = Purpose::ALL.map(Usage::Taken);
    [Usage::Free, Usage::Reserved].iter().chain(&taken).map(ToString::to_string).collect()
}

/// Its number among them.
pub fn kind_number(usage: Usage) -> usize {
    match usage {
        Usage::Free | Usage::Foreign => 0,
        Usage::Reserved => 1,
        Usage::Taken(purpose) => 2 + purpose as usize,
    }
}

/// Numbers in a row as first and count.
pub fn ranges(numbers: impl Iterator<Item = u64>) -> Vec<[u64; 2]> {
    let mut found: Vec<[u64; 2]> = Vec::new();
    for number in numbers {
        match found.last_mut() {
            Some([first, count]) if *first + *count == number => *count += 1,
            _ => found.push([number, 1]),
        }
    }
    found
}

/// The frame with a number.
pub fn frame(number: u64) -> PhysFrame {
    PhysFrame::containing_address(at(number))
}

/// Where it begins.
pub fn at(number: u64) -> PhysAddr {
    PhysAddr::new(number * PAGE_BYTES)
}

/// Its number.
pub fn number(frame: PhysFrame) -> u64 {
    frame.start_address().as_u64() / PAGE_BYTES
}
