//! The user half over simulated memory.

use super::error::SpaceError;
use super::place::{self, Content, Place};
use super::user_half::UserHalf;
use super::{CODE, MAX_CODE_BYTES, STACK, USER_HEAP, load};
use crate::elf::tests::{mutated, sample};
use crate::program::Program;
use m1_memory::frames::{FrameAllocator, FrameError};
use m1_memory::layout::PAGE_BYTES;
use m1_memory::paging::walk::MappedRegion;
use m1_memory::physical::PhysicalMemory;
use proptest::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;
use x86_64::structures::paging::PhysFrame;
use x86_64::{PhysAddr, VirtAddr};

/// RAM that is a buffer; physical address 0 is its first byte.
#[derive(Clone, Copy)]
struct Simulated(*mut u8);

// SAFETY: `Frames` hands out frames of its own buffer only.
unsafe impl PhysicalMemory for Simulated {
    fn pointer(&self, address: PhysAddr) -> *mut u8 {
        self.0.wrapping_add(address.as_u64() as usize)
    }
}

/// The frames of simulated RAM, each given out once at a time; copies share them.
#[derive(Clone)]
struct Frames(Rc<RefCell<Machine>>);

struct Machine {
    ram: Vec<[u64; 512]>,
    free: Vec<u64>,
}

// SAFETY: `free` holds each frame once, and `free()` refuses what is in it.
unsafe impl FrameAllocator for Frames {
    fn allocate(&mut self) -> Result<PhysFrame, FrameError> {
        let number = self.0.borrow_mut().free.pop().ok_or(FrameError::OutOfMemory)?;
        Ok(PhysFrame::containing_address(PhysAddr::new(number * PAGE_BYTES)))
    }

    unsafe fn free(&mut self, frame: PhysFrame) -> Result<(), FrameError> {
        let mut machine = self.0.borrow_mut();
        let number = frame.start_address().as_u64() / PAGE_BYTES;
        assert!((1..machine.ram.len() as u64).contains(&number), "{frame:?} is no frame of ours");
        assert!(!machine.free.contains(&number), "{frame:?} freed twice");
        machine.free.push(number);
        Ok(())
    }
}

impl Frames {
    fn new(frames: usize) -> Self {
        // Old contents must not shine through, so they are not zero.
        let ram = vec![[u64::MAX; 512]; frames + 1];
        Self(Rc::new(RefCell::new(Machine { ram, free: (1..=frames as u64).rev().collect() })))
    }

    fn memory(&self) -> Simulated {
        Simulated(self.0.borrow_mut().ram.as_mut_ptr().cast())
    }

    fn used(&self) -> usize {
        let machine = self.0.borrow();
        machine.ram.len() - 1 - machine.free.len()
    }
}

type Half = UserHalf<Simulated, Frames>;

/// Loads a program into new tables.
fn loaded(frames: &Frames, program: &Program) -> Result<(Half, VirtAddr), SpaceError> {
    let mut half = UserHalf::new(frames.memory(), frames.clone())?;
    let entry = load::load(&mut half, program)?;
    Ok((half, entry))
}

fn elf(file: Vec<u8>) -> Program {
    Program::elf("sample", file.leak())
}

fn regions(half: &Half) -> Vec<(u64, u64, String)> {
    let mut regions = Vec::new();
    half.tables().for_each_region(|MappedRegion { start, last, rights }| {
        regions.push((start.as_u64(), last.as_u64() + 1, rights.to_string()));
    });
    regions
}

fn byte(half: &Half, frames: &Frames, address: u64) -> u8 {
    let found = half.tables().translate(VirtAddr::new(address)).expect("mapped");
    // SAFETY: mapped pages are frames of the simulated memory.
    unsafe { frames.memory().pointer(found.physical).read() }
}

fn word(half: &Half, frames: &Frames, address: u64) -> u64 {
    let bytes: Vec<u8> = (0..8).map(|offset| byte(half, frames, address + offset)).collect();
    u64::from_le_bytes(bytes.try_into().expect("eight"))
}

