//! The heap in a kernel: the CPU itself looks at the alignment of each block.

#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

use alloc::alloc::{Layout, alloc};
use alloc::vec::Vec;
use harness::{Check, Checked, Trial};
use m1_free_list_heap::{Heap, Hole};

shared::host_main!("cargo xtask check m1-free-list-heap");

const CHECKS: &[Check] = &[Check { name: "on-the-cpu", body: on_the_cpu }];

/// The loader jumps here.
#[cfg_attr(target_os = "none", unsafe(no_mangle))]
pub extern "C" fn kernel_entry() -> ! {
    harness::boot::m1(CHECKS)
}

/// The memory that the learner's heap manages.
const BYTES: usize = 64 * 1024;
/// Its alignment.
const PAGE: usize = 4096;
/// What CMPXCHG16B wants of its operand, or it raises #GP (Intel SDM Vol. 2A,
/// "CMPXCHG8B/CMPXCHG16B—Compare and Exchange Bytes").
const SIXTEEN: usize = 16;
/// Blocks that are out at once, at most; fewer than the heap can note holes.
const BLOCKS: usize = 40;

/// Blocks come and go. Each is written to by an instruction that faults unless it is
/// aligned, and holds its number until it goes back.
fn on_the_cpu(trial: &mut Trial) -> Checked {
    let Ok(layout) = Layout::from_size_align(BYTES, PAGE) else {
        return trial.fail("the check asks for memory that cannot be");
    };
    // SAFETY: the size is not 0.
    let memory = unsafe { alloc(layout) };
    if memory.is_null() {
        return trial.fail("the kernel has no memory for this check");
    }
    let mut heap = Heap::with_holes(&[Hole { start: 0, bytes: BYTES }]);
    let mut blocks: Vec<(usize, usize, u64)> = Vec::new();
    for number in 0..2000_u64 {
        trial.round();
        let full = blocks.len() == BLOCKS;
        if full || (!blocks.is_empty() && trial.random.below(5) < 2) {
            let (start, bytes, mark) = blocks.swap_remove(trial.random.index(blocks.len()));
            trial.given("block", format_args!("{start}..{}", start + bytes));
            // SAFETY: the block lies inside the memory, which was checked when it came.
            let kept = unsafe { memory.add(start).cast::<u64>().read() };
            trial.equal("what the block's owner wrote", kept, mark)?;
            heap.free(start, bytes);
            continue;
        }
        let bytes = SIXTEEN * trial.random.within(1..=120) as usize;
        trial.given("bytes", bytes);
        trial.given("align", SIXTEEN);
        // Now and then a small one, which puts the next hole's start at an odd place.
        let (bytes, align) = if trial.random.below(4) == 0 { (24, 8) } else { (bytes, SIXTEEN) };
        let Some(start) = heap.allocate(bytes, align) else { continue };
        if start + bytes > BYTES {
            return trial.fail("the block reaches beyond the heap's memory");
        }
        trial.given("start", start);
        // SAFETY: inside the memory, as was just checked.
        let block = unsafe { memory.add(start) };
        if align == SIXTEEN {
            if !start.is_multiple_of(SIXTEEN) {
                return trial.fail("CMPXCHG16B would raise #GP here: the block is not aligned");
            }
            exchange(block);
        }
        // SAFETY: as above; every block has at least 24 bytes or is a multiple of 16, and
        // its start is a multiple of 8.
        unsafe { block.cast::<u64>().write(number) };
        blocks.push((start, bytes, number));
    }
    trial.round();
    for (start, bytes, _) in blocks {
        heap.free(start, bytes);
    }
    let holes = heap.holes();
    if holes != [Hole { start: 0, bytes: BYTES }] {
        trial.compared("one hole", format_args!("{} holes", holes.len()));
        return trial.fail("when all blocks are back, the heap is one hole again");
    }
    Ok(())
}

/// Writes 16 bytes at once.
#[cfg(target_os = "none")]
fn exchange(block: *mut u8) {
    // SAFETY: the caller's block has 16 bytes and is aligned to them. RBX is the
    // compiler's, so it is put back.
    unsafe {
        core::arch::asm!(
            "xchg {saved}, rbx",
            "xor ebx, ebx",
            "lock cmpxchg16b [{block}]",
            "mov rbx, {saved}",
            saved = inout(reg) 0_u64 => _,
            block = in(reg) block,
            inout("rax") 0_u64 => _,
            inout("rdx") 0_u64 => _,
            in("rcx") 0_u64,
        );
    }
}

#[cfg(not(target_os = "none"))]
fn exchange(_: *mut u8) {}
