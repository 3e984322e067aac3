//! What the firmware knows of the machine.

use loader::{
    address::{FOUR_GIB, PhysRange},
    date::Date,
    error::LoadError,
    five_level,
    memory_map::{Kind, MapError, MemoryMap},
    responses::Framebuffer,
};
use uefi::{
    boot::{self, AllocateType, MemoryType},
    mem::memory_map::{MemoryMap as _, MemoryMapOwned},
    runtime, system, table,
    table::cfg::ConfigTableEntry,
};
use x86_64::PhysAddr;

/// Bytes in a page of the firmware's counting, whatever the CPU's.
const EFI_PAGE: u64 = 4096;

/// The ACPI root pointer, preferably of ACPI 2.0 or later (UEFI specification
/// 2.10, sec. 4.6 "EFI Configuration Table & Properties Table").
pub fn rsdp() -> Option<PhysAddr> {
    system::with_config_table(|entries| {
        let find = |guid| entries.iter().find(|entry| entry.guid == guid);
        let entry =
            find(ConfigTableEntry::ACPI2_GUID).or_else(|| find(ConfigTableEntry::ACPI_GUID));
        PhysAddr::try_new(entry?.address as u64).ok()
    })
}

/// The EFI system table.
pub fn system_table() -> Option<PhysAddr> {
    PhysAddr::try_new(table::system_table_raw()?.as_ptr() as u64).ok()
}

/// UNIX time by the firmware's clock, taken as UTC where it names no zone.
pub fn unix_time() -> Option<i64> {
    let time = runtime::get_time().ok()?;
    let local = Date {
        year: time.year().into(),
        month: time.month().into(),
        day: time.day().into(),
        hour: time.hour().into(),
        minute: time.minute().into(),
        second: time.second().into(),
    };
    // UTC = local time - zone, in minutes (sec. 8.3 "Time Services").
    Some(local.unix_time()? - i64::from(time.time_zone().unwrap_or(0)) * 60)
}

/// Memory for [`five_level::leave`], executable and below 4 GiB.
///
/// # Errors
/// There is none.
pub fn low_memory() -> Result<PhysAddr, LoadError<'static>> {
    let pages = (five_level::LOW_MEMORY / EFI_PAGE) as usize;
    let highest = AllocateType::MaxAddress(FOUR_GIB.as_u64() - 1);
    boot::allocate_pages(highest, MemoryType::LOADER_CODE, pages)
        .map(|pages| PhysAddr::new(pages.as_ptr() as u64))
        .map_err(|_| LoadError::Firmware("no memory below 4 GiB to leave 5-level paging"))
}

/// The library's map out of the firmware's last one.
///
/// # Errors
/// Too many regions.
pub fn memory_map(
    descriptors: &MemoryMapOwned,
    framebuffer: Option<&Framebuffer>,
) -> Result<MemoryMap, MapError> {
    let mut map = MemoryMap::new();
    for descriptor in descriptors.entries() {
        let length = descriptor.page_count.saturating_mul(EFI_PAGE);
        map.mark(PhysRange::from_length(descriptor.phys_start, length), kind(descriptor.ty))?;
    }
    if let Some(screen) = framebuffer {
        let length = screen.pitch.saturating_mul(screen.height);
        map.mark(PhysRange::from_length(screen.address, length), Kind::Framebuffer)?;
    }
    Ok(map)
}

/// What a type of memory is once boot services have ended (UEFI specification
/// 2.10, sec. 7.2 "Memory Allocation Services", table "Memory Type Usage after
/// ExitBootServices").
fn kind(ty: MemoryType) -> Kind {
    match ty {
        MemoryType::CONVENTIONAL => Kind::Usable,
        // The CPU's tables and the stack are here until the hand-off.
        MemoryType::BOOT_SERVICES_CODE | MemoryType::BOOT_SERVICES_DATA => {
            Kind::FirmwareReclaimable
        }
        MemoryType::LOADER_CODE | MemoryType::LOADER_DATA => Kind::LoaderReclaimable,
        MemoryType::ACPI_RECLAIM => Kind::AcpiReclaimable,
        MemoryType::ACPI_NON_VOLATILE => Kind::AcpiNvs,
        MemoryType::UNUSABLE => Kind::Bad,
        _ => Kind::Reserved,
    }
}
