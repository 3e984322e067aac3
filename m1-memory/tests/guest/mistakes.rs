//! Mistakes that people make while they write memory management: each must end in
//! the explanation that the fault catalogue has for it.

use crate::paging::{leaf, pages};
use alloc::vec::Vec;
use core::arch::asm;
use core::hint::black_box;
use m1_memory::frames::{FrameAllocator, KernelFrames};
use m1_memory::layout;
use m1_memory::paging::access::Access;
use m1_memory::paging::kernel;
use shared::cases::Case;

/// Every case of this module.
pub const CASES: &[Case] = &[
    ("call-null", call_null),
    ("wild-jump", wild_jump),
    ("touch-user-half", touch_user_half),
    ("reserved-bit", reserved_bit),
    ("load-empty-tables", load_empty_tables),
    ("panic-allocation", panic_allocation),
];

/// A table of functions with an empty place.
fn call_null() {
    // SAFETY: page 0 is never mapped; the fault ends this kernel.
    unsafe { asm!("call {}", in(reg) 0u64, clobber_abi("C")) }
}

/// Canonical, in the kernel's half, and mapped by nobody.
fn wild_jump() {
    // SAFETY: nothing is mapped there; the fault ends this kernel.
    unsafe { asm!("jmp {}", in(reg) 0xffff_ff00_dead_b000u64, options(noreturn)) }
}

/// M1 has no user half: nothing there is mapped.
fn touch_user_half() {
    let address = black_box(0x40_0000 as *const u64);
    // SAFETY: nothing is mapped there; the fault ends this kernel.
    unsafe { address.read_volatile() };
}

/// A frame number beyond what the CPU can address.
fn reserved_bit() {
    const BEYOND: u64 = 1 << 51;
    let (page, _) = pages();
    let frame = KernelFrames.allocate().unwrap_or_else(|error| panic!("{error}"));
    kernel::map(page, frame, Access::KERNEL_DATA).unwrap_or_else(|error| panic!("{error}"));
    let entry = leaf(page).cast::<u64>();
    // SAFETY: the entry is that page's own, not yet used by the CPU; the fault
    // ends this kernel.
    unsafe {
        entry.write_volatile(entry.read_volatile() | BEYOND);
        page.as_ptr::<u64>().read_volatile();
    }
}

/// Page tables in which nothing is mapped, not even the next instruction.
fn load_empty_tables() {
    let frame = KernelFrames.allocate().unwrap_or_else(|error| panic!("{error}"));
    let table = (layout::DIRECT_MAP + frame.start_address().as_u64()).as_mut_ptr::<u64>();
    // SAFETY: the frame is ours and in the direct map; loading it ends this kernel.
    unsafe {
        table.write_bytes(0, 512);
        asm!("mov cr3, {}", "nop", in(reg) frame.start_address().as_u64());
    }
}

fn panic_allocation() {
    black_box(Vec::<u8>::with_capacity(black_box(1 << 40)));
}
