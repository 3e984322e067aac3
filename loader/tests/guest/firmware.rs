//! What comes from the firmware.

use limine::{firmware_type::FirmwareType, memory_map::EntryType};
use loader::date::CmosTime;
use x86_64::instructions::port::Port;

use crate::{
    requests::{
        self, BASE_REVISION, BOOTLOADER_INFO, DATE_AT_BOOT, FIRMWARE_TYPE, FRAMEBUFFER, OUTSIDE,
        RSDP, SYSTEM_TABLE,
    },
    run::check,
    walk,
};

/// Write-combining's place in the prescribed PAT layout.
const PAT_WC: u64 = 5;

pub fn handshake() {
    check!("base-revision", BASE_REVISION.is_supported(), "base revision 2 was not accepted");
    let info = BOOTLOADER_INFO.get_response();
    let version = info.map_or("", |info| info.version());
    check!("name", !requests::loader_name().is_empty(), "the loader has no name");
    check!("version", !version.is_empty(), "the loader has no version");
    check!("outside-markers", OUTSIDE.get_response().is_none(), "the request was answered");
}

pub fn firmware_type() {
    let firmware = FIRMWARE_TYPE.get_response().map(|response| response.firmware_type());
    let table = SYSTEM_TABLE.get_response();
    if firmware == Some(FirmwareType::X86_BIOS) {
        check!("bios-has-no-system-table", table.is_none(), "but there is one");
    } else {
        let is_uefi = firmware == Some(FirmwareType::UEFI_64);
        check!("uefi-64", is_uefi, "neither BIOS nor 64-bit UEFI");
        // SAFETY: the loader says that the EFI system table is there.
        let signature = table.map(|table| unsafe { *(table.address() as *const [u8; 8]) });
        check!("system-table", signature == Some(*b"IBI SYST"), "signature {signature:x?}");
    }
}

pub fn rsdp() {
    let Some(response) = RSDP.get_response() else {
        return check!("rsdp-answered", false, "no response");
    };
    // SAFETY: the loader says that the RSDP, 20 bytes at least, is there.
    let bytes = unsafe { *(response.address() as *const [u8; 20]) };
    check!("signature", bytes.starts_with(b"RSD PTR "), "{bytes:x?}");
    let sum = bytes.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    check!("checksum", sum == 0, "{bytes:x?}");
}

pub fn date_at_boot() {
    let boot = DATE_AT_BOOT.get_response().map_or(0, |it| it.timestamp().as_secs() as i64);
    let now = cmos_time().date().unix_time().unwrap_or(0);
    // The clock may go on between the loader's reading and this one.
    check!("date-at-boot", now != 0 && (0..=60).contains(&(now - boot)), "{boot}, now is {now}");
}

/// The clock, read until two readings agree.
fn cmos_time() -> CmosTime {
    let register = |index: u8| {
        // SAFETY: reading the CMOS clock touches no memory.
        unsafe {
            Port::new(0x70).write(index);
            Port::<u8>::new(0x71).read()
        }
    };
    let read = || CmosTime {
        second: register(0),
        minute: register(2),
        hour: register(4),
        day: register(7),
        month: register(8),
        year: register(9),
        century: register(0x32),
        status_b: register(0x0b),
    };
    let mut last = read();
    loop {
        let next = read();
        if next == last {
            return next;
        }
        last = next;
    }
}

pub fn framebuffer() {
    let screen = FRAMEBUFFER.get_response().and_then(|response| response.framebuffers().next());
    let in_map = requests::memory_map().iter().find(|it| it.entry_type == EntryType::FRAMEBUFFER);
    let Some(screen) = screen else {
        return check!("no-framebuffer", in_map.is_none(), "but the map has one");
    };
    let size = screen.pitch() * screen.height();
    let fits = screen.pitch() >= screen.width() * u64::from(screen.bpp()) / 8 && size > 0;
    check!("dimensions", fits, "{}x{}", screen.width(), screen.height());
    let entry = requests::entry_of_direct(screen.addr(), size);
    let is_marked = entry.is_some_and(|it| it.entry_type == EntryType::FRAMEBUFFER);
    check!("framebuffer-in-map", is_marked, "{:?} is not", screen.addr());
    for at in [0, size - 1] {
        let translation = walk::translate(screen.addr() as u64 + at);
        let is_wc = translation.is_some_and(|it| it.write && it.pat_index == PAT_WC);
        check!("write-combining", is_wc, "{translation:x?}");
    }
}
