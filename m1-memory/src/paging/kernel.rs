//! The kernel's own page tables, once they are loaded.
//!
//! [`build`] makes them, [`load`] puts them into CR3. After that the kernel maps
//! and unmaps pages of its half with [`map`], [`unmap`] and their kin; each does
//! its own flush and gives back the tables that became empty:
//!
//! ```text
//!   lock -> change the entries -> flush -> give back tables -> unlock
//! ```
//!
//! All PML4 entries of the kernel's half hang in the tree from the start and
//! stay, so a copy of them, as M2 makes one for every process, sees every later
//! mapping of the kernel too. Interrupt handlers must not map: the lock is not
//! taken with interrupts off. Fault reports ask with [`try_translate`].

use super::access::Access;
use super::audit::{self, Summary, Violation};
pub use super::build::build;
use super::entry::Level;
pub use super::kernel_ranges::{map_range, populate, protect_range, unmap_range, vacate};
use super::mapper::{Mapper, Mapping, PagingError, Translation};
use super::ram;
use super::walk::MappedRegion;
use crate::frames::KernelFrames;
use crate::physical::DirectMap;
use crate::regions;
use m0_boot::memory_map::MemoryMap;
use spin::{Mutex, MutexGuard};
use x86_64::VirtAddr;
use x86_64::registers::control::Cr3;
use x86_64::structures::paging::PhysFrame;

/// The kernel's tables, once [`load`] has run.
static KERNEL: Mutex<Option<Mapper<DirectMap>>> = Mutex::new(None);

/// The memory map that the tables were built from, for the audit.
static RAM: Mutex<Option<MemoryMap>> = Mutex::new(None);

/// Remembers what the direct map has to hold.
pub(super) fn expect_ram(map: &MemoryMap) {
    *RAM.lock() = Some(map.clone());
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
    for region in super::build::regions() {
        if let Err(error) = regions::add(region) {
            log::error!("{error}"); // fault reports will not name it
        }
    }
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
        tables.release_tables(&mut KernelFrames);
        Ok(frame)
    })
}

/// Changes what may be done with one page of the kernel's half, splitting a
/// large page that it lies in.
///
/// # Errors
/// See [`PagingError`].
///
/// # Safety
/// Nothing uses the page in a way that the new access forbids.
pub unsafe fn protect(address: VirtAddr, access: Access) -> Result<(), PagingError> {
    with(address, |tables| {
        tables.protect_page(address, Level::Pt, access, &mut KernelFrames)?.now();
        Ok(())
    })
}

/// Moves one page of the kernel's half to `frame` and returns its old frame.
///
/// # Errors
/// See [`PagingError`].
///
/// # Safety
/// `frame` holds what the users of the page expect there.
pub unsafe fn remap(address: VirtAddr, frame: PhysFrame) -> Result<PhysFrame, PagingError> {
    with(address, |tables| {
        let physical = frame.start_address();
        let (old, flush) = tables.remap(address, physical, Level::Pt, &mut KernelFrames)?;
        flush.now();
        Ok(PhysFrame::containing_address(old.physical))
    })
}

/// Splits the page that holds `address` into pages of 4 KiB around it; nothing
/// that uses it notices.
///
/// # Errors
/// See [`PagingError`].
pub fn split(address: VirtAddr) -> Result<(), PagingError> {
    with(address, |tables| {
        tables.split(address, Level::Pt, &mut KernelFrames)?.now();
        Ok(())
    })
}

/// What an address is mapped to, if it is.
#[inline]
pub fn translate(address: VirtAddr) -> Option<Translation> {
    lock().as_ref()?.translate(address)
}

/// As [`translate`], for fault reports: the outer None says that the tables were
/// just being changed.
pub fn try_translate(address: VirtAddr) -> Option<Option<Translation>> {
    Some(KERNEL.try_lock()?.as_ref()?.translate(address))
}

/// Calls `visit` for each mapped region.
pub fn for_each_region(visit: impl FnMut(MappedRegion)) {
    if let Some(tables) = KERNEL.lock().as_ref() {
        tables.for_each_region(visit);
    }
}

/// Calls `visit` for each mapped page of whatever size.
pub fn for_each_page(visit: impl FnMut(Mapping)) {
    if let Some(tables) = KERNEL.lock().as_ref() {
        tables.for_each_page(visit);
    }
}

/// Checks the kernel's tables against the rules in [`audit`], the regions set
/// aside, and the direct map against the memory map.
///
/// # Errors
/// The first violation.
pub fn audit() -> Result<Summary, Violation> {
    let (tables, ram) = (KERNEL.lock(), RAM.lock());
    let (Some(tables), Some(ram)) = (tables.as_ref(), ram.as_ref()) else {
        return Ok(Summary::default());
    };
    let summary = audit::audit(tables)?;
    audit::audit_regions(tables, regions::find)?;
    let direct_map_bytes = audit::audit_direct_map(tables, ram::ranges(ram))?;
    Ok(Summary { direct_map_bytes, ..summary })
}

#[inline]
pub(super) fn with<T>(
    address: VirtAddr,
    action: impl FnOnce(&mut Mapper<DirectMap>) -> Result<T, PagingError>,
) -> Result<T, PagingError> {
    lock().as_mut().map_or(Err(PagingError::NotMapped { address }), action)
}

/// The kernel's tables. Nobody holds the lock, but for a mistake, so the waiting
/// is kept out of the callers' way.
#[inline]
fn lock() -> MutexGuard<'static, Option<Mapper<DirectMap>>> {
    loop {
        if let Some(guard) = KERNEL.try_lock() {
            return guard;
        }
        wait();
    }
}

#[cold]
#[inline(never)]
fn wait() {
    while KERNEL.is_locked() {
        core::hint::spin_loop();
    }
}
