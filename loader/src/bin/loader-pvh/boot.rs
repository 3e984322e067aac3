//! What happens after the entry stub: firmware data in, kernel out.

use arrayvec::ArrayVec;
use loader::{
    acpi::{self, MAX_IO_APICS},
    address::PhysRange,
    archive::Archive,
    cpu,
    error::LoadError,
    exceptions, files, handoff,
    launch::{self, Machine, Prepared},
    memory::{Identity, PhysMemory},
    memory_map::{Kind, MemoryMap},
    report,
};
use x86_64::PhysAddr;

use crate::{clock, start_info::StartInfo};

/// `LIMINE_FIRMWARE_TYPE_X86BIOS`: QEMU runs SeaBIOS before `-kernel`.
const FIRMWARE_BIOS: u64 = 0;

unsafe extern "C" {
    /// The loader's image in memory, from the linker script.
    static __loader_start: u8;
    static __loader_end: u8;
}

/// Called by the entry stub, in 64-bit mode, with the first 4 GiB mapped at
/// their own addresses.
pub extern "sysv64" fn pvh_main(start_info: u64) -> ! {
    exceptions::install();
    // SAFETY: the entry stub mapped the first 4 GiB, where the library's
    // allocations and ACPI's tables are; the loader's image and the archive,
    // to which references exist, are marked in the map before it is used.
    let mut memory = unsafe { Identity::new() };
    match load(&mut memory, PhysAddr::new_truncate(start_info)) {
        // SAFETY: the kernel was prepared over this machine; SeaBIOS is not
        // used any more; the IO APICs are ACPI's word, and lie with the local
        // APIC below 4 GiB.
        Ok((kernel, io_apics)) => unsafe { handoff::enter(&kernel, &io_apics) },
        Err(error) => report::refuse(error),
    }
}

/// Loads the kernel from the archive and finds the IO APICs to silence.
fn load(
    memory: &mut Identity,
    start_info: PhysAddr,
) -> Result<(Prepared, ArrayVec<PhysAddr, MAX_IO_APICS>), LoadError<'static>> {
    let info = StartInfo::read(memory, start_info)
        .ok_or(LoadError::Firmware("no valid PVH start info; start me with QEMU's -kernel"))?;
    let initrd = info.first_module(memory).ok_or(LoadError::NoArchive)?;
    let map = memory_map(memory, &info, initrd)
        .map_err(|error| LoadError::Memory { purpose: "memory map", error })?;
    // SAFETY: QEMU put the initrd there; it is in mapped memory, marked as the
    // loader's in the map, and so never written.
    let archive = unsafe {
        core::slice::from_raw_parts(initrd.start().as_u64() as *const u8, initrd.len() as usize)
    };
    let files = files::gather(&mut Archive::new(archive))?;
    let rsdp = info.rsdp();
    let machine = Machine {
        map,
        features: cpu::features(),
        firmware_type: FIRMWARE_BIOS,
        rsdp,
        system_table: None,
        framebuffer: None,
        boot_time: clock::read().and_then(|time| time.date().unix_time()),
        trampoline: handoff::trampoline(),
    };
    let kernel = launch::prepare(memory, machine, &files)?;
    let io_apics = rsdp.map(|rsdp| acpi::io_apics(memory, rsdp)).unwrap_or_default();
    Ok((kernel, io_apics))
}

/// The firmware's map with the loader's image and archive marked.
fn memory_map(
    memory: &impl PhysMemory,
    info: &StartInfo,
    initrd: PhysRange,
) -> Result<MemoryMap, loader::memory_map::MapError> {
    let mut map = MemoryMap::new();
    for (range, kind) in info.memory(memory) {
        map.mark(range, kind)?;
    }
    let image = PhysRange::new(
        PhysAddr::new(&raw const __loader_start as u64),
        PhysAddr::new(&raw const __loader_end as u64),
    );
    for range in [image, initrd] {
        map.mark(range, Kind::LoaderReclaimable)?;
    }
    Ok(map)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    report::panicked(info)
}