#[test]
fn an_elf_program_gets_its_segments_with_their_rights() {
    let frames = Frames::new(64);
    let (half, entry) = loaded(&frames, &elf(sample())).expect("room");
    let base = CODE.as_u64();
    assert_eq!(entry, CODE + 0x10);
    let expected = [
        (base, base + 0x1000, "r-xu-".to_owned()),
        (base + 0x1000, base + 0x2000, "r--u-".to_owned()),
        (base + 0x2000, base + 0x4000, "rw-u-".to_owned()),
        (STACK.start.as_u64(), STACK.end.as_u64(), "rw-u-".to_owned()),
    ];
    assert_eq!(regions(&half), expected);
    assert_eq!(byte(&half, &frames, base), 0x90);
    assert_eq!(byte(&half, &frames, base + 0x30), 0, "behind the text");
    assert_eq!(byte(&half, &frames, base + 0x2000), 0xdd);
    assert_eq!(byte(&half, &frames, base + 0x201f), 0xdd);
    assert_eq!(byte(&half, &frames, base + 0x2020), 0, "behind the data");
    assert_eq!(byte(&half, &frames, base + 0x3fff), 0, "the last page of data");
    assert_eq!(word(&half, &frames, base + 0x10f8), base + 0x10, "relocated");
    assert_eq!(word(&half, &frames, base + 0x2008), base + 0x1000, "relocated");
    drop(half);
    assert_eq!(frames.used(), 0);
}

#[test]
fn a_flat_program_is_one_piece() {
    let frames = Frames::new(64);
    let code = vec![0x90; PAGE_BYTES as usize + 1].leak();
    let (half, entry) = loaded(&frames, &Program::flat("flat", code)).expect("room");
    assert_eq!(entry, CODE);
    assert_eq!(regions(&half)[0], (CODE.as_u64(), CODE.as_u64() + 0x2000, "r-xu-".to_owned()));
    assert_eq!(byte(&half, &frames, CODE.as_u64() + 0x1000), 0x90);
    assert_eq!(byte(&half, &frames, CODE.as_u64() + 0x1001), 0);
}

#[test]
fn a_heap_grows_by_whole_zeroed_pages() {
    let frames = Frames::new(64);
    let mut half = UserHalf::new(frames.memory(), frames.clone()).expect("room");
    let start = USER_HEAP.start;
    assert_eq!(half.grow_heap(0), Ok(start));
    assert_eq!(half.grow_heap(1), Ok(start));
    assert_eq!(half.grow_heap(2 * PAGE_BYTES), Ok(start + PAGE_BYTES));
    assert_eq!(half.grow_heap(0), Ok(start + 3 * PAGE_BYTES));
    let expected = (start.as_u64(), start.as_u64() + 0x3000, "rw-u-".to_owned());
    assert_eq!(regions(&half).last(), Some(&expected));
    assert!((0..3 * PAGE_BYTES).all(|at| byte(&half, &frames, start.as_u64() + at) == 0));
    drop(half);
    assert_eq!(frames.used(), 0);
}

#[test]
fn a_heap_grows_whole_or_not_at_all() {
    let frames = Frames::new(20);
    let mut half = UserHalf::new(frames.memory(), frames.clone()).expect("room");
    half.grow_heap(PAGE_BYTES).expect("room");
    let used = frames.used();
    let refused = half.grow_heap(100 * PAGE_BYTES);
    assert_eq!(refused, Err(SpaceError::Frames(FrameError::OutOfMemory)));
    assert_eq!(frames.used(), used);
    assert_eq!(half.grow_heap(0), Ok(USER_HEAP.start + PAGE_BYTES));
    assert_eq!(half.grow_heap(PAGE_BYTES), Ok(USER_HEAP.start + PAGE_BYTES), "it can go on");
    for bytes in [1 << 30, (1 << 30) - 0x1fff, u64::MAX, u64::MAX - 0xfff] {
        let left = (1 << 30) - 2 * PAGE_BYTES;
        assert_eq!(half.grow_heap(bytes), Err(SpaceError::HeapFull { bytes, left }));
    }
}

