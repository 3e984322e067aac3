//! Page tables on the real machine: TLB, splitting, tables that go, the audit,
//! regions in fault reports.

use crate::boot;
use alloc::vec::Vec;
use core::arch::asm;
use m1_memory::frames::{self, FrameAllocator, KernelFrames, Purpose};
use m1_memory::layout::{self, PAGE_BYTES};
use m1_memory::paging::access::Access;
use m1_memory::paging::audit::Violation;
use m1_memory::paging::entry::{Entry, Flags, Level};
use m1_memory::paging::flush;
use m1_memory::paging::kernel;
use m1_memory::paging::mapper::{Mapper, PagingError};
use m1_memory::physical::{DirectMap, PhysicalMemory};
use m1_memory::stack::KernelStack;
use m1_memory::{checks, cpu, regions};
use shared::cases::{Case, expect, expect_eq};
use x86_64::registers::control::{Cr3, Cr4, Cr4Flags};
use x86_64::structures::paging::PhysFrame;
use x86_64::{PhysAddr, VirtAddr};

pub const CASES: &[Case] = &[
    ("stale-without-flush", stale_without_flush),
    ("whole-tlb-flush", whole_tlb_flush),
    ("batched-flush", batched_flush),
    ("tables-are-freed", tables_are_freed),
    ("large-page-split-in-use", large_page_split_in_use),
    ("direct-map-page-sizes", direct_map_page_sizes),
    ("audit-catches-planted-faults", audit_catches_planted_faults),
    ("top-level-fixed", top_level_fixed),
    ("ranges-all-or-nothing", ranges_all_or_nothing),
    ("move-a-page", move_a_page),
    ("smep", smep),
    ("smap", smap),
    ("guard-page-of-thread", guard_page_of_thread),
    ("regions-by-name", regions_by_name),
];

fn memory() -> DirectMap {
    DirectMap::new(boot().hhdm).unwrap_or_else(|error| panic!("{error}"))
}

/// Another mapper on the kernel's tables, for what the kernel's own never does.
fn live_tables() -> Mapper<DirectMap> {
    let root = kernel::root().unwrap_or_else(|| panic!("no kernel tables"));
    // SAFETY: there is one thread, and what is changed through it are pages that
    // a case mapped, in tables that stay.
    unsafe { Mapper::new(root, memory()) }
}

/// Two pages, side by side in one table; the second keeps the table alive.
pub fn pages() -> (VirtAddr, VirtAddr) {
    let last = layout::HEAP.end - PAGE_BYTES;
    (last - PAGE_BYTES, last)
}

/// A frame whose first word is `value`.
fn frame_with(value: u64) -> PhysFrame {
    let frame = KernelFrames.allocate().unwrap_or_else(|error| panic!("{error}"));
    // SAFETY: the frame is ours.
    unsafe { memory().pointer(frame.start_address()).cast::<u64>().write_volatile(value) };
    frame
}

fn read(address: VirtAddr) -> u64 {
    // SAFETY: the page is mapped, or the fault ends this kernel.
    unsafe { address.as_ptr::<u64>().read_volatile() }
}

/// Maps both pages and moves the first to another frame behind the TLB's back.
fn moved_without_flush() -> VirtAddr {
    let (page, neighbour) = pages();
    for (address, value) in [(page, 1), (neighbour, 9)] {
        let mapped = kernel::map(address, frame_with(value), Access::KERNEL_DATA);
        expect_eq("mapped", mapped, Ok(()));
    }
    expect_eq("first", read(page), 1);
    let moved = frame_with(2).start_address();
    let (_, flush) = live_tables()
        .remap(page, moved, Level::Pt, &mut KernelFrames)
        .unwrap_or_else(|error| panic!("{error}"));
    flush.not_needed(); // a lie, and the point of the case
    expect_eq("tables-moved", kernel::translate(page).map(|to| to.physical), Some(moved));
    page
}

/// The TLB goes on with the old translation until it is told.
pub fn stale_without_flush() {
    let page = moved_without_flush();
    expect_eq("stale", read(page), 1);
    x86_64::instructions::tlb::flush(page);
    expect_eq("fresh", read(page), 2);
    let (_, flush) = live_tables().unmap(page).unwrap_or_else(|error| panic!("{error}"));
    expect_eq("unmapped-and-still-read", read(page), 2);
    flush.now();
    read(page); // must fault
}

fn whole_tlb_flush() {
    let page = moved_without_flush();
    flush::invalidate_all();
    expect_eq("fresh", read(page), 2);
    expect("pge-on", Cr4::read().contains(Cr4Flags::PAGE_GLOBAL), "CR4.PGE was left off");
}

