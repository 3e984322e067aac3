//! Page tables made by M1's mapper in memory that is a buffer, and printed as M2's console
//! prints them (`m2-usermode/src/console/memory.rs`).

use anyhow::{Result, anyhow};
use m1_memory::frames::{FrameAllocator, FrameError};
use m1_memory::layout::PAGE_BYTES;
use m1_memory::paging::access::{Access, Rights};
use m1_memory::paging::entry::{ENTRIES, Entry, Flags, Level};
use m1_memory::paging::mapper::{Mapper, Translation};
use m1_memory::physical::PhysicalMemory;
use std::fmt::Write;
use x86_64::structures::paging::PhysFrame;
use x86_64::{PhysAddr, VirtAddr};

/// Where the buffer's first byte is in the physical memory that it stands for.
const FIRST_FRAME: u64 = 0x0fe8_0000;
/// How many tables there is room for.
const FRAMES: usize = 64;

/// A buffer as physical memory.
#[derive(Clone, Copy)]
struct Buffer(*mut [u64; ENTRIES as usize]);

// SAFETY: `Frames` gives out frames of the buffer alone, which `Tables` keeps as long as
// its mapper, and everything is made of aligned pages.
unsafe impl PhysicalMemory for Buffer {
    fn pointer(&self, address: PhysAddr) -> *mut u8 {
        self.0.cast::<u8>().wrapping_add((address.as_u64() - FIRST_FRAME) as usize)
    }
}

/// Frames of the buffer, each given out once.
struct Frames(std::ops::Range<u64>);

// SAFETY: the range gives each number once, and none comes back.
unsafe impl FrameAllocator for Frames {
    fn allocate(&mut self) -> Result<PhysFrame, FrameError> {
        let number = self.0.next().ok_or(FrameError::OutOfMemory)?;
        Ok(PhysFrame::containing_address(PhysAddr::new(FIRST_FRAME + number * PAGE_BYTES)))
    }

    unsafe fn free(&mut self, frame: PhysFrame) -> Result<(), FrameError> {
        Err(FrameError::Foreign(frame))
    }
}

/// Page tables, and the memory they are in.
pub struct Tables {
    mapper: Mapper<Buffer>,
    frames: Frames,
    /// What the mapper's pointers lead to.
    _buffer: Box<[[u64; ENTRIES as usize]; FRAMES]>,
}

impl Tables {
    /// Empty tables.
    ///
    /// # Errors
    /// Never, as the buffer has room for a root.
    pub fn new() -> Result<Self> {
        let mut buffer = Box::new([[0; ENTRIES as usize]; FRAMES]);
        let mut frames = Frames(0..FRAMES as u64);
        let mapper = Mapper::create(Buffer(buffer.as_mut_ptr()), &mut frames)
            .map_err(|error| anyhow!("no page tables: {error}"))?;
        Ok(Self { mapper, frames, _buffer: buffer })
    }

    /// Maps a page of `size`.
    ///
    /// # Errors
    /// The mapper's.
    pub fn map(&mut self, at: VirtAddr, to: PhysAddr, size: Level, access: Access) -> Result<()> {
        let mapped = self.mapper.map(at, to, size, access, &mut self.frames);
        mapped
            .map_err(|error| anyhow!("{:#x} cannot be mapped: {error}", at.as_u64()))?
            .not_needed();
        Ok(())
    }

    /// What M1 says that is at an address.
    pub fn translate(&self, at: VirtAddr) -> Option<Translation> {
        self.mapper.translate(at)
    }

    /// What the console prints for `walk`, with `name` for what is there.
    pub fn walk(&self, at: VirtAddr, name: &str) -> String {
        let address = at.as_u64();
        let mut text = format!("m2> walk {address:#x}\n");
        let (mut table, mut level) = (self.mapper.root(), Level::Pml4);
        let _ = writeln!(text, "CR3   {:#014x}", table.start_address().as_u64());
        let mut rights = Rights::ALL;
        loop {
            let entry = self.mapper.read(table, level, at);
            let index = level.index(at);
            let slot = table.start_address() + u64::from(index) * size_of::<Entry>() as u64;
            let _ =
                write!(text, "{:<5} entry {index:3} at {:#014x}: ", name_of(level), slot.as_u64());
            if !entry.is_present() {
                return text + &format!("not present\n{address:#x} is not mapped\n");
            }
            rights = rights.through(entry.flags());
            let leaf = entry.is_leaf(level);
            let target = if leaf { entry.page(level) } else { entry.address() };
            let _ = writeln!(text, "{:#014x} {}", target.as_u64(), letters(entry, level));
            match level.below() {
                Some(below) if !leaf => (table, level) = (entry.table(), below),
                _ => {
                    let physical = target.as_u64() + address % level.entry_bytes();
                    let size = level.page_name();
                    let _ = writeln!(
                        text,
                        "{address:#x} is physical {physical:#x}, in a page of {size}"
                    );
                    let _ = writeln!(text, "{rights} {name}");
                    return text;
                }
            }
        }
    }
}

fn name_of(level: Level) -> &'static str {
    match level {
        Level::Pml4 => "PML4",
        Level::Pdpt => "PDPT",
        Level::Pd => "PD",
        Level::Pt => "PT",
    }
}

/// The bits that are set, by the manual's letters.
fn letters(entry: Entry, level: Level) -> String {
    let last = if level == Level::Pt { "PAT" } else { "PS" };
    let all = [
        (Flags::PRESENT, "P"),
        (Flags::WRITABLE, "W"),
        (Flags::USER, "U"),
        (Flags::ACCESSED, "A"),
        (Flags::DIRTY, "D"),
        (Flags::GLOBAL, "G"),
        (Flags::NO_EXECUTE, "NX"),
        (Flags::LARGE, last),
    ];
    let set = all.into_iter().filter(|(flag, _)| entry.flags().contains(*flag));
    set.map(|(_, letter)| letter).collect::<Vec<_>>().join(" ")
}
