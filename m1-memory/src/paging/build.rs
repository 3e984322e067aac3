//! The kernel's page tables, made from what is known at boot: the linker's
//! symbols say what is text, constants and data, the memory map what is RAM.

use super::access::Access;
use super::entry::Level;
use super::mapper::{Mapper, PagingError};
use super::ram;
use crate::cpu::Features;
use crate::frames::KernelFrames;
use crate::layout;
use crate::physical::DirectMap;
use crate::regions::{Growth, Kind, Region};
use m0_boot::handshake::BootInfo;
use x86_64::VirtAddr;

unsafe extern "C" {
    // Symbols of shared/kernel.ld; only their addresses mean something.
    static __text_start: u8;
    static __text_end: u8;
    static __rodata_start: u8;
    static __rodata_end: u8;
    static __data_start: u8;
    static __data_end: u8;
}

/// The kernel's sections with what may be done with each.
fn sections() -> [Region; 3] {
    [
        ("kernel text", &raw const __text_start, &raw const __text_end, Access::KERNEL_CODE),
        (
            "kernel constants",
            &raw const __rodata_start,
            &raw const __rodata_end,
            Access::KERNEL_CONSTANTS,
        ),
        ("kernel data", &raw const __data_start, &raw const __data_end, Access::KERNEL_DATA),
    ]
    .map(|(name, start, end, access)| Region {
        start: VirtAddr::from_ptr(start),
        end: VirtAddr::from_ptr(end),
        name,
        kind: Kind::Image,
        access,
        growth: Growth::Fixed,
    })
}

/// The named regions of the kernel's half.
pub(super) fn regions() -> impl Iterator<Item = Region> {
    let data = |name, start, end, kind, growth| {
        let access = Access::KERNEL_DATA;
        Region { start, end, name, kind, access, growth }
    };
    let (heap, stacks) = (layout::HEAP, layout::STACKS);
    let others = [
        data(
            "direct map",
            layout::DIRECT_MAP,
            layout::DIRECT_MAP_END,
            Kind::DirectMap,
            Growth::Fixed,
        ),
        data("kernel heap", heap.start, heap.end, Kind::Heap, Growth::Up),
        data("kernel stacks", stacks.start, stacks.end, Kind::Stacks, Growth::Slots),
    ];
    sections().into_iter().chain(others)
}

/// Makes tables for the kernel's half; the user half stays empty.
///
/// # Errors
/// No frames, or a memory map that maps an address twice.
pub fn build(
    boot: &BootInfo,
    memory: DirectMap,
    features: Features,
) -> Result<Mapper<DirectMap>, PagingError> {
    let mut frames = KernelFrames;
    let mut tables = Mapper::create(memory, &mut frames)?;
    for Region { start, end, access, .. } in sections() {
        let physical = boot.kernel_physical + (start - boot.kernel_virtual);
        let bytes = end - start;
        tables.map_range(start, physical, bytes, Level::Pt, access, &mut frames)?.not_needed();
    }
    let largest = if features.page_1_gib { Level::Pdpt } else { Level::Pd };
    for range in ram::ranges(&boot.memory_map) {
        let start = layout::DIRECT_MAP + range.start.as_u64();
        let bytes = range.end - range.start;
        tables
            .map_range(start, range.start, bytes, largest, range.access, &mut frames)?
            .not_needed();
    }
    tables.fix_kernel_half();
    super::kernel::expect_ram(&boot.memory_map);
    Ok(tables)
}