/// One flush for many pages, below and above the limit for single ones.
fn batched_flush() {
    for count in [flush::MOST_SINGLE_PAGES, flush::MOST_SINGLE_PAGES + 1] {
        let start = layout::HEAP.end - (count + 1) * PAGE_BYTES;
        let range = start..start + (count + 1) * PAGE_BYTES;
        expect_eq(
            "populated",
            kernel::populate(range.clone(), Access::KERNEL_DATA, Purpose::Other),
            Ok(()),
        );
        let page = |number: u64| start + number * PAGE_BYTES;
        let mut tables = live_tables();
        let mut batch = flush::Flush::NOTHING;
        for number in 0..count {
            read(page(number));
            let frame = frame_with(number).start_address();
            let (_, changed) = tables
                .remap(page(number), frame, Level::Pt, &mut KernelFrames)
                .unwrap_or_else(|error| panic!("{error}"));
            batch = batch.join(changed);
        }
        batch.now();
        let stale = (0..count).find(|&number| read(page(number)) != number);
        expect_eq("stale", stale, None);
        // SAFETY: the pages were mapped here and nobody uses them.
        expect_eq("vacated", unsafe { kernel::vacate(range) }, Ok(()));
    }
}

fn tables_are_freed() {
    let before = frames::statistics().used;
    // Two pages two GiB apart in the same half: nothing shared but the top.
    let far = [layout::HEAP.end - PAGE_BYTES, VirtAddr::new(0xffff_ff80_0000_0000)];
    for page in far {
        expect_eq("mapped", kernel::map(page, frame_with(3), Access::KERNEL_DATA), Ok(()));
    }
    expect("tables-made", frames::statistics().used > before + 2, "no tables were needed");
    for page in far {
        // SAFETY: mapped here, used by nobody.
        let frame = unsafe { kernel::unmap(page) }.unwrap_or_else(|error| panic!("{error}"));
        // SAFETY: as above.
        expect_eq("freed", unsafe { KernelFrames.free(frame) }, Ok(()));
    }
    expect_eq("no-frame-lost", frames::statistics().used, before);
    expect_eq("audit", kernel::audit().map(|_| ()), Ok(()));
}

/// Splits every large page of the direct map, the ones with this stack and these
/// very tables included, and goes on using what is in them.
fn large_page_split_in_use() {
    let run = frames::allocate_run(512).unwrap_or_else(|error| panic!("{error}"));
    let base = layout::DIRECT_MAP + run.start_address().as_u64();
    let word = |page: u64| (base + page * PAGE_BYTES).as_mut_ptr::<u64>();
    // SAFETY: the run is ours, and the direct map maps it.
    (0..512).for_each(|page| unsafe { word(page).write_volatile(page * 3) });

    let before = frames::statistics().used;
    let mut large = Vec::new();
    large.try_reserve(64).unwrap_or_else(|_| panic!("no heap"));
    kernel::for_each_page(|page| {
        let room = large.len() + 1 < large.capacity();
        if page.level == Level::Pd && (page.page == base || room) {
            large.push(page);
        }
    });
    expect("some", large.iter().any(|page| page.page == base), "the run is not one large page");
    for page in &large {
        expect_eq("split", kernel::split(page.page), Ok(()));
        let now = kernel::translate(page.page + 5u64).map(|to| (to.level(), to.rights()));
        expect_eq("small", now, Some((Level::Pt, page.rights)));
    }
    let tables = frames::statistics().used - before;
    expect("tables", tables >= large.len() as u64, "split without tables");

    let third = base + 3 * PAGE_BYTES;
    // SAFETY: nothing writes to that page from here on but this case.
    let protected = unsafe { kernel::protect(third, Access::KERNEL_CONSTANTS) };
    expect_eq("protected", protected, Ok(()));
    // SAFETY: as above; page 3 is only read.
    let wrong = (0..512).find(|&page| unsafe {
        if page != 3 {
            word(page).write_volatile(word(page).read_volatile() + 1);
        }
        word(page).read_volatile() != page * 3 + u64::from(page != 3)
    });
    expect_eq("contents", wrong, None);
    // SAFETY: the page is read-only; the fault ends this kernel.
    unsafe { word(3).write_volatile(0) };
}

/// 1 GiB pages where the CPU has them, else 2 MiB, and small ones at the edges.
fn direct_map_page_sizes() {
    let mut bytes = [0u64; 4];
    kernel::for_each_page(|page| {
        if (layout::DIRECT_MAP..layout::DIRECT_MAP_END).contains(&page.page) {
            bytes[page.level as usize] += page.level.entry_bytes();
        }
    });
    let [small, medium, large, _] = bytes;
    let gib_pages = cpu::Features::detect().page_1_gib;
    expect("1-gib", (large > 0) == gib_pages, format_args!("{large:#x} bytes in 1 GiB pages"));
    expect("2-mib", medium > 0, "no 2 MiB page");
    // Each of the few ranges has at most 2 MiB of small pages at each end.
    expect("4-kib", small < 64 << 20, format_args!("{small:#x} bytes in 4 KiB pages"));
    let summary = kernel::audit().unwrap_or_else(|violation| panic!("{violation}"));
    expect_eq("all-ram", summary.direct_map_bytes, small + medium + large);
}

