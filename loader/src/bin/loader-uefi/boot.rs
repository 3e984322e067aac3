//! The road through the firmware: all that needs its services, then out of
//! them, then the library.

use arrayvec::ArrayVec;
use loader::{
    acpi::{self, MAX_IO_APICS},
    cpu,
    error::LoadError,
    exceptions,
    files::{self, BootFiles},
    five_level, handoff,
    launch::{self, Machine, Prepared},
    memory::Identity,
    memory_map::MapError,
    report,
};
use uefi::{Status, boot, prelude::entry};
use x86_64::{PhysAddr, instructions::interrupts};

use crate::{firmware, screen, volume::BootVolume};

/// `LIMINE_FIRMWARE_TYPE_UEFI64`.
const FIRMWARE_UEFI_64: u64 = 2;

#[entry]
fn main() -> Status {
    let mut volume = match BootVolume::open() {
        Ok(volume) => volume,
        Err(error) => refuse(error),
    };
    let files = match files::gather(&mut volume) {
        Ok(files) => files,
        Err(error) => refuse(error),
    };
    drop(volume);
    let framebuffer = screen::find();
    let rsdp = firmware::rsdp();
    let system_table = firmware::system_table();
    let boot_time = firmware::unix_time();
    let low_memory = match five_level::is_on().then(firmware::low_memory).transpose() {
        Ok(low_memory) => low_memory,
        Err(error) => refuse(error),
    };

    // SAFETY: nothing of the firmware's is held: the volume is closed, the
    // files lie in pages of the loader's own, and the rest are plain values.
    let descriptors = unsafe { boot::exit_boot_services(None) };
    interrupts::disable();
    if let Some(low_memory) = low_memory {
        // SAFETY: 5-level paging is on, and UEFI runs without PCIDs; all
        // memory is mapped at its own address and in reach of 4 levels on any
        // machine of less than 128 TiB; the pages were allocated for this; the
        // firmware's GDT is not needed.
        unsafe { five_level::leave(low_memory) };
    }
    exceptions::install();
    // SAFETY: UEFI maps memory at its own address (UEFI specification 2.10,
    // sec. 2.3.4 "x64 Platforms"); the loader's image and the files, to which
    // references exist, are loader memory in the firmware's map.
    let mut memory = unsafe { Identity::new() };
    let machine = firmware::memory_map(&descriptors, framebuffer.as_ref()).map(|map| Machine {
        map,
        features: cpu::features(),
        firmware_type: FIRMWARE_UEFI_64,
        rsdp,
        system_table,
        framebuffer,
        boot_time,
        trampoline: handoff::trampoline(),
    });
    match load(&mut memory, machine, &files) {
        // SAFETY: the kernel was prepared over this machine; boot services
        // have ended; the IO APICs are ACPI's word, and they and the local
        // APIC are mapped like all of the address space in use.
        Ok((kernel, io_apics)) => unsafe { handoff::enter(&kernel, &io_apics) },
        Err(error) => report::refuse(error),
    }
}

/// Loads the kernel and finds the IO APICs to silence.
fn load<'a>(
    memory: &mut Identity,
    machine: Result<Machine, MapError>,
    files: &BootFiles<'a>,
) -> Result<(Prepared, ArrayVec<PhysAddr, MAX_IO_APICS>), LoadError<'a>> {
    let machine = machine.map_err(|error| LoadError::Memory { purpose: "memory map", error })?;
    let rsdp = machine.rsdp;
    let kernel = launch::prepare(memory, machine, files)?;
    let io_apics = rsdp.map(|rsdp| acpi::io_apics(memory, rsdp)).unwrap_or_default();
    Ok((kernel, io_apics))
}

/// Refuses while the firmware still can show the reason on a screen.
fn refuse(error: LoadError) -> ! {
    screen::show(&error);
    report::refuse(error)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    report::panicked(info)
}
