//! The kernel's own page tables.
//!
//! [`build`] makes them from the linker's symbols (what is text, constants and
//! data) and the memory map (what is RAM); [`load`] puts them into CR3. After
//! that the kernel maps and unmaps single pages of its half with [`map`] and
//! [`unmap`].
//!
//! All tables below PML4 entry 511 and the direct map's entries hang in the tree
//! from the start, so a copy of the PML4's upper half, as M2 makes one for every
//! process, sees every later mapping of the kernel too.

use super::access::Access;
use super::audit::{self, Summary, Violation};
use super::entry::Level;
use super::mapper::{Mapper, PagingError, Translation};
use super::walk::MappedRegion;
use crate::cpu::Features;
use crate::frames::{FrameAllocator, KernelFrames};
use crate::layout::{self, PAGE_BYTES};
use crate::physical::DirectMap;
use m0_boot::handshake::BootInfo;
use m0_boot::memory_map::{Kind, MemoryMap};
use spin::Mutex;
use x86_64::registers::control::Cr3;
use x86_64::structures::paging::PhysFrame;
use x86_64::{PhysAddr, VirtAddr};

/// The kernel's tables, once [`load`] has run.
static KERNEL: Mutex<Option<Mapper<DirectMap>>> = Mutex::new(None);

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
fn sections() -> [(VirtAddr, VirtAddr, Access); 3] {
    [
        (&raw const __text_start, &raw const __text_end, Access::KERNEL_CODE),
        (&raw const __rodata_start, &raw const __rodata_end, Access::KERNEL_CONSTANTS),
        (&raw const __data_start, &raw const __data_end, Access::KERNEL_DATA),
    ]
    .map(|(start, end, access)| (VirtAddr::from_ptr(start), VirtAddr::from_ptr(end), access))
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
    for (start, end, access) in sections() {
        let physical = boot.kernel_physical + (start - boot.kernel_virtual);
        let bytes = end - start;
        map_range(&mut tables, start, physical, bytes, Level::Pt, access, &mut frames)?;
    }
    let largest = if features.page_1_gib { Level::Pdpt } else { Level::Pd };
    map_ram(&mut tables, &boot.memory_map, largest, &mut frames)?;
    Ok(tables)
}

/// The direct map: RAM of every kind. The kernel's own image is read-only there,
/// so that no alias of its text can be written.
fn map_ram(
    tables: &mut Mapper<DirectMap>,
    map: &MemoryMap,
    largest: Level,
    frames: &mut impl FrameAllocator,
) -> Result<(), PagingError> {
    let access_for = |kind| match kind {
        Kind::Usable | Kind::BootloaderReclaimable | Kind::AcpiReclaimable => {
            Some(Access::KERNEL_DATA)
        }
        Kind::ExecutableAndModules => Some(Access::KERNEL_CONSTANTS),
        Kind::Reserved | Kind::AcpiNvs | Kind::Bad | Kind::Framebuffer => None,
    };
    // Neighbours with the same access are mapped as one, for larger pages.
    let mut pieces = map
        .iter()
        .filter_map(|region| {
            let start = region.start.align_up(PAGE_BYTES);
            let end = region.end.align_down(PAGE_BYTES);
            Some((start, end, access_for(region.kind)?)).filter(|_| start < end)
        })
        .peekable();
    while let Some((start, mut end, access)) = pieces.next() {
        while let Some((_, next_end, _)) =
            pieces.next_if(|&(next, _, next_access)| next == end && next_access == access)
        {
            end = next_end;
        }
        let address = layout::DIRECT_MAP + start.as_u64();
        map_range(tables, address, start, end - start, largest, access, frames)?;
    }
    Ok(())
}

/// Maps a range with the largest pages that fit, none larger than `largest`.
fn map_range(
    tables: &mut Mapper<DirectMap>,
    address: VirtAddr,
    physical: PhysAddr,
    bytes: u64,
    largest: Level,
    access: Access,
    frames: &mut impl FrameAllocator,
) -> Result<(), PagingError> {
    let mut done = 0;
    while done < bytes {
        let (address, physical) = (address + done, physical + done);
        let fits = |size: &Level| {
            let page = size.entry_bytes();
            *size <= largest
                && page <= bytes - done
                && address.is_aligned(page)
                && physical.is_aligned(page)
        };
        let size = [Level::Pdpt, Level::Pd].into_iter().find(fits).unwrap_or(Level::Pt);
        tables.map(address, physical, size, access, frames)?.not_needed();
        done += size.entry_bytes();
    }
    Ok(())
}

/// Switches to `tables` and keeps them as the kernel's.
///
/// # Safety
/// They map the running code, its stack and everything it uses, where the tables
/// loaded now map it. The CPU's NX bit is enabled.
pub unsafe fn load(tables: Mapper<DirectMap>) {
    let (_, flags) = Cr3::read();
    let root = tables.root();
    *KERNEL.lock() = Some(tables);
    // SAFETY: the tables are complete (caller's contract).
    unsafe { Cr3::write(root, flags) };
    log::info!("on page tables of our own, root {:#x}", root.start_address().as_u64());
}

/// The PML4 whose upper half every address space shares.
pub fn root() -> Option<PhysFrame> {
    KERNEL.lock().as_ref().map(Mapper::root)
}

/// Maps one page of the kernel's half to `frame`.
///
/// # Errors
/// See [`PagingError`]; before [`load`], everything is "not mapped".
pub fn map(address: VirtAddr, frame: PhysFrame, access: Access) -> Result<(), PagingError> {
    with(address, |tables| {
        let physical = frame.start_address();
        tables.map(address, physical, Level::Pt, access, &mut KernelFrames)?.now();
        Ok(())
    })
}

/// Unmaps one page of the kernel's half; its frame is the caller's.
///
/// # Errors
/// See [`PagingError`].
///
/// # Safety
/// Nothing uses the page any more.
pub unsafe fn unmap(address: VirtAddr) -> Result<PhysFrame, PagingError> {
    with(address, |tables| {
        let (frame, flush) = tables.unmap(address)?;
        flush.now();
        Ok(frame)
    })
}

/// Changes what may be done with one page of the kernel's half.
///
/// # Errors
/// See [`PagingError`].
///
/// # Safety
/// Nothing uses the page in a way that the new access forbids.
pub unsafe fn protect(address: VirtAddr, access: Access) -> Result<(), PagingError> {
    with(address, |tables| {
        tables.protect(address, access)?.now();
        Ok(())
    })
}

/// What an address is mapped to, if it is.
pub fn translate(address: VirtAddr) -> Option<Translation> {
    KERNEL.lock().as_ref()?.translate(address)
}

/// Calls `visit` for each mapped region.
pub fn for_each_region(visit: impl FnMut(MappedRegion)) {
    if let Some(tables) = KERNEL.lock().as_ref() {
        tables.for_each_region(visit);
    }
}

/// Checks the kernel's tables against the rules in [`audit`].
///
/// # Errors
/// The first violation.
pub fn audit() -> Result<Summary, Violation> {
    KERNEL.lock().as_ref().map_or(Ok(Summary::default()), audit::audit)
}

fn with<T>(
    address: VirtAddr,
    action: impl FnOnce(&mut Mapper<DirectMap>) -> Result<T, PagingError>,
) -> Result<T, PagingError> {
    KERNEL.lock().as_mut().map_or(Err(PagingError::NotMapped { address }), action)
}