#[test]
fn places_have_names() {
    let frames = Frames::new(64);
    let (mut half, _) = loaded(&frames, &elf(sample())).expect("room");
    half.grow_heap(PAGE_BYTES).expect("room");
    let place = |address: u64| place::find(&half, "sample", address);
    let image = |content| Place::Image { program: "sample", content };
    let (base, stack, heap) = (CODE.as_u64(), STACK.start.as_u64(), USER_HEAP.start.as_u64());
    for (address, expected, text) in [
        (0, Place::Null, "nothing mapped: a null pointer, or a small offset from one"),
        (base - 1, Place::Null, "nothing mapped: a null pointer, or a small offset from one"),
        (base, image(Content::Code), "code of `sample`, r-x"),
        (base + 0x1fff, image(Content::Constants), "constants of `sample`, r--"),
        (base + 0x3fff, image(Content::Data), "data of `sample`, rw-"),
        (base + 0x4000, Place::Unmapped, "nothing mapped"),
        (stack - 1, Place::GuardBelowStack, "guard page below its stack"),
        (stack, Place::Stack, "its stack"),
        (STACK.end.as_u64(), Place::GuardAboveStack, "guard page above its stack"),
        (STACK.end.as_u64() + PAGE_BYTES, Place::Unmapped, "nothing mapped"),
        (heap, Place::Heap, "its heap"),
        (heap + PAGE_BYTES, Place::BeyondHeap, "past the end of its heap"),
        (0x0000_7fff_ffff_ffff, Place::Unmapped, "nothing mapped"),
        (1 << 47, Place::NotCanonical, "not an address: not canonical"),
        (0xffff_ffff_a000_0000, Place::Kernel("kernel heap"), "kernel: heap"),
        (0xffff_8000_0000_0000, Place::Kernel("direct map"), "kernel: direct map"),
    ] {
        assert_eq!(place(address), expected, "{address:#x}");
        assert_eq!(place(address).to_string(), text);
    }
}

#[test]
fn running_out_of_frames_anywhere_gives_all_back() {
    let program = elf(sample());
    let needed = {
        let frames = Frames::new(64);
        let _half = loaded(&frames, &program).expect("room");
        frames.used()
    };
    for count in 0..needed {
        let frames = Frames::new(count);
        let error = loaded(&frames, &program).err().expect("not enough");
        let paging = matches!(error, SpaceError::Paging(_));
        assert!(paging || error == SpaceError::Frames(FrameError::OutOfMemory), "{error}");
        assert_eq!(frames.used(), 0, "{count} frames");
    }
    assert!(loaded(&Frames::new(needed), &program).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever is in a file: no panic, nothing outside of the room for programs,
    /// nothing writable and executable, and every frame back.
    #[test]
    fn a_spoiled_file_does_no_harm(file in mutated(), room in 8_usize..40) {
        let frames = Frames::new(room);
        // The tables outlive the file, as a process does a module list.
        let file: &'static mut [u8] = file.leak();
        if let Ok((half, entry)) = loaded(&frames, &Program::elf("spoiled", file)) {
            let end = CODE.as_u64() + MAX_CODE_BYTES;
            for (start, region_end, rights) in regions(&half) {
                let stack = start == STACK.start.as_u64() && region_end == STACK.end.as_u64();
                prop_assert!(stack || (start >= CODE.as_u64() && region_end <= end));
                prop_assert!(["r-xu-", "r--u-", "rw-u-"].contains(&rights.as_str()), "{}", rights);
            }
            let at_entry = half.tables().translate(entry).expect("the entry point is mapped");
            prop_assert!(at_entry.rights().execute);
        }
        prop_assert_eq!(frames.used(), 0);
    }
}