/// The leaf entry of a page of 4 KiB.
pub fn leaf(page: VirtAddr) -> *mut Entry {
    let tables = live_tables();
    let table = [Level::Pml4, Level::Pdpt, Level::Pd]
        .into_iter()
        .fold(tables.root(), |table, level| tables.read(table, level, page).table());
    let offset = u64::from(Level::Pt.index(page)) * size_of::<Entry>() as u64;
    memory().pointer(table.start_address() + offset).cast()
}

fn audit_catches_planted_faults() {
    let (page, _) = pages();
    let frame = frame_with(0);
    expect_eq("mapped", kernel::map(page, frame, Access::KERNEL_DATA), Ok(()));
    let clean = kernel::audit().map(|_| ());
    expect_eq("clean", clean, Ok(()));
    let slot = leaf(page);
    // SAFETY: the entry is that of a page which nobody uses.
    let good = unsafe { slot.read_volatile() };
    let planted = |flags| {
        // SAFETY: as above; it is put right again at once.
        unsafe { slot.write_volatile(Entry::new(good.address(), flags)) };
        let found = kernel::audit();
        // SAFETY: as above.
        unsafe { slot.write_volatile(good) };
        x86_64::instructions::tlb::flush(page);
        found.map(|_| ())
    };
    let kept = good.flags();
    let open = planted(kept - Flags::NO_EXECUTE);
    let caught =
        matches!(open, Err(Violation::WritableAndExecutable(region)) if region.start == page);
    expect("writable-and-executable", caught, format_args!("{open:?}"));
    let local = planted(kept - Flags::GLOBAL);
    expect("not-global", matches!(local, Err(Violation::NotGlobal(_))), format_args!("{local:?}"));
    // One leaf with U=1 is not open to ring 3 as long as the tables above are not.
    expect_eq("user-leaf-below-closed-tables", planted(kept | Flags::USER), Ok(()));

    let user = kernel::map(pages().1, frame_with(0), Access::USER_DATA);
    expect_eq("mapped-for-user", user, Ok(()));
    let open = kernel::audit();
    let caught = matches!(open, Err(Violation::UserInKernelHalf(_)));
    expect("user-in-kernel-half", caught, format_args!("{open:?}"));
    // SAFETY: mapped here, used by nobody.
    expect("unmapped", unsafe { kernel::unmap(pages().1) }.is_ok(), "not mapped");

    let alias = layout::DIRECT_MAP + frame.start_address().as_u64();
    // SAFETY: nobody reads that frame through the direct map.
    let gone = unsafe { kernel::unmap_range(alias..alias + PAGE_BYTES, |_| ()) };
    expect_eq("hole-made", gone, Ok(()));
    let hole = kernel::audit().map(|_| ());
    expect_eq("ram-missing", hole, Err(Violation::RamMissing(frame.start_address())));
    expect_eq("hole-closed", kernel::map(alias, frame, Access::KERNEL_DATA), Ok(()));
    expect_eq("clean-again", kernel::audit().map(|_| ()), Ok(()));

    let nowhere = VirtAddr::new(0xffff_ff80_0000_0000);
    expect_eq("nowhere-mapped", kernel::map(nowhere, frame, Access::KERNEL_DATA), Ok(()));
    let found = kernel::audit();
    let caught = matches!(found, Err(Violation::Unplanned(page)) if page.page == nowhere);
    expect("unplanned", caught, format_args!("{found:?}"));
    // SAFETY: mapped here, used by nobody.
    expect("unmapped-again", unsafe { kernel::unmap(nowhere) }.is_ok(), "not mapped");

    // The VGA window is a hole in every PC's RAM.
    let (hole, device) = (layout::DIRECT_MAP + 0xa_0000u64, PhysAddr::new(0xa_0000));
    let device = PhysFrame::containing_address(device);
    expect_eq("device-mapped", kernel::map(hole, device, Access::KERNEL_DATA), Ok(()));
    let extra = kernel::audit();
    let caught = matches!(extra, Err(Violation::NotRam(page)) if page.page == hole);
    expect("not-ram", caught, format_args!("{extra:?}"));
}

fn top_level_fixed() {
    let before = frames::statistics().used;
    let address = VirtAddr::new(0xffff_9000_0000_0000);
    let frame = frame_with(0);
    let refused = kernel::map(address, frame, Access::KERNEL_DATA);
    expect_eq("refused", refused, Err(PagingError::TopLevelFixed { address }));
    expect_eq("nothing-kept", frames::statistics().used, before + 1);
}

