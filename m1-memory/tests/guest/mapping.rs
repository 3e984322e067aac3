//! Mapping and unmapping on the live page tables.

use m1_memory::frames::{self, FrameAllocator, KernelFrames};
use m1_memory::layout;
use m1_memory::paging::access::Access;
use m1_memory::paging::entry::Level;
use m1_memory::paging::kernel;
use m1_memory::paging::mapper::PagingError;
use m1_memory::stack::{self, KernelStack};
use shared::cases::{expect, expect_eq};
use x86_64::VirtAddr;
use x86_64::registers::control::Cr3;
use x86_64::structures::paging::PhysFrame;

/// A page of the heap's range that the heap does not use.
fn spare_page() -> VirtAddr {
    layout::HEAP.end - layout::PAGE_BYTES
}

fn map_spare(access: Access) -> PhysFrame {
    let frame = KernelFrames.allocate().unwrap_or_else(|error| panic!("{error}"));
    kernel::map(spare_page(), frame, access).unwrap_or_else(|error| panic!("{error}"));
    frame
}

/// Writes and reads the spare page's first word.
fn touch(value: u64) -> u64 {
    let word = spare_page().as_mut_ptr::<u64>();
    // SAFETY: the page is mapped, or the fault ends this kernel.
    unsafe {
        word.write_volatile(value);
        word.read_volatile()
    }
}

pub fn map_unmap_translate() {
    // The first mapping makes tables, which stay; count from then on.
    let first = map_spare(Access::KERNEL_DATA);
    // SAFETY: the page was mapped here and is used by nobody.
    let unmapped = unsafe { kernel::unmap(spare_page()) };
    expect_eq("first-frame", unmapped, Ok(first));
    // SAFETY: it is mapped nowhere.
    expect_eq("first-freed", unsafe { KernelFrames.free(first) }, Ok(()));

    let before = frames::statistics().used;
    let frame = map_spare(Access::KERNEL_DATA);
    expect_eq("written", touch(0x5eed), 0x5eed);
    let found = kernel::translate(spare_page() + 8u64).map(|to| to.physical);
    expect_eq("translated", found, Some(frame.start_address() + 8u64));
    // SAFETY: as above.
    expect_eq("unmapped", unsafe { kernel::unmap(spare_page()) }, Ok(frame));
    expect_eq("translates-no-more", kernel::translate(spare_page()), None);
    // SAFETY: as above.
    expect_eq("freed", unsafe { KernelFrames.free(frame) }, Ok(()));
    expect_eq("no-frame-lost", frames::statistics().used, before);
}

/// The page was used, so its translation is in the TLB: the flush must reach it.
pub fn unmapped_page_faults() {
    map_spare(Access::KERNEL_DATA);
    touch(1);
    // SAFETY: the use that follows is the point, and ends this kernel.
    let unmapped = unsafe { kernel::unmap(spare_page()) };
    expect("unmapped", unmapped.is_ok(), "the page could not be unmapped");
    touch(2);
}

pub fn read_only_page_faults() {
    map_spare(Access::KERNEL_DATA);
    touch(1);
    // SAFETY: as above.
    let protected = unsafe { kernel::protect(spare_page(), Access::KERNEL_CONSTANTS) };
    expect_eq("protected", protected, Ok(()));
    touch(2);
}

pub fn occupied_page_refused() {
    let existing = map_spare(Access::KERNEL_DATA);
    let other = KernelFrames.allocate().unwrap_or_else(|error| panic!("{error}"));
    match kernel::map(spare_page(), other, Access::KERNEL_DATA) {
        Err(PagingError::Occupied { existing: found, .. }) => expect_eq(
            "refused-with-mapping",
            (found.page, found.physical, found.level),
            (spare_page(), existing.start_address(), Level::Pt),
        ),
        other => expect("refused", false, format_args!("{other:?}")),
    }
    expect_eq("still-works", touch(3), 3);
}

/// The tables in CR3 are the kernel's own, and clean.
pub fn audit_and_tables() {
    expect_eq("loaded", Some(Cr3::read().0), kernel::root());
    match kernel::audit() {
        Ok(summary) => expect("regions", summary.kernel_regions >= 5, "too few regions"),
        Err(violation) => expect("audit", false, violation),
    }
}

pub fn stacks_come_and_go() {
    let make = || KernelStack::new().unwrap_or_else(|error| panic!("{error}"));
    drop((make(), make())); // the first ones make page tables, which stay
    let before = frames::statistics().used;
    let (one, two) = (make(), make());
    expect_eq("numbers", (one.number(), two.number()), (1, 2));
    let guard = two.range().start - 1u64;
    expect_eq(
        "guard-between",
        (two.range().start - one.range().end, stack::guard_at(guard)),
        (layout::PAGE_BYTES, Some(2)),
    );
    drop(one);
    expect_eq("slot-used-again", make().number(), 1);
    drop(two);
    expect_eq("no-frame-lost", frames::statistics().used, before);
}