fn ranges_all_or_nothing() {
    let before = frames::statistics();
    let start = layout::HEAP.start + (256 << 20);
    let too_much = start..start + (before.free() + 1) * PAGE_BYTES;
    match kernel::populate(too_much, Access::KERNEL_DATA, Purpose::Other) {
        Err(PagingError::Frames(_)) => {}
        other => expect("refused", false, format_args!("{other:?}")),
    }
    expect_eq("no-frame-kept", frames::statistics().used, before.used);
    expect_eq("nothing-mapped", kernel::translate(start), None);

    let range = start..start + 64 * PAGE_BYTES;
    expect_eq(
        "populated",
        kernel::populate(range.clone(), Access::KERNEL_DATA, Purpose::Other),
        Ok(()),
    );
    let overlapping = start - PAGE_BYTES..start + PAGE_BYTES;
    match kernel::populate(overlapping, Access::KERNEL_DATA, Purpose::Other) {
        Err(PagingError::Occupied { address, .. }) => expect_eq("where", address, start),
        other => expect("occupied", false, format_args!("{other:?}")),
    }
    expect_eq("not-half", kernel::translate(start - PAGE_BYTES), None);
    let beyond = start..start + 65 * PAGE_BYTES;
    // SAFETY: must be refused.
    let refused = unsafe { kernel::vacate(beyond.clone()) };
    expect_eq("hole", refused, Err(PagingError::NotMapped { address: range.end }));
    // SAFETY: must be refused.
    let refused = unsafe { kernel::protect_range(beyond, Access::KERNEL_CONSTANTS) };
    expect_eq("hole-too", refused, Err(PagingError::NotMapped { address: range.end }));
    // SAFETY: nobody uses the pages.
    expect_eq("vacated", unsafe { kernel::vacate(range) }, Ok(()));
    expect_eq("no-frame-lost", frames::statistics().used, before.used);
}

fn move_a_page() {
    let (page, _) = pages();
    let (first, second) = (frame_with(1), frame_with(2));
    expect_eq("mapped", kernel::map(page, first, Access::KERNEL_CONSTANTS), Ok(()));
    expect_eq("before", read(page), 1);
    // SAFETY: only this case uses the page.
    expect_eq("moved", unsafe { kernel::remap(page, second) }, Ok(first));
    expect_eq("after", read(page), 2);
    let rights = kernel::translate(page).map(|to| to.rights().write);
    expect_eq("still-read-only", rights, Some(false));
}

/// A page of the user half, mapped for ring 3 in the kernel's own tables.
fn user_page(access: Access) -> VirtAddr {
    let page = VirtAddr::new(0x1_0000);
    const RET: u64 = 0xc3;
    expect_eq("mapped", kernel::map(page, frame_with(RET), access), Ok(()));
    page
}

fn smep() {
    let page = user_page(Access::USER_CODE);
    // SAFETY: the page holds a `ret`; SMEP must not let ring 0 fetch it.
    unsafe { asm!("call {}", in(reg) page.as_u64(), clobber_abi("C")) }
}

fn smap() {
    let page = user_page(Access::USER_DATA);
    let value: u64;
    // SAFETY: STAC allows what SMAP forbids, CLAC forbids it again.
    unsafe {
        asm!("stac", "mov {0}, [{1}]", "clac", out(reg) value, in(reg) page.as_u64());
    }
    expect_eq("with-stac", value, 0xc3);
    read(page);
}

fn guard_page_of_thread() {
    let stack = KernelStack::named("worker-1").unwrap_or_else(|error| panic!("{error}"));
    let below = stack.range().start - 8u64;
    // SAFETY: the guard page is not mapped; the fault ends this kernel.
    unsafe { below.as_mut_ptr::<u64>().write_volatile(0) }
}

fn regions_by_name() {
    checks::print_regions();
    let at = |address: u64| alloc::format!("{}", regions::locate(address));
    expect_eq(
        "text",
        at(regions_by_name as *const () as u64).as_str(),
        "the address is in the kernel text (r-x-g)",
    );
    let ram = kernel::translate(pages().0).is_none();
    expect("spare", ram, "the heap's last pages are mapped");
    expect_eq(
        "heap",
        at(pages().0.as_u64()).as_str(),
        "the address is in the kernel heap, where it has not grown to",
    );
    let direct = layout::DIRECT_MAP + frame_with(0).start_address().as_u64();
    expect_eq("direct", at(direct.as_u64()).as_str(), "the address is in the direct map (rw--g)");
    let stack = VirtAddr::from_ptr(&raw const ram);
    expect_eq("stack", at(stack.as_u64()).as_str(), "kernel stack 0");
    expect_eq("loaded", Some(Cr3::read().0), kernel::root());
}
